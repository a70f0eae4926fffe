/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lock of a directory. See dirlock.h.
 */

#include "base/dirlock.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

bool directory_is_at(int parent, const char *name, int fd)
{
    struct stat held, there;

    return fstat(fd, &held) == 0 && fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

int directory_lock_at(int parent, const char *name, uint64_t usec, Reason *reason, int *ret_fd)
{
    static const struct timespec step = {.tv_nsec = LIMIT_LOCK_STEP_USEC * 1000};

    for (uint64_t waited = 0;; waited += LIMIT_LOCK_STEP_USEC) {
        _cleanup_(closep) int fd =
            openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
            return reason_set(reason, -errno, "cannot open the directory %s", name);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (!directory_is_at(parent, name, fd))
                continue;
            *ret_fd = TAKE_FD(fd);
            return 0;
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            return reason_set(reason, -errno, "cannot lock the directory %s", name);
        if (waited >= usec)
            return reason_set(reason, OUTCOME_TIMEOUT,
                              "another program holds the lock of the directory %s", name);
        nanosleep(&step, NULL);
    }
}
