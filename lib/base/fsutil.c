/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/fsutil.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
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

void file_clear_leftovers(int directory)
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

int directory_sync(int directory, const char *path, Reason *reason)
{
    return fsync(directory) == 0
               ? 0
               : reason_set(reason, -errno,
                            "%s has its new content, which may not survive a crash: cannot write "
                            "its directory to the disk",
                            path);
}

/* PATH is for messages. */
static int write_at(int directory, const char *name, const char *path, BytesView content,
                    uid_t owner, FileOwnership ownership, bool replace, Reason *reason)
{
    char temporary[FILE_TEMPORARY_BYTES];
    int r;

    file_clear_leftovers(directory);
    file_temporary_name(temporary);
    r = create(directory, temporary, content, owner, ownership);
    if (r < 0)
        return reason_set(reason, r, "cannot write %s", path);
    if (renameat2(directory, temporary, directory, name, replace ? 0 : RENAME_NOREPLACE) == 0)
        return directory_sync(directory, path, reason);
    r = reason_set(reason, -errno, "cannot write %s", path);
    unlinkat(directory, temporary, 0);
    return r;
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
        return reason_set(reason, *path ? -EISDIR : -ENOENT, "cannot write \"%s\"", path);
    if (!parent)
        return reason_set(reason, -ENOMEM, "cannot write %s", path);
    directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return reason_set(reason, -errno, "cannot open the directory %s", parent);
    return write_at(directory, name, path, content, (uid_t)-1, (FileOwnership){mode, (gid_t)-1},
                    replace, reason);
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

/* --- locks --- */

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

/* --- editing --- */

/* Whether NAME is a link that a switch of NixOS made, and the next one would make again. */
static bool is_from_nixos(int directory, const char *name)
{
    char target[32] = "";

    /* whatever does not fit is cut off */
    return readlinkat(directory, name, target, sizeof(target) - 1) > 0 &&
           (strncmp(target, "/etc/static/", strlen("/etc/static/")) == 0 ||
            strncmp(target, "/nix/store/", strlen("/nix/store/")) == 0);
}

/* Reads NAME in DIRECTORY. PATH is for messages. */
static int read_at(int directory, const char *name, const char *path, size_t limit, Reason *reason,
                   struct stat *ret_status, Bytes *ret)
{
    /* O_NONBLOCK, in case it is a FIFO */
    _cleanup_(closep) int fd =
        openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ELOOP)
        return reason_set(reason, OUTCOME_USAGE,
                          is_from_nixos(directory, name)
                              ? "%s comes from the configuration of NixOS: change it there, then "
                                "run: nixos-rebuild switch"
                              : "%s is a symbolic link: name its target instead",
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
    if (r != 0)
        return r;
    return write_at(directory, name, path, after, geteuid() == 0 ? status.st_uid : (uid_t)-1,
                    (FileOwnership){status.st_mode & 07777, status.st_gid}, true, reason);
}
