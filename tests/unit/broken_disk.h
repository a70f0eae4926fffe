/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A disk that does not give back what it has. For tests that are linked with --wrap=read.
 */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Reading fails of files whose name ends so; NULL: of none. */
static const char *broken_file;

static inline bool is_broken(int fd)
{
    char link[64], path[PATH_MAX];
    size_t length;
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = broken_file ? readlink(link, path, sizeof(path) - 1) : 0;
    if (n <= 0)
        return false;
    path[n] = '\0';
    length = strlen(broken_file);
    return (size_t)n > length && strcmp(path + n - length, broken_file) == 0;
}

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
    if (!is_broken(fd))
        return __real_read(fd, buffer, size);
    errno = EIO;
    return -1;
}
