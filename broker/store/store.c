/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store. See store.h.
 */

#include "store/store.h"

#include "base/fsutil.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define STORE_DIRECTORY_MODE ((mode_t)0770)
#define STORE_FILE_MODE      ((mode_t)0640)
#define STORE_PUBLIC_MODE    ((mode_t)0644)

struct Store {
    int directory;
    gid_t group; /* of the directory, and so of everything in it */
};

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

#define SEALED ".cred"
#define PUBLIC ".pub"

/* "db-password.cred" */
typedef struct FileName {
    char text[LIMIT_ID_BYTES + sizeof(SEALED)];
} FileName;

static FileName file_name(const CredentialName *name, const char *suffix)
{
    FileName file;

    snprintf(file.text, sizeof(file.text), "%s%s", name->id, suffix);
    return file;
}

static int open_machine(const Store *store, const char *machine, Reason *reason)
{
    int fd = openat(store->directory, machine, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0)
        return fd;
    if (errno == ENOENT)
        return reason_set(reason, -ENOENT, "the store has nothing for machine \"%s\"", machine);
    return reason_set(reason, -errno, "cannot open the store's directory %s", machine);
}

/* Another name of the file, or another writer than root and us, would be a way in. */
static int check_entry(int fd, const char *path, Reason *reason)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return reason_set(reason, -errno, "cannot read the store's %s", path);
    if (!S_ISREG(status.st_mode))
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is not a regular file",
                          path);
    if (status.st_nlink != 1)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s has %lu links, not one",
                          path, (unsigned long)status.st_nlink);
    if (status.st_mode & S_IWOTH)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "everybody may write to the store's %s",
                          path);
    return 0;
}

static int read_entry(int machine, const char *file, Reason *reason, const char *path, Bytes *ret)
{
    /* O_NONBLOCK: a FIFO in the store does not make us wait. */
    _cleanup_(closep) int fd =
        openat(machine, file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    int r;

    if (fd < 0 && errno == ENOENT)
        return reason_set(reason, OUTCOME_NOT_FOUND, "the store has no %s", path);
    if (fd < 0 && errno == ELOOP)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is a symbolic link", path);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the store's %s", path);
    r = check_entry(fd, path, reason);
    return r == 0 ? file_read_fd(fd, path, LIMIT_FILE_BYTES, reason, ret) : r;
}

static int read_file(const Store *store, const CredentialName *name, const char *suffix,
                     Reason *reason, Bytes *ret)
{
    char path[CREDENTIAL_NAME_TEXT_BYTES + sizeof(SEALED)];
    FileName file = file_name(name, suffix);
    _cleanup_(closep) int machine = open_machine(store, name->machine, reason);

    if (machine == -ENOENT)
        return OUTCOME_NOT_FOUND;
    if (machine == -ELOOP || machine == -ENOTDIR)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is not a directory",
                          name->machine);
    if (machine < 0)
        return machine;
    snprintf(path, sizeof(path), "%s/%s", name->machine, file.text);
    return read_entry(machine, file.text, reason, path, ret);
}

int store_read(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret)
{
    return read_file(store, name, SEALED, reason, ret);
}

int store_read_public(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret)
{
    return read_file(store, name, PUBLIC, reason, ret);
}

/* Also mends what a crash between mkdir and the rest left, so that a directory is never one that
 * the broker cannot use. */
static int ensure_machine(const Store *store, const CredentialName *name, Reason *reason,
                          int *ret_fd)
{
    _cleanup_(closep) int machine = -1;
    struct stat status;

    if (mkdirat(store->directory, name->machine, 0700) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make the store's directory %s", name->machine);
    machine = open_machine(store, name->machine, reason);
    if (machine == -ELOOP || machine == -ENOTDIR)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is not a directory",
                          name->machine);
    if (machine < 0)
        return machine;
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

static int write_file(const Store *store, const CredentialName *name, const char *suffix,
                      BytesView file, bool replace, Reason *reason)
{
    _cleanup_(closep) int machine = -1;
    mode_t mode = strcmp(suffix, PUBLIC) == 0 ? STORE_PUBLIC_MODE : STORE_FILE_MODE;
    int r = ensure_machine(store, name, reason, &machine);

    if (r != 0)
        return r;
    return file_write_at(machine, file_name(name, suffix).text, file,
                         (FileOwnership){mode, store->group}, replace, reason);
}

int store_write(const Store *store, const CredentialName *name, BytesView file, Reason *reason)
{
    return write_file(store, name, SEALED, file, true, reason);
}

int store_add(const Store *store, const CredentialName *name, BytesView file, Reason *reason)
{
    return write_file(store, name, SEALED, file, false, reason);
}

int store_write_public(const Store *store, const CredentialName *name, BytesView text,
                       Reason *reason)
{
    return write_file(store, name, PUBLIC, text, true, reason);
}

/* --- listing --- */

/* "db-password.cred" as web's credential. False for what is none: a temporary file, for one. */
static bool entry_new(DIR *folder, const char *machine, const char *file, StoreEntry *ret)
{
    size_t length = strlen(file), suffix = strlen(SEALED);
    char id[LIMIT_ID_BYTES + 1];
    struct stat status;

    if (length <= suffix || length - suffix > LIMIT_ID_BYTES ||
        strcmp(file + length - suffix, SEALED) != 0)
        return false;
    snprintf(id, sizeof(id), "%.*s", (int)(length - suffix), file);
    if (credential_name_new(machine, id, NULL, &ret->name) != 0 ||
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

int store_list(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    _cleanup_(closedirp) DIR *folder = NULL;
    _cleanup_(closep) int fd = -1;
    size_t count = 0;
    int r;

    if (!machine_name_valid(machine))
        return reason_set(reason, OUTCOME_INVALID_NAME, "\"%.80s\" is not a machine's name",
                          machine);
    fd = open_machine(store, machine, reason);
    if (fd == -ELOOP || fd == -ENOTDIR)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is not a directory",
                          machine);
    if (fd < 0 && fd != -ENOENT)
        return fd;
    if (fd >= 0) {
        folder = fdopendir(fd);
        if (!folder)
            return reason_set(reason, -errno, "cannot list the store's %s", machine);
        fd = -1; /* FOLDER's now */
        r = list(folder, machine, reason, &entries, &count);
        if (r != 0)
            return r;
    }
    if (count > 0)
        qsort(entries, count, sizeof(entries[0]), compare_entries);
    *ret = TAKE_PTR(entries);
    *ret_count = count;
    return 0;
}
