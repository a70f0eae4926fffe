/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "base/limits.h"
#include "store/history.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Takes the open DIRECTORY; -1 with errno for one that did not open. PATH is for REASON. */
static int new_from(int *directory, const char *path, Reason *reason, Store **ret)
{
    _cleanup_(freep) Store *store = *directory < 0 ? NULL : calloc(1, sizeof(*store));
    struct stat status;

    if (!store || fstat(*directory, &status) < 0)
        return reason_set(reason, -errno, "cannot open the store %s", path);
    *store = (Store){.directory = TAKE_FD(*directory), .group = status.st_gid};
    *ret = TAKE_PTR(store);
    return 0;
}

int store_new(const char *path, Reason *reason, Store **ret)
{
    _cleanup_(closep) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return new_from(&directory, path, reason, ret);
}

static int check_installed(int directory, const char *path, Reason *reason)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    const struct group *group = getgrnam(BROKER_USER);
    struct stat status;

    if (fstat(directory, &status) < 0)
        return reason_set(reason, -errno, "cannot open the store %s", path);
    if (status.st_uid != 0 && !(user && status.st_uid == user->pw_uid))
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s belongs to user %u, not to root or " BROKER_USER, path,
                          status.st_uid);
    if (group && status.st_gid != group->gr_gid)
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s belongs to group %u, not to " BROKER_USER, path,
                          status.st_gid);
    if (status.st_mode & S_IWOTH)
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s is writable for everybody (mode %04o)", path,
                          status.st_mode & 07777U);
    return 0;
}

int store_directory_open(const char *path, Reason *reason, int *ret_fd)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

    if (fd < 0 && errno == ELOOP)
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s is reached through a symbolic link: set Path= to where it "
                          "really is",
                          path);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the store %s", path);
    *ret_fd = fd;
    return 0;
}

int store_open_installed(const char *path, Reason *reason, Store **ret)
{
    _cleanup_(closep) int directory = -1;
    int r = store_directory_open(path, reason, &directory);

    if (r == 0 && geteuid() == 0)
        r = check_installed(directory, path, reason);
    return r == 0 ? new_from(&directory, path, reason, ret) : r;
}

void store_path_beside(const char *store, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s%s", (int)(strrchr(store, '/') + 1 - store), store, name);
}

Store *store_free(Store *store)
{
    if (store) {
        close_keep_errno(store->directory);
        free(store);
    }
    return NULL;
}

/* --- names --- */

FileName store_file_name(const CredentialName *name, const char *suffix)
{
    FileName file;

    snprintf(file.text, sizeof(file.text), "%s%s", name->id, suffix);
    return file;
}

/* Removes SUFFIX from TEXT. Returns false if TEXT does not end with it. */
static bool cut_suffix(char *text, const char *suffix)
{
    bool there = has_suffix(text, suffix);

    if (there)
        text[strlen(text) - strlen(suffix)] = '\0';
    return there;
}

bool store_file_parse(const char *machine, const char *file, const char *suffix,
                      CredentialName *ret, bool *ret_gone)
{
    FileName name;

    if (strlen(file) >= sizeof(name.text))
        return false;
    strcpy(name.text, file);
    *ret_gone = cut_suffix(name.text, STORE_GONE);
    return cut_suffix(name.text, suffix) && credential_name_new(machine, name.text, NULL, ret) == 0;
}

/* --- reading --- */

/* Others could change a file that has a second name or that everybody may write to. A file without
 * a name was replaced after we opened it; it is the old one, and complete. */
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

/* Opens FILE in DIRECTORY; PATH is for messages. */
static int open_file(int directory, const char *file, const char *path, Reason *reason, int *ret_fd)
{
    /* O_NONBLOCK, because opening a FIFO would block */
    _cleanup_(closep) int fd =
        openat(directory, file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    int r;

    if (fd < 0 && errno == ENOENT)
        return reason_set(reason, OUTCOME_NOT_FOUND, "the store has no %s", path);
    if (fd < 0 && errno == ELOOP)
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is a symbolic link", path);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the store's %s", path);
    r = check_entry(fd, path, reason);
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

/* "web/db-password.cred" */
typedef struct Path {
    char text[CREDENTIAL_NAME_TEXT_BYTES + sizeof(STORE_SEALED)];
} Path;

static Path path_of(const CredentialName *name, const char *suffix)
{
    Path path;

    snprintf(path.text, sizeof(path.text), "%s/%s%s", name->machine, name->id, suffix);
    return path;
}

int store_file_read(int machine, const CredentialName *name, const char *suffix, Reason *reason,
                    Bytes *ret)
{
    Path path = path_of(name, suffix);
    _cleanup_(closep) int fd = -1;
    int r = open_file(machine, store_file_name(name, suffix).text, path.text, reason, &fd);

    return r == 0 ? file_read_fd(fd, path.text, LIMIT_FILE_BYTES, reason, ret) : r;
}

int store_machine_open(int parent, const char *machine, int access, Reason *reason, int *ret_fd)
{
    int fd = openat(parent, machine, access | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT)
        return reason_set(reason, OUTCOME_NOT_FOUND, "the store has nothing for machine \"%s\"",
                          machine);
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s is not a directory",
                          machine);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the store's directory %s", machine);
    *ret_fd = fd;
    return 0;
}

/* --- files of a commit that are not in place yet --- */

/* Opens the store's directory NAME, ".commit" or ".done". -1 if there is none. If it is not a
 * directory, only writers complain. */
static int open_commit(const Store *store, const char *name, Reason *reason, int *ret_fd)
{
    *ret_fd = -1;
    /* most often there is none, which this finds out at half the price */
    if (faccessat(store->directory, name, F_OK, 0) == 0)
        *ret_fd = openat(store->directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*ret_fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        return 0;
    return reason_set(reason, -errno, "cannot open the store's %s", name);
}

/* Opens NAME's new file in COMMIT. -1 if the commit does not change it or has already put it in
 * place; OUTCOME_NOT_FOUND if the commit removes it. */
static int open_coming(int commit, const CredentialName *name, const char *suffix, Reason *reason,
                       int *ret_fd)
{
    _cleanup_(closep) int machine = -1;
    char gone[sizeof(STORE_SEALED STORE_GONE)];
    int r = store_machine_open(commit, name->machine, O_PATH, reason, &machine);

    *ret_fd = -1;
    if (r != 0)
        return r == OUTCOME_NOT_FOUND ? 0 : r;
    r = open_file(machine, store_file_name(name, suffix).text, path_of(name, suffix).text, reason,
                  ret_fd);
    if (r != OUTCOME_NOT_FOUND)
        return r;
    snprintf(gone, sizeof(gone), "%s" STORE_GONE, suffix);
    return faccessat(machine, store_file_name(name, gone).text, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? r
                                                                                                : 0;
}

/* Files only move from a commit's directory to the machine's, so a reader that looks in the commit
 * first finds every new file. */
static int open_entry(const Store *store, const CredentialName *name, const char *suffix,
                      Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int commit = -1, machine = -1, fd = -1;
    int r = open_commit(store, STORE_COMMIT, reason, &commit);

    if (r == 0 && commit >= 0)
        r = open_coming(commit, name, suffix, reason, &fd);
    if (r == 0 && fd < 0)
        r = store_machine_open(store->directory, name->machine, O_PATH, reason, &machine);
    if (r == 0 && fd < 0)
        r = open_file(machine, store_file_name(name, suffix).text, path_of(name, suffix).text,
                      reason, &fd);
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

static int read_entry(const Store *store, const CredentialName *name, const char *suffix,
                      Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int fd = -1;
    int r = open_entry(store, name, suffix, reason, &fd);

    return r == 0 ? file_read_fd(fd, path_of(name, suffix).text, LIMIT_FILE_BYTES, reason, ret) : r;
}

int store_read(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret)
{
    return read_entry(store, name, STORE_SEALED, reason, ret);
}

/* Whether the kernel would let the broker read FD, which it does not ask for root. */
static bool broker_may_read(const Store *store, int fd)
{
    const struct passwd *user;
    bool as_owner, as_other;
    struct stat status;

    if (fstat(fd, &status) < 0)
        return false;
    as_owner = status.st_mode & S_IRUSR;
    as_other = status.st_mode & (status.st_gid == store->group ? S_IRGRP : S_IROTH);
    if (status.st_uid == 0 || as_owner == as_other)
        return as_other;
    user = getpwnam(BROKER_USER);
    return user && status.st_uid == user->pw_uid ? as_owner : as_other;
}

int store_read_as_broker(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret)
{
    Path path = path_of(name, STORE_SEALED);
    _cleanup_(closep) int fd = -1;
    int r = open_entry(store, name, STORE_SEALED, reason, &fd);

    if (r == 0 && geteuid() == 0 && !broker_may_read(store, fd))
        r = reason_set(reason, -EACCES, "the broker may not read the store's %s", path.text);
    return r == 0 ? file_read_fd(fd, path.text, LIMIT_FILE_BYTES, reason, ret) : r;
}

int store_read_public(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret)
{
    int r = read_entry(store, name, STORE_PUBLIC, reason, ret);

    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

int store_read_history(const Store *store, const CredentialName *name, Reason *reason,
                       StoreHistory *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = read_entry(store, name, STORE_OLD, reason, &file);

    if (r == 0)
        return store_history_parse(bytes_view(&file), reason, ret);
    if (r == OUTCOME_NOT_FOUND)
        *ret = (StoreHistory){0};
    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

int store_read_predecessor(const Store *store, const CredentialName *name, Reason *reason,
                           sd_id128_t *ret_boot, Bytes *ret)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    int r = store_read_history(store, name, reason, &history);
    StoreValue *predecessor = r == 0 ? store_history_predecessor(&history) : NULL;

    if (r != 0)
        return r;
    if (!predecessor)
        return reason_set(reason, OUTCOME_NOT_FOUND, "%s@%s has no predecessor", name->machine,
                          name->id);
    if (ret_boot)
        *ret_boot = predecessor->boot;
    *ret = TAKE(predecessor->sealed);
    return 0;
}

/* Whether both are the same file. Both are open, so neither inode number can have been reused. */
static bool is_same_file(int left, int right)
{
    struct stat a, b;

    if (left < 0 || right < 0)
        return left < 0 && right < 0;
    return fstat(left, &a) == 0 && fstat(right, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* The public half belongs to the sealed file if that is the same before and after. */
static int read_pair(const Store *store, const CredentialName *name, Reason *reason,
                     bool *ret_whole, Bytes *sealed, Bytes *public)
{
    _cleanup_(closep) int before = -1, after = -1;
    int r = open_entry(store, name, STORE_SEALED, reason, &before);

    if (r == 0)
        r = file_read_fd(before, path_of(name, STORE_SEALED).text, LIMIT_FILE_BYTES, reason,
                         sealed);
    if (r != 0)
        return r;
    r = store_read_public(store, name, reason, public);
    if (r == 0)
        r = open_entry(store, name, STORE_SEALED, reason, &after);
    *ret_whole = r == 0 && is_same_file(before, after);
    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

int store_read_pair(const Store *store, const CredentialName *name, Reason *reason,
                    Bytes *ret_sealed, Bytes *ret_public)
{
    for (unsigned i = 0; i < LIMIT_STORE_LOOKS; i++) {
        _cleanup_(bytes_done) Bytes sealed = {0}, public = {0};
        bool whole;
        int r = read_pair(store, name, reason, &whole, &sealed, &public);

        if (r != 0)
            return r;
        if (!whole)
            continue;
        *ret_sealed = sealed;
        *ret_public = public;
        sealed = public = (Bytes){0};
        return 0;
    }
    return reason_set(reason, OUTCOME_CHANGED, "%s@%s keeps changing", name->machine, name->id);
}

int store_read_record(const Store *store, const char *name, Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int commit = -1, fd = -1;
    char file[256];
    int r = open_commit(store, STORE_COMMIT, reason, &commit);

    if (!store_record_name_valid(name))
        return reason_set(reason, OUTCOME_INVALID_NAME, "\"%.80s\" is not a record's name", name);
    snprintf(file, sizeof(file), STORE_RECORD "%s", name);
    if (r == 0)
        r = commit >= 0 ? open_file(commit, file, file, reason, &fd) : OUTCOME_NOT_FOUND;
    if (r == OUTCOME_NOT_FOUND)
        r = open_file(store->directory, file, file, reason, &fd);
    return r == 0 ? file_read_fd(fd, file, LIMIT_COMMIT_BYTES, reason, ret) : r;
}

/* --- listing --- */

typedef struct Listing {
    const char *machine;
    StoreEntry *entries;
    size_t count;
} Listing;

static void listing_done(Listing *listing)
{
    free(listing->entries);
}

/* Reads FILE as a credential or a mark. OUTCOME_NOT_FOUND if it is neither, or is gone; a negative
 * errno. */
static int entry_from(DIR *folder, const Listing *listing, const char *file, bool coming,
                      StoreEntry *ret)
{
    struct stat status;

    *ret = (StoreEntry){.coming = coming};
    if (!store_file_parse(listing->machine, file, STORE_SEALED, &ret->name, &ret->gone) ||
        (ret->gone && !coming))
        return OUTCOME_NOT_FOUND;
    if (fstatat(dirfd(folder), file, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? OUTCOME_NOT_FOUND : -errno;
    ret->written[0] = status.st_mtim.tv_sec;
    ret->written[1] = status.st_mtim.tv_nsec;
    /* only the kernel sets st_ctim */
    ret->misdated = status.st_mtim.tv_sec != status.st_ctim.tv_sec
                        ? status.st_mtim.tv_sec > status.st_ctim.tv_sec
                        : status.st_mtim.tv_nsec > status.st_ctim.tv_nsec;
    return 0;
}

/* Adds the entries of the directory FD, at most LIMIT_MACHINE_ENTRIES. */
static int list_directory(Listing *listing, int fd, bool coming, Reason *reason)
{
    _cleanup_(closedirp) DIR *folder = NULL;
    size_t end = listing->count + LIMIT_MACHINE_ENTRIES;
    const char *file;
    int r = directory_list(fd, listing->machine, reason, &folder);

    while (r == 0 && listing->count < end &&
           (r = directory_next(folder, listing->machine, reason, &file)) == 0 && file) {
        if (!ARRAY_GROW(listing->entries, listing->count))
            return reason_set(reason, -ENOMEM, "cannot list the store's %s", listing->machine);
        r = entry_from(folder, listing, file, coming, &listing->entries[listing->count]);
        if (r < 0)
            return reason_set(reason, r, "cannot examine %s in the store's %s", file,
                              listing->machine);
        listing->count += r == 0;
        r = 0;
    }
    return r;
}

/* By id; entries from a commit before those in place. */
static int compare_ids(const void *left, const void *right)
{
    const StoreEntry *a = left, *b = right;
    int r = strcmp(a->name.id, b->name.id);

    return r != 0 ? r : b->coming - a->coming;
}

/* Keeps the first entry of each name, and drops removed ones. */
static void merge(Listing *listing)
{
    size_t count = 0;

    ARRAY_SORT(listing->entries, listing->count, compare_ids);
    for (size_t i = 0, end; i < listing->count; i = end) {
        const StoreEntry *first = &listing->entries[i];

        for (end = i + 1; end < listing->count; end++)
            if (strcmp(listing->entries[end].name.id, first->name.id) != 0)
                break;
        if (!first->gone)
            listing->entries[count++] = *first;
    }
    listing->count = count;
}

/* Most recent first; by id if the times are equal, so that the order is defined. */
static int compare_entries(const void *left, const void *right)
{
    const StoreEntry *a = left, *b = right;

    for (size_t i = 0; i < 2; i++)
        if (a->written[i] != b->written[i])
            return a->written[i] > b->written[i] ? -1 : 1;
    return strcmp(a->name.id, b->name.id);
}

/* Lists what is still in COMMIT (-1 for none), then what is in place. */
static int list_machine(const Store *store, int commit, Listing *listing, Reason *reason)
{
    _cleanup_(closep) int coming = -1, machine = -1;
    int r = OUTCOME_NOT_FOUND;

    if (commit >= 0)
        r = store_machine_open(commit, listing->machine, O_PATH, reason, &coming);
    if (r == 0)
        r = list_directory(listing, coming, true, reason);
    if (r == 0 || r == OUTCOME_NOT_FOUND)
        r = store_machine_open(store->directory, listing->machine, O_PATH, reason, &machine);
    if (r == 0)
        r = list_directory(listing, machine, false, reason);
    if (r == 0 && coming >= 0)
        merge(listing);
    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

/* The directory of the last commit; -1 if there was none. */
static int open_last_commit(const Store *store, Reason *reason, int *ret_fd)
{
    int r = open_commit(store, STORE_COMMIT, reason, ret_fd);

    return r == 0 && *ret_fd < 0 ? open_commit(store, STORE_DONE, reason, ret_fd) : r;
}

int store_list(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count)
{
    if (!machine_name_valid(machine))
        return reason_set(reason, OUTCOME_INVALID_NAME, "\"%.80s\" is not a machine's name",
                          machine);
    for (unsigned i = 0; i < LIMIT_STORE_LOOKS; i++) {
        _cleanup_(listing_done) Listing listing = {.machine = machine};
        _cleanup_(closep) int before = -1, after = -1;
        int r = open_last_commit(store, reason, &before);

        if (r == 0)
            r = list_machine(store, before, &listing, reason);
        if (r == 0)
            r = open_last_commit(store, reason, &after);
        if (r != 0)
            return r;
        if (!is_same_file(before, after))
            continue;
        if (listing.count > LIMIT_MACHINE_ENTRIES)
            listing.count = LIMIT_MACHINE_ENTRIES;
        ARRAY_SORT(listing.entries, listing.count, compare_entries);
        *ret = TAKE_PTR(listing.entries);
        *ret_count = listing.count;
        return 0;
    }
    return reason_set(reason, OUTCOME_CHANGED, "the store keeps changing");
}

int store_machines(const Store *store, Reason *reason, char ***ret)
{
    _cleanup_(closedirp) DIR *folder = NULL;
    _cleanup_(strings_freep) char **machines = calloc(1, sizeof(machines[0]));
    size_t count = 0;
    const char *name;
    int r = directory_list(store->directory, "of the store", reason, &folder);

    while (r == 0 && count < LIMIT_MACHINES &&
           (r = directory_next(folder, "of the store", reason, &name)) == 0 && name) {
        struct stat status;

        /* doctor reports what is skipped */
        if (!machine_name_valid(name) ||
            (fstatat(store->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
             !S_ISDIR(status.st_mode)))
            continue;
        if (!strings_add(&machines, &count, name))
            return reason_set(reason, -ENOMEM, "cannot list the store");
    }
    if (r != 0 || !machines)
        return r != 0 ? r : reason_set(reason, -ENOMEM, "cannot list the store");
    strings_sort(machines, count);
    *ret = TAKE_PTR(machines);
    return 0;
}
