/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory as a carrier: for what rsync, NFS, a configuration management or a stick brings.
 */

#include "carrier.h"

#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>

typedef struct DirCarrier {
    Carrier carrier;
    const char *location;
    int changes; /* inotify's, or -1 */
    bool watched;
} DirCarrier;

static int dir_open(const CarrierSettings *settings, long, Reason *reason, Carrier **ret)
{
    DirCarrier *dir = calloc(1, sizeof(*dir));

    if (!dir)
        return reason_set(reason, -ENOMEM, "%s", settings->location);
    dir->location = settings->location;
    /* without it, waiting takes the whole interval */
    dir->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    *ret = &dir->carrier;
    return 0;
}

static void dir_close(Carrier *carrier)
{
    close_keep_errno(((DirCarrier *)carrier)->changes);
    free(carrier);
}

static int failed(const char *path, Reason *reason)
{
    return reason_set(reason, errno == ENOENT ? OUTCOME_NOT_FOUND : OUTCOME_CARRIER_FAILED,
                      "%s: %m", path);
}

/* The same for a file of DIR. Nothing is known about files of a carrier that is not there, such as
 * a stick that is not mounted. */
static int file_failed(const DirCarrier *dir, const char *path, Reason *reason)
{
    int error = errno;

    if (error == ENOENT && access(dir->location, F_OK) < 0)
        return reason_set(reason, OUTCOME_CARRIER_FAILED, "%s: %m", dir->location);
    errno = error;
    return failed(path, reason);
}

static int full_path(const DirCarrier *dir, const char *path, Reason *reason, char ret[PATH_MAX])
{
    return snprintf(ret, PATH_MAX, "%s/%s", dir->location, path) < PATH_MAX
               ? 0
               : reason_set(reason, OUTCOME_CARRIER_FAILED, "%s: the path is too long",
                            dir->location);
}

static int dir_get(Carrier *carrier, const char *path, size_t limit, CarrierVersion *version,
                   Reason *reason, Bytes *ret)
{
    DirCarrier *dir = (DirCarrier *)carrier;
    _cleanup_(closep) int fd = -1;
    CarrierVersion now;
    char full[PATH_MAX];
    struct stat info;
    int r = full_path(dir, path, reason, full);

    if (r != 0)
        return r;
    /* a FIFO would block */
    fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) < 0)
        return file_failed(dir, full, reason);
    if (!S_ISREG(info.st_mode))
        return reason_set(reason, OUTCOME_CARRIER_FAILED, "%s is not a regular file", full);
    snprintf(now.text, sizeof(now.text), "%ju:%ju:%jd:%jd.%ld", (uintmax_t)info.st_dev,
             (uintmax_t)info.st_ino, (intmax_t)info.st_size, (intmax_t)info.st_ctim.tv_sec,
             info.st_ctim.tv_nsec);
    if (version && strcmp(version->text, now.text) == 0)
        return 0;
    r = file_read_fd(fd, full, limit, reason, ret);
    if (r == 0 && ret->size == 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "%s is empty", full);
    if (r == 0 && version)
        *version = now;
    return r == 0 ? 0 : OUTCOME_CARRIER_FAILED;
}

/* Makes the directories that the file PATH is in. */
static int make_parents(char *path, size_t keep, Reason *reason)
{
    for (char *slash = strchr(path + keep + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        int r;

        *slash = '\0';
        r = mkdir(path, 0755) < 0 && errno != EEXIST ? failed(path, reason) : 0;
        *slash = '/';
        if (r != 0)
            return r;
    }
    return 0;
}

/* Whether the file PATH has CONTENT. */
static bool has_content(const char *path, BytesView content)
{
    _cleanup_(bytes_done) Bytes there = {0};

    return file_read(path, content.size, NULL, &there) == 0 &&
           bytes_view_equal(bytes_view(&there), content);
}

/* Writes CONTENT as PATH, whole or not at all, but without waiting for the disk. */
static int replace(const char *path, BytesView content, Reason *reason)
{
    _cleanup_(closep) int fd = -1;
    char temporary[FILE_TEMPORARY_BYTES], full[2 * PATH_MAX];
    int r;

    file_temporary_name(temporary);
    snprintf(full, sizeof(full), "%.*s/%s", (int)(strrchr(path, '/') - path), path, temporary);
    fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return failed(full, reason);
    r = file_write_fd(fd, content);
    if (r == 0 && rename(full, path) == 0)
        return 0;
    errno = r < 0 ? -r : errno;
    r = failed(path, reason);
    (void)unlink(full);
    return r;
}

static int dir_put(Carrier *carrier, const char *path, BytesView content, bool keep, Reason *reason)
{
    DirCarrier *dir = (DirCarrier *)carrier;
    char full[PATH_MAX];
    int r = full_path(dir, path, reason, full);

    if (r == 0)
        r = make_parents(full, strlen(dir->location), reason);
    if (r == 0 && keep && has_content(full, content))
        return 0;
    if (r == 0)
        r = replace(full, content, reason);
    return r == 0 ? 0 : OUTCOME_CARRIER_FAILED;
}

static int dir_remove(Carrier *carrier, const char *path, Reason *reason)
{
    char full[PATH_MAX];
    int r = full_path((DirCarrier *)carrier, path, reason, full);

    return r == 0 && unlink(full) < 0 ? failed(full, reason) : r;
}

/* Once for all files, since each would take some milliseconds. */
static int dir_flush(Carrier *carrier, Reason *reason)
{
    const char *location = ((DirCarrier *)carrier)->location;
    _cleanup_(closep) int fd = open(location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || syncfs(fd) < 0 ? reason_set(reason, OUTCOME_CARRIER_FAILED, "%s: %m", location)
                                    : 0;
}

/* Watches the directory of PATH, which may not be there yet. */
static bool watch(DirCarrier *dir, const char *path)
{
    char full[PATH_MAX];

    if (full_path(dir, path, NULL, full) != 0)
        return false;
    *strrchr(full, '/') = '\0';
    return inotify_add_watch(dir->changes, full,
                             IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                                 IN_ONLYDIR) >= 0;
}

static void dir_wait(Carrier *carrier, const char *path, uint64_t usec)
{
    DirCarrier *dir = (DirCarrier *)carrier;
    struct pollfd changes = {.fd = dir->changes, .events = POLLIN};
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    /* what changed before the watch may have gone unseen */
    if (!dir->watched && watch(dir, path)) {
        dir->watched = true;
        return;
    }
    (void)poll(&changes, 1, (int)(usec / 1000));
    while (read(dir->changes, events, sizeof(events)) > 0)
        /* the directory may have been replaced */
        dir->watched = false;
}

const CarrierKindOps carrier_dir = {
    .open = dir_open,
    .get = dir_get,
    .put = dir_put,
    .remove = dir_remove,
    .flush = dir_flush,
    .wait = dir_wait,
    .close = dir_close,
};
