/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store. See store.h.
 */

#include "store/store.h"

#include "base/digest.h"
#include "base/dirlock.h"
#include "base/fsutil.h"
#include "base/limits.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define STORE_DIRECTORY_MODE ((mode_t)0770)
#define STORE_FILE_MODE      ((mode_t)0640)
#define STORE_PUBLIC_MODE    ((mode_t)0644)

#define SEALED               ".cred"
#define PUBLIC               ".pub"

int store_new(const char *path, Reason *reason, Store **ret)
{
    _cleanup_(closep) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    Store *store;

    if (directory < 0 || fstat(directory, &status) < 0)
        return reason_set(reason, -errno, "cannot open the store %s", path);
    store = malloc(sizeof(*store));
    if (!store)
        return reason_set(reason, -ENOMEM, "cannot open the store %s", path);
    *store = (Store){.directory = TAKE_FD(directory), .group = status.st_gid};
    *ret = store;
    return 0;
}

Store *store_free(Store *store)
{
    if (store) {
        close_keep_errno(store->directory);
        free(store);
    }
    return NULL;
}

static FileName file_name(const CredentialName *name, const char *suffix)
{
    FileName file;

    snprintf(file.text, sizeof(file.text), "%s%s", name->id, suffix);
    return file;
}

FileName store_file_name(const CredentialName *name)
{
    return file_name(name, SEALED);
}

/* Another name of the file, or another writer than root and us, would be a way in. A file without
 * any name was replaced since it was opened: it is the old one, and whole. */
static int check_entry(int fd, const char *path, Reason *reason)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return reason_set(reason, -errno, "cannot read the store's %s", path);
    if (!S_ISREG(status.st_mode))
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is not a regular file",
                          path);
    if (status.st_nlink > 1)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s has %lu links, not one",
                          path, (unsigned long)status.st_nlink);
    if (status.st_mode & S_IWOTH)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "everybody may write to the store's %s",
                          path);
    return 0;
}

static int read_entry(int fd, const CredentialName *name, const char *suffix, Reason *reason,
                      Bytes *ret)
{
    char path[CREDENTIAL_NAME_TEXT_BYTES + sizeof(SEALED)];
    FileName file = file_name(name, suffix);
    _cleanup_(closep) int entry = -1;
    int r;

    snprintf(path, sizeof(path), "%s/%s", name->machine, file.text);
    /* O_NONBLOCK: a FIFO in the store does not make us wait. */
    entry = openat(fd, file.text, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (entry < 0 && errno == ENOENT)
        return reason_set(reason, OUTCOME_NOT_FOUND, "the store has no %s", path);
    if (entry < 0 && errno == ELOOP)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is a symbolic link", path);
    if (entry < 0)
        return reason_set(reason, -errno, "cannot open the store's %s", path);
    r = check_entry(entry, path, reason);
    return r == 0 ? file_read_fd(entry, path, LIMIT_FILE_BYTES, reason, ret) : r;
}

int store_entry_read(int fd, const CredentialName *name, Reason *reason, Bytes *ret)
{
    return read_entry(fd, name, SEALED, reason, ret);
}

static int read_file(const Store *store, const CredentialName *name, const char *suffix,
                     Reason *reason, Bytes *ret)
{
    for (unsigned looks = 1;; looks++) {
        _cleanup_(closep) int machine = -1;
        int r = store_machine_open(store, name->machine, reason, &machine);

        if (r != 0)
            return r;
        r = read_entry(machine, name, suffix, reason, ret);
        /* not in a directory that another one took the place of: there it may be */
        if (r != OUTCOME_NOT_FOUND || looks == LIMIT_STORE_LOOKS ||
            directory_is_at(store->directory, name->machine, machine))
            return r;
    }
}

int store_read(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret)
{
    return read_file(store, name, SEALED, reason, ret);
}

int store_read_public(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret)
{
    return read_file(store, name, PUBLIC, reason, ret);
}

/* Locked. Also mends what a crash between mkdir and the rest left, so that a directory is never one
 * that the broker cannot use. */
static int ensure_machine(const Store *store, const CredentialName *name, Reason *reason,
                          int *ret_fd)
{
    _cleanup_(closep) int machine = -1;
    struct stat status;
    int r;

    if (mkdirat(store->directory, name->machine, 0700) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make the store's directory %s", name->machine);
    r = store_machine_lock(store, name->machine, reason, &machine);
    if (r != 0)
        return r;
    if (fstat(machine, &status) < 0)
        return reason_set(reason, -errno, "cannot read the store's directory %s", name->machine);
    if (status.st_gid != store->group || (status.st_mode & 07777) != STORE_DIRECTORY_MODE) {
        if ((status.st_gid != store->group && fchown(machine, (uid_t)-1, store->group) < 0) ||
            fchmod(machine, STORE_DIRECTORY_MODE) < 0 || fsync(machine) < 0 ||
            fsync(store->directory) < 0)
            return reason_set(reason, -errno, "cannot set up the store's directory %s",
                              name->machine);
    }
    *ret_fd = TAKE_FD(machine);
    return 0;
}

/* Locked. */
static int put(const Store *store, int machine, const CredentialName *name, const char *suffix,
               BytesView file, bool replace, Reason *reason)
{
    mode_t mode = strcmp(suffix, PUBLIC) == 0 ? STORE_PUBLIC_MODE : STORE_FILE_MODE;

    return file_write_at(machine, file_name(name, suffix).text, file,
                         (FileOwnership){mode, store->group}, replace, reason);
}

static int write_file(const Store *store, const CredentialName *name, const char *suffix,
                      BytesView file, bool replace, Reason *reason)
{
    _cleanup_(closep) int machine = -1;
    int r = ensure_machine(store, name, reason, &machine);

    return r == 0 ? put(store, machine, name, suffix, file, replace, reason) : r;
}

int store_write(const Store *store, const CredentialName *name, BytesView file, Reason *reason)
{
    return write_file(store, name, SEALED, file, true, reason);
}

int store_add(const Store *store, const CredentialName *name, BytesView file, Reason *reason)
{
    int r = write_file(store, name, SEALED, file, false, reason);

    if (r != -EEXIST)
        return r;
    return reason_set(reason, OUTCOME_EXISTS, "the store has %s of %s", name->id, name->machine);
}

int store_write_public(const Store *store, const CredentialName *name, BytesView text,
                       Reason *reason)
{
    return write_file(store, name, PUBLIC, text, true, reason);
}

/* --- rotating --- */

/* Whether what stands in MACHINE is what is to be replaced. */
static int check_old(int machine, const StoreRotation *rotation, Reason *reason)
{
    const CredentialName *name = &rotation->name;
    _cleanup_(bytes_done) Bytes file = {0};
    char digest[DIGEST_TEXT_BYTES];
    int r = read_entry(machine, name, SEALED, reason, &file);

    if (r == OUTCOME_NOT_FOUND && rotation->fresh && !rotation->was)
        return 0;
    if (r != 0 || !rotation->was)
        return r;
    digest_format(bytes_view(&file), digest);
    return strcmp(rotation->was, digest) == 0
               ? 0
               : reason_set(reason, OUTCOME_CHANGED, "%s of %s is not what it was", name->id,
                            name->machine);
}

int store_rotate(const Store *store, const StoreRotation *rotation, Reason *reason)
{
    const CredentialName *name = &rotation->name;
    _cleanup_(bytes_done) Bytes old_public = {0};
    _cleanup_(closep) int machine = -1;
    int r = rotation->fresh ? ensure_machine(store, name, reason, &machine)
                            : store_machine_lock(store, name->machine, reason, &machine);

    if (r == 0)
        r = check_old(machine, rotation, reason);
    if (r != 0)
        return r;
    (void)read_entry(machine, name, PUBLIC, NULL, &old_public);
    /* gone for good before its private half is replaced */
    if (unlinkat(machine, file_name(name, PUBLIC).text, 0) == 0 && fsync(machine) < 0)
        r = reason_set(reason, -errno, "cannot remove the public half of %s", name->id);
    if (r == 0)
        r = put(store, machine, name, SEALED, rotation->file, true, reason);
    if (r != 0 && old_public.size > 0)
        (void)put(store, machine, name, PUBLIC, bytes_view(&old_public), true, NULL);
    if (r == 0 && rotation->public.size > 0)
        (void)put(store, machine, name, PUBLIC, rotation->public, true, NULL);
    return r;
}

int store_remove(const Store *store, const CredentialName *name, Reason *reason)
{
    _cleanup_(closep) int machine = -1;
    int r = store_machine_lock(store, name->machine, reason, &machine);

    if (r != 0)
        return r;
    /* a public half is of no use to anybody without the other one */
    if (unlinkat(machine, file_name(name, SEALED).text, 0) == 0) {
        (void)unlinkat(machine, file_name(name, PUBLIC).text, 0);
        return fsync(machine) < 0
                   ? reason_set(reason, -errno, "cannot remove %s of %s", name->id, name->machine)
                   : 0;
    }
    if (errno == ENOENT)
        return reason_set(reason, OUTCOME_NOT_FOUND, "the store has no %s of %s", name->id,
                          name->machine);
    return reason_set(reason, -errno, "cannot remove %s of %s", name->id, name->machine);
}

int store_remove_public(const Store *store, const CredentialName *name, Reason *reason)
{
    _cleanup_(closep) int machine = -1;
    int r = store_machine_lock(store, name->machine, reason, &machine);

    if (r == OUTCOME_NOT_FOUND)
        return 0;
    if (r != 0)
        return r;
    if (unlinkat(machine, file_name(name, PUBLIC).text, 0) == 0 ? fsync(machine) < 0
                                                                : errno != ENOENT)
        return reason_set(reason, -errno, "cannot remove the public half of %s of %s", name->id,
                          name->machine);
    return 0;
}

/* --- listing --- */

bool store_file_parse(const char *machine, const char *file, CredentialName *ret)
{
    size_t length = strlen(file), suffix = strlen(SEALED);
    char id[LIMIT_ID_BYTES + 1];

    if (length <= suffix || length - suffix > LIMIT_ID_BYTES ||
        strcmp(file + length - suffix, SEALED) != 0)
        return false;
    snprintf(id, sizeof(id), "%.*s", (int)(length - suffix), file);
    return credential_name_new(machine, id, NULL, ret) == 0;
}

/* FILE as MACHINE's credential; false for what is none. */
static bool entry_new(DIR *folder, const char *machine, const char *file, StoreEntry *ret)
{
    struct stat status;

    if (!store_file_parse(machine, file, &ret->name) ||
        fstatat(dirfd(folder), file, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    ret->written[0] = status.st_mtim.tv_sec;
    ret->written[1] = status.st_mtim.tv_nsec;
    return true;
}

/* The last written first; by id among those of the same moment, so that the order is one. */
static int compare_entries(const void *left, const void *right)
{
    const StoreEntry *a = left, *b = right;

    for (size_t i = 0; i < 2; i++)
        if (a->written[i] != b->written[i])
            return a->written[i] > b->written[i] ? -1 : 1;
    return strcmp(a->name.id, b->name.id);
}

static int list(DIR *folder, const char *machine, Reason *reason, StoreEntry **entries,
                size_t *count)
{
    const struct dirent *file;
    size_t room = 0;

    while (*count < LIMIT_MACHINE_ENTRIES && (file = readdir(folder))) {
        if (*count == room) {
            StoreEntry *larger;

            room += 64;
            larger = reallocarray(*entries, room, sizeof(larger[0]));
            if (!larger)
                return reason_set(reason, -ENOMEM, "cannot list the store's %s", machine);
            *entries = larger;
        }
        if (entry_new(folder, machine, file->d_name, &(*entries)[*count]))
            (*count)++;
    }
    return 0;
}

int store_entries_list(int fd, const char *machine, Reason *reason, StoreEntry **ret,
                       size_t *ret_count)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    _cleanup_(closedirp) DIR *folder = NULL;
    size_t count = 0;
    int r, again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (again >= 0)
        folder = fdopendir(again);
    if (!folder) {
        r = reason_set(reason, -errno, "cannot list the store's %s", machine);
        close_keep_errno(again);
        return r;
    }
    r = list(folder, machine, reason, &entries, &count);
    if (r != 0)
        return r;
    if (count > 0)
        qsort(entries, count, sizeof(entries[0]), compare_entries);
    *ret = TAKE_PTR(entries);
    *ret_count = count;
    return 0;
}

int store_list(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count)
{
    if (!machine_name_valid(machine))
        return reason_set(reason, OUTCOME_INVALID_NAME, "\"%.80s\" is not a machine's name",
                          machine);
    for (unsigned looks = 1;; looks++) {
        _cleanup_(freep) StoreEntry *entries = NULL;
        _cleanup_(closep) int fd = -1;
        size_t count = 0;
        int r = store_machine_open(store, machine, reason, &fd);

        if (r == 0)
            r = store_entries_list(fd, machine, reason, &entries, &count);
        if (r != 0 && r != OUTCOME_NOT_FOUND)
            return r;
        if (fd >= 0 && looks < LIMIT_STORE_LOOKS && !directory_is_at(store->directory, machine, fd))
            continue;
        *ret = TAKE_PTR(entries);
        *ret_count = count;
        return 0;
    }
}

static int compare_machines(const void *left, const void *right)
{
    return strcmp(((const MachineName *)left)->text, ((const MachineName *)right)->text);
}

int store_machines(const Store *store, Reason *reason, MachineName **ret, size_t *ret_count)
{
    int fd = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    _cleanup_(freep) MachineName *machines = NULL;
    size_t count = 0, room = 0;
    const struct dirent *entry;

    if (!folder) {
        close_keep_errno(fd);
        return reason_set(reason, -errno, "cannot list the store");
    }
    while (count < LIMIT_MACHINES && (entry = readdir(folder))) {
        if (!machine_name_valid(entry->d_name))
            continue;
        if (count == room) {
            MachineName *larger = reallocarray(machines, room + 64, sizeof(larger[0]));

            if (!larger)
                return reason_set(reason, -ENOMEM, "cannot list the store");
            machines = larger;
            room += 64;
        }
        strcpy(machines[count++].text, entry->d_name); /* its length is checked */
    }
    if (count > 0)
        qsort(machines, count, sizeof(machines[0]), compare_machines);
    *ret = TAKE_PTR(machines);
    *ret_count = count;
    return 0;
}
