/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replacing all of a machine's credentials. See replace.h.
 */

#include "store/replace.h"

#include "base/fsutil.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* The machine's directory and the one that is to take its place, both locked. */
typedef struct Exchange {
    const Store *store;
    const char *machine;
    const StoreChange *changes;
    size_t count;
    int old, new;
    struct stat status; /* of the old one */
    char name[STAGING_NAME_BYTES];
} Exchange;

static void exchange_done(Exchange *exchange)
{
    close_keep_errno(exchange->new);
    close_keep_errno(exchange->old);
}

static const StoreChange *find_change(const Exchange *exchange, const char *file)
{
    for (size_t i = 0; i < exchange->count; i++)
        if (strcmp(store_file_name(&exchange->changes[i].name).text, file) == 0)
            return &exchange->changes[i];
    return NULL;
}

/* --- before --- */

static int check_change(const Exchange *exchange, const StoreChange *change, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = store_entry_read(exchange->old, &change->name, reason, &file);

    if (r == OUTCOME_NOT_FOUND || (r == 0 && !bytes_view_equal(bytes_view(&file), change->before)))
        return reason_set(reason, OUTCOME_CHANGED, "%s/%s is not what it was", exchange->machine,
                          change->name.id);
    return r;
}

/* Whether the credentials are those that the new ones were made of. */
static int check_old(const Exchange *exchange, Reason *reason)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = store_entries_list(exchange->old, exchange->machine, reason, &entries, &count);

    for (size_t i = 0; r == 0 && i < count; i++)
        if (!find_change(exchange, store_file_name(&entries[i].name).text))
            return reason_set(reason, OUTCOME_CHANGED, "%s/%s is new", exchange->machine,
                              entries[i].name.id);
    for (size_t i = 0; r == 0 && i < exchange->count; i++)
        r = check_change(exchange, &exchange->changes[i], reason);
    return r;
}

/* --- the new directory --- */

static int write_new(const Exchange *exchange, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < exchange->count; i++) {
        FileName file = store_file_name(&exchange->changes[i].name);
        struct stat status;

        if (fstatat(exchange->old, file.text, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return reason_set(reason, -errno, "cannot read the store's %s/%s", exchange->machine,
                              file.text);
        r = file_write_like_at(exchange->new, file.text, exchange->changes[i].after, &status,
                               reason);
    }
    return r;
}

/* So that what else is there is never away, not for a moment. What cannot be linked, as a
 * subdirectory, is moved after the exchange. A credential that comes in meanwhile is, too: the
 * store takes no file with two names. */
static int link_others(const Exchange *exchange, Reason *reason)
{
    int fd = openat(exchange->old, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    CredentialName name;

    if (!directory) {
        int r = reason_set(reason, -errno, "cannot list the store's %s", exchange->machine);

        close_keep_errno(fd);
        return r;
    }
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            store_file_parse(exchange->machine, entry->d_name, &name))
            continue;
        if (linkat(exchange->old, entry->d_name, exchange->new, entry->d_name, 0) < 0)
            continue; /* clear_old() moves it */
    }
    return 0;
}

static int make_new(Exchange *exchange, Reason *reason)
{
    const struct stat *status = &exchange->status;
    int r;

    if (mkdirat(exchange->store->directory, exchange->name, 0700) < 0)
        return reason_set(reason, -errno, "cannot make a directory in the store");
    exchange->new = openat(exchange->store->directory, exchange->name,
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    /* locked before it is in place: the next writer is to wait until all is cleared up */
    if (exchange->new < 0 || flock(exchange->new, LOCK_EX | LOCK_NB) < 0)
        return reason_set(reason, -errno, "cannot open a new directory in the store");
    r = write_new(exchange, reason);
    if (r == 0)
        r = link_others(exchange, reason);
    if (r != 0)
        return r;
    r = file_own_like(exchange->new, status);
    if (r == 0 && (fchmod(exchange->new, status->st_mode & 07777) < 0 || fsync(exchange->new) < 0))
        r = -errno;
    return r == 0 ? 0 : reason_set(reason, r, "cannot set up a new directory in the store");
}

/* --- the exchange --- */

static int swap(const Exchange *exchange)
{
    return renameat2(exchange->store->directory, exchange->name, exchange->store->directory,
                     exchange->machine, RENAME_EXCHANGE) < 0
               ? -errno
               : 0;
}

static int put_in_place(const Exchange *exchange, Reason *reason)
{
    int r = swap(exchange);

    if (r == 0 && fsync(exchange->store->directory) < 0) {
        r = -errno;
        swap(exchange);
    }
    return r == 0 ? 0
                  : reason_set(reason, r, "cannot exchange the store's directory %s",
                               exchange->machine);
}

/* --- after --- */

/* Whether FILE in the old directory is still what has a successor. */
static bool is_replaced(const Exchange *exchange, const char *file)
{
    const StoreChange *change = find_change(exchange, file);
    _cleanup_(bytes_done) Bytes content = {0};
    _cleanup_(closep) int fd = -1;
    struct stat status;

    if (!change)
        return false;
    fd = openat(exchange->old, file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           file_read_fd(fd, file, LIMIT_FILE_BYTES, NULL, &content) == 0 &&
           bytes_view_equal(bytes_view(&content), change->before);
}

/* Whatever somebody without the lock has put there in the last moment goes into the new directory,
 * as it would have a moment later. */
static void clear_old(const Exchange *exchange)
{
    int fd = openat(exchange->old, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!directory) {
        close_keep_errno(fd);
        return;
    }
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        /* of two links to one file rename(2) removes neither, and says that all is well */
        if (is_replaced(exchange, entry->d_name) ||
            renameat(exchange->old, entry->d_name, exchange->new, entry->d_name) == 0)
            unlinkat(exchange->old, entry->d_name, 0);
    }
    unlinkat(exchange->store->directory, exchange->name, AT_REMOVEDIR);
}

int store_replace(const Store *store, const char *machine, const StoreChange *changes, size_t count,
                  Reason *reason)
{
    _cleanup_(exchange_done) Exchange exchange = {.store = store,
                                                  .machine = machine,
                                                  .changes = changes,
                                                  .count = count,
                                                  .old = -1,
                                                  .new = -1};
    int r = store_machine_lock(store, machine, reason, &exchange.old);

    if (r == 0 && fstat(exchange.old, &exchange.status) < 0)
        r = reason_set(reason, -errno, "cannot read the store's directory %s", machine);
    if (r == 0)
        r = check_old(&exchange, reason);
    if (r != 0)
        return r;
    store_staging_name(machine, exchange.status.st_ino, exchange.name);
    r = make_new(&exchange, reason);
    if (r == 0)
        r = put_in_place(&exchange, reason);
    if (r == 0)
        clear_old(&exchange);
    else
        store_staging_clear(store, machine, exchange.status.st_ino, exchange.old);
    return r;
}
