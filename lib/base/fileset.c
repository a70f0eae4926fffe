/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * They are written to a new directory beside the old one. A rename, or an exchange of the two, puts
 * it in place; what then has the temporary name is removed.
 */

#include "base/fileset.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool is_written(const char *name, const FileSetEntry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, name) == 0)
            return true;
    return false;
}

/* Checks whether PATH exists in PARENT, and that it holds nothing that would be lost. */
static int check_old(int parent, const char *path, const FileSetEntry *entries, size_t count,
                     Reason *reason, bool *ret_exists)
{
    _cleanup_(closep) int fd =
        openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *name;
    int r;

    if (fd < 0 && errno == ENOENT) {
        *ret_exists = false;
        return 0;
    }
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the directory %s", path);
    r = directory_list(fd, path, reason, &directory);
    while (r == 0 && (r = directory_next(directory, path, reason, &name)) == 0 && name)
        if (!is_written(name, entries, count))
            return reason_set(reason, OUTCOME_USAGE,
                              "%s holds %.80s, which would be lost. Remove it, or name another "
                              "directory",
                              path, name);
    if (r != 0)
        return r;
    *ret_exists = true;
    return 0;
}

/* Removes the files of ENTRIES and then the directory PATH in PARENT, as far as possible. */
static void remove_set(int parent, const char *path, const FileSetEntry *entries, size_t count)
{
    _cleanup_(closep) int fd =
        openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    for (size_t i = 0; fd >= 0 && i < count; i++)
        unlinkat(fd, entries[i].name, 0);
    unlinkat(parent, path, AT_REMOVEDIR);
}

static int fill(int parent, const char *path, const FileSetEntry *entries, size_t count,
                mode_t mode, Reason *reason)
{
    _cleanup_(closep) int fd = -1;
    int r = 0;

    if (mkdirat(parent, path, 0755) < 0)
        return reason_set(reason, -errno, "cannot create a directory");
    fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the new directory");
    for (size_t i = 0; r == 0 && i < count; i++)
        r = file_create_at(fd, entries[i].name, bytes_view(&entries[i].content),
                           (FileOwnership){mode, (gid_t)-1}, reason);
    if (r == 0 && fsync(fd) < 0)
        r = reason_set(reason, -errno, "cannot write the new directory");
    return r;
}

static int write_set(int parent, const char *name, const FileSetEntry *entries, size_t count,
                     mode_t mode, Reason *reason)
{
    char temporary[FILE_TEMPORARY_BYTES];
    bool exists = false;
    int r = check_old(parent, name, entries, count, reason, &exists);

    if (r != 0)
        return r;
    file_temporary_name(temporary);
    r = fill(parent, temporary, entries, count, mode, reason);
    if (r == 0 && (renameat2(parent, temporary, parent, name,
                             exists ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0 ||
                   fsync(parent) < 0))
        r = reason_set(reason, -errno, "cannot put %s in place", name);
    if (r != 0 || exists)
        remove_set(parent, temporary, entries, count);
    return r;
}

int file_set_write(const char *path, const FileSetEntry *entries, size_t count, mode_t mode,
                   Reason *reason)
{
    _cleanup_(freep) char *copy = strdup(path), *directory = NULL;
    _cleanup_(closep) int parent = -1;
    size_t length = strlen(path);
    const char *name;

    while (copy && length > 1 && copy[length - 1] == '/')
        copy[--length] = '\0';
    directory = copy ? file_parent(copy, &name) : NULL;
    if (!directory)
        return reason_set(reason, -ENOMEM, "cannot write %s", path);
    if (*name == '\0' || strcmp(copy, ".") == 0)
        return reason_set(reason, OUTCOME_USAGE, "\"%s\" is not the name of a new directory", path);
    parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return reason_set(reason, -errno, "cannot open the parent directory of %s", path);
    return write_set(parent, name, entries, count, mode, reason);
}
