/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directory of one machine: opened, locked, and cleared up after a crash. See store_internal.h.
 */

#include "base/dirlock.h"
#include "base/fsutil.h"
#include "base/limits.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Why MACHINE's directory could not be opened, in words of the store. */
static int not_opened(int rc, const char *machine, Reason *reason)
{
    if (rc == -ENOENT)
        return reason_set(reason, OUTCOME_NOT_FOUND, "the store has nothing for machine \"%s\"",
                          machine);
    if (rc == -ELOOP || rc == -ENOTDIR)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is not a directory",
                          machine);
    return rc < 0 ? reason_set(reason, rc, "cannot open the store's directory %s", machine) : rc;
}

int store_machine_open(const Store *store, const char *machine, Reason *reason, int *ret_fd)
{
    int fd = openat(store->directory, machine, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return not_opened(-errno, machine, reason);
    *ret_fd = fd;
    return 0;
}

/* --- what a crash has left --- */

void store_staging_name(const char *machine, ino_t inode, char ret_name[STAGING_NAME_BYTES])
{
    snprintf(ret_name, STAGING_NAME_BYTES, ".%s.%llx.tmp", machine, (unsigned long long)inode);
}

/* Whether FILE is such a name of MACHINE. */
static bool staging_name_parse(const char *machine, const char *file, ino_t *ret_inode)
{
    size_t length = strlen(machine);
    char again[STAGING_NAME_BYTES];
    ino_t inode;

    if (file[0] != '.' || strncmp(file + 1, machine, length) != 0 || file[1 + length] != '.')
        return false;
    inode = (ino_t)strtoull(file + 1 + length + 1, NULL, 16);
    store_staging_name(machine, inode, again);
    if (strcmp(file, again) != 0)
        return false;
    *ret_inode = inode;
    return true;
}

static bool is_there(int directory, const char *file)
{
    struct stat status;

    return fstatat(directory, file, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether FILE is made by us: a credential, or the temporary file of one. */
static bool is_ours(const char *machine, const char *file)
{
    CredentialName name;

    return store_file_parse(machine, file, &name) || strncmp(file, ".nspawn-creds-", 14) == 0;
}

typedef struct Leftover {
    const char *machine;
    int directory;
    bool is_new; /* the files that were to come, or those that had to go */
} Leftover;

/* A new file that was not put in place is worth nothing, an old one that was replaced neither. But
 * one that has no successor may have been deleted since, or put there by somebody without the lock:
 * it is not for us to say, and stays. What is not ours, a note or a subdirectory, has to go where
 * it was. */
static void clear_entry(const Leftover *leftover, int in_place, const char *file)
{
    bool ours = is_ours(leftover->machine, file);

    if ((ours && leftover->is_new) || is_there(in_place, file))
        unlinkat(leftover->directory, file, 0);
    else if (!ours)
        renameat2(leftover->directory, file, in_place, file, RENAME_NOREPLACE);
}

void store_staging_clear(const Store *store, const char *machine, ino_t inode, int in_place)
{
    _cleanup_(closedirp) DIR *directory = NULL;
    char name[STAGING_NAME_BYTES];
    const struct dirent *entry;
    struct stat status;
    int fd;

    store_staging_name(machine, inode, name);
    fd = openat(store->directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        close_keep_errno(fd);
        return;
    }
    if (fstat(fd, &status) < 0)
        return;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            clear_entry(&(Leftover){machine, fd, status.st_ino != inode}, in_place, entry->d_name);
    unlinkat(store->directory, name, AT_REMOVEDIR);
}

/* What cannot be cleared up stays for the next one: it is in nobody's way. */
static void clear_leftovers(const Store *store, const char *machine, int in_place)
{
    int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    ino_t inode;

    if (!directory) {
        close_keep_errno(fd);
        return;
    }
    while ((entry = readdir(directory)))
        if (staging_name_parse(machine, entry->d_name, &inode))
            store_staging_clear(store, machine, inode, in_place);
}

int store_machine_lock(const Store *store, const char *machine, Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int fd = -1;
    int r = directory_lock_at(store->directory, machine, LIMIT_LOCK_USEC, reason, &fd);

    if (r != 0)
        return not_opened(r, machine, reason);
    clear_leftovers(store, machine, fd);
    file_clear_temporaries(fd);
    *ret_fd = TAKE_FD(fd);
    return 0;
}
