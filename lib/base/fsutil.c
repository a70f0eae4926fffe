/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounded reads and atomic, durable writes. See fsutil.h.
 */

#include "base/fsutil.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void close_keep_errno(int fd)
{
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
}

/* --- reading --- */

/* One more byte than the limit, to detect that there is more. */
static int read_to_end(int fd, size_t limit, Bytes *bytes)
{
    size_t capacity = 0;
    ssize_t n = 1;

    while (n != 0 && bytes->size <= limit) {
        if (bytes->size == capacity) {
            uint8_t *data;

            capacity = capacity ? capacity * 2 : 4096;
            if (capacity > limit + 1)
                capacity = limit + 1;
            data = realloc(bytes->data, capacity);
            if (!data)
                return -ENOMEM;
            bytes->data = data;
        }
        n = read(fd, bytes->data + bytes->size, capacity - bytes->size);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            bytes->size += (size_t)n;
    }
    return 0;
}

int file_read_fd(int fd, const char *name, size_t limit, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes bytes = {0};
    int r = read_to_end(fd, limit, &bytes);

    if (r < 0)
        return reason_set(reason, r, "cannot read %s", name);
    if (bytes.size > limit)
        return reason_set(reason, OUTCOME_TOO_LARGE, "%s is larger than %zu bytes", name, limit);
    *ret = TAKE(bytes);
    return 0;
}

int file_read(const char *path, size_t limit, Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return reason_set(reason, -errno, "cannot open %s", path);
    return file_read_fd(fd, path, limit, reason, ret);
}

/* --- writing --- */

int file_write_fd(int fd, BytesView content)
{
    while (content.size > 0) {
        ssize_t n = write(fd, content.data, content.size);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            content.data += n;
            content.size -= (size_t)n;
        }
    }
    return 0;
}

/* -1 leaves a value, because only root can give files away. Skips a call that would change nothing:
 * the broker's sandbox forbids chown(). */
static int give(int fd, uid_t owner, gid_t group)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    if ((owner == (uid_t)-1 || owner == status.st_uid) &&
        (group == (gid_t)-1 || group == status.st_gid))
        return 0;
    return fchown(fd, owner, group) < 0 ? -errno : 0;
}

static int fill(int fd, BytesView content, uid_t owner, FileOwnership ownership)
{
    int r = give(fd, owner, ownership.group);

    if (r < 0)
        return r;
    if (fchmod(fd, ownership.mode) < 0)
        return -errno;
    r = file_write_fd(fd, content);
    if (r < 0)
        return r;
    return fsync(fd) < 0 ? -errno : 0;
}

static int create(int directory, const char *name, BytesView content, uid_t owner,
                  FileOwnership ownership)
{
    _cleanup_(closep) int fd =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = fill(fd, content, owner, ownership);
    if (r < 0)
        unlinkat(directory, name, 0);
    return r;
}

int file_create_at(int directory, const char *name, BytesView content, FileOwnership ownership,
                   Reason *reason)
{
    int r = create(directory, name, content, (uid_t)-1, ownership);

    return r == 0 ? 0 : reason_set(reason, r, "cannot write %s", name);
}

void file_temporary_name(char name[FILE_TEMPORARY_BYTES])
{
    snprintf(name, FILE_TEMPORARY_BYTES, ".nspawn-creds-%08x%08x.tmp", randombytes_random(),
             randombytes_random());
}

/* Removes the temporary files of writers that were killed. */
static void clear_leftovers(int directory)
{
    _cleanup_(closedirp) DIR *folder = NULL;
    time_t now = time(NULL);
    struct stat status;
    const char *name;

    if (directory_list(directory, "", NULL, &folder) != 0)
        return;
    while (directory_next(folder, "", NULL, &name) == 0 && name)
        if (fnmatch(".nspawn-creds-????????????????.tmp", name, 0) == 0 &&
            fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && status.st_mtim.tv_sec + LIMIT_LEFTOVER_SECONDS < now)
            unlinkat(directory, name, 0);
}

static int write_at(int directory, const char *name, BytesView content, uid_t owner,
                    FileOwnership ownership, bool replace, Reason *reason)
{
    char temporary[FILE_TEMPORARY_BYTES];
    int r;

    clear_leftovers(directory);
    file_temporary_name(temporary);
    r = create(directory, temporary, content, owner, ownership);
    if (r < 0)
        return reason_set(reason, r, "cannot write %s", name);
    if (renameat2(directory, temporary, directory, name, replace ? 0 : RENAME_NOREPLACE) == 0 &&
        fsync(directory) == 0)
        return 0;
    r = reason_set(reason, -errno, "cannot write %s", name);
    unlinkat(directory, temporary, 0);
    return r;
}

int file_write_like_at(int directory, const char *name, BytesView content, const struct stat *like,
                       Reason *reason)
{
    return write_at(directory, name, content, geteuid() == 0 ? like->st_uid : (uid_t)-1,
                    (FileOwnership){like->st_mode & 07777, like->st_gid}, true, reason);
}

char *file_parent(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');

    *ret_name = slash ? slash + 1 : path;
    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

int file_write(const char *path, BytesView content, mode_t mode, bool replace, Reason *reason)
{
    const char *name;
    _cleanup_(freep) char *parent = file_parent(path, &name);
    _cleanup_(closep) int directory = -1;

    if (*name == '\0')
        return reason_set(reason, -EISDIR, "cannot write %s", path);
    if (!parent)
        return reason_set(reason, -ENOMEM, "cannot write %s", path);
    directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return reason_set(reason, -errno, "cannot open the directory %s", parent);
    return write_at(directory, name, content, (uid_t)-1, (FileOwnership){mode, (gid_t)-1}, replace,
                    reason);
}

/* --- directories --- */

int directory_list(int fd, const char *path, Reason *reason, DIR **ret)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again >= 0 ? fdopendir(again) : NULL;
    int r;

    if (!directory) {
        r = reason_set(reason, -errno, "cannot list the directory %s", path);
        close_keep_errno(again);
        return r;
    }
    *ret = directory;
    return 0;
}

int directory_next(DIR *directory, const char *path, Reason *reason, const char **ret)
{
    const struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(directory);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    if (!entry && errno != 0)
        return reason_set(reason, -errno, "cannot list the directory %s", path);
    *ret = entry ? entry->d_name : NULL;
    return 0;
}
