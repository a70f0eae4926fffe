/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/trusted_file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* As many as the kernel follows. */
#define LINKS_MAX 40U

typedef struct Walk {
    const Context *context;
    const char *path;    /* for words */
    int top;             /* the root, where absolute links begin */
    int at;              /* the directory that was reached */
    char rest[PATH_MAX]; /* what is left to walk */
    unsigned links;
    bool is_link;  /* the path itself, whatever its directories are */
    Reason unsafe; /* the first thing that was wrong with what was passed; empty if nothing was */
} Walk;

static void walk_done(Walk *walk)
{
    close_keep_errno(walk->top);
    close_keep_errno(walk->at);
}

/* Records an unsafe component. It matters only if the path leads to a file. */
static void judge(Walk *walk, const struct stat *status, const char *name)
{
    bool shared = status->st_mode & (S_IWGRP | S_IWOTH);
    const char *owner = walk->context->trusted_uid == 0 ? "root" : "you";

    if (walk->unsafe.text[0])
        return;
    if (status->st_uid != walk->context->trusted_uid && status->st_uid != 0)
        reason_set(&walk->unsafe, OUTCOME_FILE_UNSAFE,
                   "%s: \"%.80s\" belongs to user %u, not to %s", walk->path, name, status->st_uid,
                   owner);
    else if (shared && !S_ISLNK(status->st_mode) &&
             !(S_ISDIR(status->st_mode) && status->st_mode & S_ISVTX))
        reason_set(&walk->unsafe, OUTCOME_FILE_UNSAFE,
                   "%s: \"%.80s\" is writable for others than %s (mode %04o)", walk->path, name,
                   owner, status->st_mode & 07777U);
}

/* Takes the first component off what is left; false if there is none. */
static bool next_component(Walk *walk, char name[PATH_MAX])
{
    size_t skip = strspn(walk->rest, "/");
    size_t length = strcspn(walk->rest + skip, "/");

    if (length == 0)
        return false;
    /* whole, so that the kernel refuses what is too long for a name */
    memcpy(name, walk->rest + skip, length);
    name[length] = '\0';
    memmove(walk->rest, walk->rest + skip + length, strlen(walk->rest + skip + length) + 1);
    return true;
}

static void go_to(Walk *walk, int directory)
{
    close(walk->at);
    walk->at = directory;
}

static int follow(Walk *walk, int link)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(link, "", target, sizeof(target));
    size_t rest = strlen(walk->rest);

    if (length < 0)
        return -errno;
    if (walk->rest[strspn(walk->rest, "/")] == '\0')
        walk->is_link = true;
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    if ((size_t)length + rest >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    memmove(walk->rest + length, walk->rest, rest + 1);
    memcpy(walk->rest, target, (size_t)length);
    if (target[0] == '/') {
        int top = fcntl(walk->top, F_DUPFD_CLOEXEC, 0);

        if (top < 0)
            return -errno;
        go_to(walk, top);
    }
    return 0;
}

/* Passes NAME on the way; ret_fd is the file once it is reached. */
static int step(Walk *walk, const char *name, int *ret_fd)
{
    _cleanup_(closep) int next = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    if (next < 0 || fstat(next, &status) < 0)
        return -errno;
    if (S_ISLNK(status.st_mode)) {
        judge(walk, &status, name);
        return follow(walk, next);
    }
    if (S_ISDIR(status.st_mode)) {
        judge(walk, &status, name);
        go_to(walk, TAKE_FD(next));
        return 0;
    }
    if (walk->rest[strspn(walk->rest, "/")] != '\0')
        return -ENOTDIR;
    if (S_ISREG(status.st_mode)) {
        close(next);
        next = openat(walk->at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (next < 0 || fstat(next, &status) < 0)
            return -errno;
    }
    judge(walk, &status, name);
    if (!S_ISREG(status.st_mode))
        return -EBADF;
    *ret_fd = TAKE_FD(next);
    return 0;
}

static int begin(Walk *walk, const char *path)
{
    const char *root = walk->context->root;
    struct stat status;

    if ((size_t)snprintf(walk->rest, sizeof(walk->rest), "%s", path) >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    walk->top = open(*root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    walk->at = walk->top < 0 ? -1 : fcntl(walk->top, F_DUPFD_CLOEXEC, 0);
    if (walk->at < 0 || fstat(walk->at, &status) < 0)
        return -errno;
    judge(walk, &status, "/");
    return 0;
}

int trusted_file_open(const Context *context, const char *path, Reason *reason, int *ret_fd)
{
    _cleanup_(walk_done) Walk walk = {.context = context, .path = path, .top = -1, .at = -1};
    _cleanup_(closep) int fd = -1;
    char name[PATH_MAX];
    int r = begin(&walk, path);

    while (r == 0 && fd < 0)
        r = next_component(&walk, name) ? step(&walk, name, &fd) : -EISDIR;
    if (r == -ENOENT && walk.is_link)
        return reason_set(reason, OUTCOME_FILE_UNSAFE, "%s is a link to a file that does not exist",
                          path);
    if (r == -ENOENT)
        return reason_set(reason, OUTCOME_NOT_FOUND, "there is no %s", path);
    if (r == -EBADF || r == -EISDIR)
        return reason_set(reason, OUTCOME_FILE_UNSAFE, "%s is not a regular file", path);
    if (r < 0)
        return reason_set(reason, r, "cannot open %s", path);
    if (walk.unsafe.text[0])
        return reason_set(reason, OUTCOME_FILE_UNSAFE, "%s", walk.unsafe.text);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int trusted_directory_check(const Context *context, const char *path, Reason *reason)
{
    _cleanup_(walk_done) Walk walk = {.context = context, .path = path, .top = -1, .at = -1};
    _cleanup_(closep) int fd = -1;
    char name[PATH_MAX];
    int r = begin(&walk, path);

    while (r == 0 && fd < 0 && next_component(&walk, name))
        r = step(&walk, name, &fd);
    if (r == 0 && fd >= 0)
        r = -ENOTDIR;
    if (r < 0)
        return reason_set(reason, r, "cannot open %s", path);
    return walk.unsafe.text[0] ? reason_set(reason, OUTCOME_FILE_UNSAFE, "%s", walk.unsafe.text)
                               : 0;
}
