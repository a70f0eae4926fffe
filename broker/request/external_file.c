/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/external_file.h"

#include "base/fsutil.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int open_file(const char *path, Reason *reason, int *ret_fd, struct stat *ret_status)
{
    /* O_NONBLOCK, because opening a FIFO would block */
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return reason_set(reason, OUTCOME_FILE_MISSING, "%.200s", path);
    if (fd < 0 && errno == EACCES)
        return reason_set(reason, OUTCOME_FILE_UNSAFE, "the broker may not read %.200s", path);
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return reason_set(reason, -errno, "cannot open %.200s", path);
    if (!S_ISREG(ret_status->st_mode))
        return reason_set(reason, OUTCOME_FILE_UNSAFE, "%.200s is not a regular file", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int external_file_read_sealed(const char *path, Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int fd = -1;
    struct stat status;
    int r = open_file(path, reason, &fd, &status);

    if (r != 0)
        return r;
    if (status.st_mode & S_IWOTH)
        return reason_set(reason, OUTCOME_FILE_UNSAFE, "everybody may write to %.200s", path);
    return file_read_fd(fd, path, LIMIT_FILE_BYTES, reason, ret);
}

static int open_plain(const char *path, uid_t owner, Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int fd = -1;
    struct stat status;
    int r = open_file(path, reason, &fd, &status);

    if (r != 0)
        return r;
    if (status.st_uid != owner)
        return reason_set(reason, OUTCOME_FILE_UNSAFE, "%.200s does not belong to root", path);
    if (status.st_mode & (S_IRWXO | S_IWGRP))
        return reason_set(reason, OUTCOME_FILE_UNSAFE,
                          "%.200s has mode %04o: only root may write to it, and only its group "
                          "may read it",
                          path, status.st_mode & 07777U);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int external_file_check_plain(const char *path, uid_t owner, Reason *reason)
{
    _cleanup_(closep) int fd = -1;
    struct stat status;
    int r = open_plain(path, owner, reason, &fd);

    if (r == 0 && fstat(fd, &status) == 0 && status.st_size == 0)
        return reason_set(reason, OUTCOME_EMPTY, "%.200s is empty", path);
    return r;
}

int external_file_read_plain(const char *path, uid_t owner, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    _cleanup_(closep) int fd = -1;
    int r = open_plain(path, owner, reason, &fd);

    if (r == 0)
        r = secret_read_fd(fd, LIMIT_PLAINTEXT_BYTES, reason, &secret);
    if (r == 0 && secret_size(secret) == 0)
        r = reason_set(reason, OUTCOME_EMPTY, "%.200s is empty", path);
    if (r == 0)
        *ret = TAKE_PTR(secret);
    return r;
}
