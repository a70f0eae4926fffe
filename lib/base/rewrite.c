/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and replacing files. See rewrite.h.
 */

#include "base/rewrite.h"

#include "base/dirlock.h"
#include "base/fsutil.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>

/* Reads NAME in DIRECTORY. PATH is for messages. */
static int read_at(int directory, const char *name, const char *path, size_t limit, Reason *reason,
                   struct stat *ret_status, Bytes *ret)
{
    /* O_NONBLOCK, in case it is a FIFO */
    _cleanup_(closep) int fd =
        openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ELOOP)
        return reason_set(reason, OUTCOME_USAGE, "%s is a symbolic link: name its target instead",
                          path);
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return reason_set(reason, -errno, "cannot open %s", path);
    if (!S_ISREG(ret_status->st_mode))
        return reason_set(reason, OUTCOME_USAGE, "%s is not a regular file", path);
    if (ret_status->st_nlink > 1)
        return reason_set(reason, OUTCOME_USAGE,
                          "%s has %lu links, and the others would keep the old content", path,
                          (unsigned long)ret_status->st_nlink);
    return file_read_fd(fd, path, limit, reason, ret);
}

int rewrite_read(const char *path, size_t limit, Reason *reason, Bytes *ret)
{
    struct stat status;

    return read_at(AT_FDCWD, path, path, limit, reason, &status, ret);
}

int rewrite_write(const char *path, BytesView before, BytesView after, Reason *reason)
{
    const char *name;
    _cleanup_(freep) char *parent = file_parent(path, &name);
    _cleanup_(bytes_done) Bytes now = {0};
    _cleanup_(closep) int directory = -1;
    struct stat status;
    int r;

    if (!parent)
        return reason_set(reason, -ENOMEM, "cannot write %s", path);
    r = directory_lock_at(AT_FDCWD, parent, LIMIT_LOCK_USEC, reason, &directory);
    if (r == 0)
        r = read_at(directory, name, path, before.size, reason, &status, &now);
    if (r == OUTCOME_TOO_LARGE || r == -ENOENT ||
        (r == 0 && !bytes_view_equal(bytes_view(&now), before)))
        return reason_set(reason, OUTCOME_CHANGED, "%s has changed", path);
    return r == 0 ? file_write_like_at(directory, name, after, &status, reason) : r;
}
