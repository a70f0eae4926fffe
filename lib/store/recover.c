/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts a decided commit in place, and removes one that was not decided. See commit.h and
 * store_internal.h.
 *
 * Every commit ends here, in its own writer or in the program that finds it after a crash. The
 * broker's user may have put anything into ".commit", so names are validated, and files are only
 * renamed and removed inside the store, relative to open directories.
 */

#include "base/fsutil.h"
#include "base/limits.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How long recovery waits for the lock, µs. A child of a worker that was killed holds it until it
 * notices that; meanwhile requests wait. */
#define ORPHAN_USEC       ((uint64_t)2 * 1000 * 1000)

#define DIRECTORY_MODE    ((mode_t)0770)
#define RECORD_NAME_BYTES ((size_t)64)

/* For things that no commit can have left. They stay until the administrator moves them, and no
 * commit can begin before; readers ignore them. */
static int foreign(const char *path, Reason *reason)
{
    return reason_set(reason, OUTCOME_STORE_UNSAFE,
                      "nspawn-creds did not leave %.160s in the store: move it out of the store, "
                      "then try again",
                      path);
}

/* --- the origin. The broker's user may change it, so only the audit entries depend on it. If it is
 * not valid, the verb is unknown, but the commit is still completed --- */

static bool is_made_of(const char *text, size_t limit, const char *characters)
{
    size_t length = strlen(text);

    return length > 0 && length <= limit && strspn(text, characters) == length;
}

bool store_verb_valid(const char *verb)
{
    return is_made_of(verb, STORE_VERB_BYTES - 1, "abcdefghijklmnopqrstuvwxyz");
}

bool store_record_name_valid(const char *name)
{
    return is_made_of(name, RECORD_NAME_BYTES, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

void store_origin_format(const StoreOrigin *origin, char text[STORE_ORIGIN_BYTES])
{
    snprintf(text, STORE_ORIGIN_BYTES, "%s %u %d\n", origin->verb, origin->uid, origin->pid);
}

int store_origin_parse(BytesView text, char ret_verb[STORE_VERB_BYTES], StoreOrigin *ret)
{
    char line[STORE_ORIGIN_BYTES] = "", again[STORE_ORIGIN_BYTES], verb[STORE_VERB_BYTES], *end;
    StoreOrigin origin = {.verb = verb};

    if (text.size >= sizeof(line))
        return OUTCOME_MALFORMED;
    if (text.size > 0)
        memcpy(line, text.data, text.size);
    snprintf(verb, sizeof(verb), "%.*s", (int)strcspn(line, " "), line);
    origin.uid = (uid_t)strtoul(line + strlen(verb), &end, 10);
    origin.pid = (pid_t)strtol(end, NULL, 10);
    /* there is only one way to write it */
    store_origin_format(&origin, again);
    if (!store_verb_valid(verb) || origin.pid < 0 || strlen(line) != text.size ||
        strcmp(line, again) != 0)
        return OUTCOME_MALFORMED;
    strcpy(ret_verb, verb);
    *ret = origin;
    ret->verb = ret_verb;
    return 0;
}

/* --- directories --- */

/* Sets the store's group, and a mode with which the broker can write there. */
static int own_directory(const Store *store, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (status.st_gid != store->group && fchown(fd, (uid_t)-1, store->group) < 0)
        return -errno;
    if ((status.st_mode & 07777) != DIRECTORY_MODE && fchmod(fd, DIRECTORY_MODE) < 0)
        return -errno;
    return 0;
}

int store_directory_make(const Store *store, int parent, const char *name, Reason *reason,
                         int *ret_fd)
{
    _cleanup_(closep) int fd = -1;
    int r;

    if (mkdirat(parent, name, 0700) < 0)
        return reason_set(reason, -errno, "cannot create a directory in the store");
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    r = fd < 0 ? -errno : own_directory(store, fd);
    if (r < 0)
        return reason_set(reason, r, "cannot set up a directory in the store");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Creates it under another name first, so that the broker can always use the final one. */
static int make_machine(const Store *store, const char *machine, Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int fd = -1;
    int r = store_directory_make(store, store->directory, STORE_PREPARE, reason, &fd);

    if (r != 0)
        return r;
    if (renameat(store->directory, STORE_PREPARE, store->directory, machine) < 0 ||
        fsync(store->directory) < 0)
        return reason_set(reason, -errno, "cannot create the store's directory %s", machine);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int store_machine_make(const Store *store, const char *machine, Reason *reason, int *ret_fd,
                       bool *ret_made)
{
    _cleanup_(closep) int fd = -1;
    struct stat status;
    int r = store_machine_open(store->directory, machine, O_RDONLY, reason, &fd);

    if (r == OUTCOME_NOT_FOUND) {
        *ret_made = true;
        return make_machine(store, machine, reason, ret_fd);
    }
    if (r != 0)
        return r;
    /* the administrator may have created it by hand; repair it only if it is ours */
    if (fstat(fd, &status) == 0 && status.st_uid == geteuid())
        r = own_directory(store, fd);
    if (r < 0)
        return reason_set(reason, r, "cannot set up the store's directory %s", machine);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* --- commits that were not decided --- */

/* A commit's directories are two levels deep. */
static int clear_directory(int parent, const char *name, unsigned levels, Reason *reason)
{
    _cleanup_(closep) int fd = -1;
    _cleanup_(closedirp) DIR *list = NULL;
    const char *entry;
    int r;

    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return reason_set(reason, -errno, "cannot remove the store's %s", name);
    if (levels == 0)
        return foreign(name, reason);
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the store's %s", name);
    r = directory_list(fd, name, reason, &list);
    while (r == 0 && (r = directory_next(list, name, reason, &entry)) == 0 && entry)
        r = clear_directory(fd, entry, levels - 1, reason);
    if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
        r = reason_set(reason, -errno, "cannot remove the store's %s", name);
    return r;
}

int store_clear(const Store *store, const char *name, Reason *reason)
{
    return clear_directory(store->directory, name, 2, reason);
}

/* --- what a commit cannot have left --- */

/* A mark may be anything but a directory, because it is only removed. */
static bool is_of_commit(int machine, const char *name, const char *file)
{
    CredentialName credential;
    bool gone;
    struct stat status;

    if (!store_file_parse(name, file, STORE_SEALED, &credential, &gone) &&
        !store_file_parse(name, file, STORE_PUBLIC, &credential, &gone) &&
        !store_file_parse(name, file, STORE_OLD, &credential, &gone))
        return false;
    if (fstatat(machine, file, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    return gone ? !S_ISDIR(status.st_mode) : S_ISREG(status.st_mode) && status.st_nlink == 1;
}

/* RET_PATH gets the path of the first file in MACHINE's part of COMMIT that is foreign. */
static bool has_foreign_file(int commit, const char *machine, char ret_path[STORE_PATH_BYTES])
{
    _cleanup_(closep) int fd = -1;
    _cleanup_(closedirp) DIR *list = NULL;
    const char *file;
    int r = store_machine_open(commit, machine, O_RDONLY, NULL, &fd);

    snprintf(ret_path, STORE_PATH_BYTES, STORE_COMMIT "/%s", machine);
    if (r == 0)
        r = directory_list(fd, machine, NULL, &list);
    while (r == 0 && (r = directory_next(list, machine, NULL, &file)) == 0 && file)
        if (!is_of_commit(fd, machine, file)) {
            snprintf(ret_path, STORE_PATH_BYTES, STORE_COMMIT "/%s/%s", machine, file);
            return true;
        }
    return r == OUTCOME_STORE_UNSAFE;
}

static bool is_record(const char *name)
{
    size_t length = strlen(STORE_RECORD);

    return strncmp(name, STORE_RECORD, length) == 0 && store_record_name_valid(name + length);
}

/* The same, for the entry NAME of COMMIT. */
static bool is_foreign_entry(int commit, const char *name, char ret_path[STORE_PATH_BYTES])
{
    struct stat status;

    if (machine_name_valid(name))
        return has_foreign_file(commit, name, ret_path);
    snprintf(ret_path, STORE_PATH_BYTES, STORE_COMMIT "/%s", name);
    if (fstatat(commit, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (strcmp(name, STORE_ORIGIN) == 0)
        return S_ISDIR(status.st_mode);
    return !is_record(name) || !S_ISREG(status.st_mode) || status.st_nlink != 1;
}

bool store_is_blocked(const Store *store, char ret_path[STORE_PATH_BYTES])
{
    _cleanup_(closep) int fd =
        openat(store->directory, STORE_COMMIT, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_(closedirp) DIR *list = NULL;
    const char *name;

    if (fd < 0) {
        strcpy(ret_path, STORE_COMMIT);
        return errno == ENOTDIR || errno == ELOOP;
    }
    if (directory_list(fd, STORE_COMMIT, NULL, &list) != 0)
        return false;
    while (directory_next(list, STORE_COMMIT, NULL, &name) == 0 && name)
        if (is_foreign_entry(fd, name, ret_path))
            return true;
    return false;
}

/* --- decided commits --- */

typedef struct Completion {
    const Store *store;
    int commit; /* ".commit" */
    char verb[STORE_VERB_BYTES];
    StoreOrigin origin;
    StoreApplied applied;
    void *userdata;
} Completion;

/* Without a valid origin it is "unknown". */
static int read_origin(Completion *completion, Reason *reason)
{
    _cleanup_(closep) int fd = openat(completion->commit, STORE_ORIGIN,
                                      O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    _cleanup_(bytes_done) Bytes text = {0};
    struct stat status;
    int r = 0;

    strcpy(completion->verb, "unknown");
    completion->origin = (StoreOrigin){.verb = completion->verb, .uid = (uid_t)-1};
    if (fd < 0 && errno != ENOENT && errno != ELOOP)
        return reason_set(reason, -errno, "cannot read the origin of the store's commit");
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return 0;
    r = file_read_fd(fd, STORE_ORIGIN, STORE_ORIGIN_BYTES, reason, &text);
    if (r == 0)
        r = store_origin_parse(bytes_view(&text), completion->verb, &completion->origin);
    return r < 0 ? r : 0;
}

static int put_in_place(int from, int to, const char *file, Reason *reason)
{
    return renameat(from, file, to, file) < 0
               ? reason_set(reason, -errno, "cannot put the store's %s in place", file)
               : 0;
}

/* Removes the file before its mark, so that no reader sees the old file again. */
static int take_away(int from, int to, const char *file, const char *mark, Reason *reason)
{
    if (unlinkat(to, file, 0) < 0 && errno != ENOENT)
        return reason_set(reason, -errno, "cannot remove the store's %s", file);
    return unlinkat(from, mark, 0) < 0
               ? reason_set(reason, -errno, "cannot remove %s in the store's commit", mark)
               : 0;
}

/* Puts FILE of MACHINE in place if it has SUFFIX. */
static int apply_file(const Completion *completion, const char *machine, int from, int to,
                      const char *suffix, const char *file, Reason *reason)
{
    CredentialName name;
    FileName plain;
    bool gone;
    int r;

    if (!store_file_parse(machine, file, suffix, &name, &gone))
        return 0;
    plain = store_file_name(&name, suffix);
    r = gone ? take_away(from, to, plain.text, file, reason)
             : put_in_place(from, to, plain.text, reason);
    if (r == 0 && completion->applied && strcmp(suffix, STORE_SEALED) == 0)
        completion->applied(completion->userdata, &name, gone, &completion->origin);
    return r;
}

/* The sealed files last, because a change counts as applied when its sealed file is in place. */
static int apply_files(const Completion *completion, const char *machine, int from, int to,
                       Reason *reason)
{
    static const char *const suffixes[] = {STORE_PUBLIC, STORE_OLD, STORE_SEALED};
    _cleanup_(closedirp) DIR *list = NULL;
    int r = directory_list(from, machine, reason, &list);

    for (size_t i = 0; r == 0 && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        const char *file;

        rewinddir(list);
        while (r == 0 && (r = directory_next(list, machine, reason, &file)) == 0 && file)
            r = apply_file(completion, machine, from, to, suffixes[i], file, reason);
    }
    return r;
}

static int apply_machine(const Completion *completion, const char *machine, Reason *reason)
{
    _cleanup_(closep) int from = -1, to = -1;
    bool made;
    int r = store_machine_open(completion->commit, machine, O_RDONLY, reason, &from);

    if (r == 0)
        r = store_machine_open(completion->store->directory, machine, O_RDONLY, reason, &to);
    if (r == OUTCOME_NOT_FOUND)
        r = store_machine_make(completion->store, machine, reason, &to, &made);
    if (r == 0)
        r = apply_files(completion, machine, from, to, reason);
    if (r == 0 && fsync(to) < 0)
        r = reason_set(reason, -errno, "cannot sync the store's directory %s", machine);
    if (r == 0 && unlinkat(completion->commit, machine, AT_REMOVEDIR) < 0)
        r = reason_set(reason, -errno, "cannot remove %s in the store's commit", machine);
    return r;
}

/* ".commit" now contains nothing except its origin. */
static int finish(const Completion *completion, Reason *reason)
{
    int directory = completion->store->directory, r = 0;

    if (unlinkat(completion->commit, STORE_ORIGIN, 0) < 0 && errno != ENOENT)
        return reason_set(reason, -errno, "cannot remove the origin of the store's commit");
    if (renameat(directory, STORE_COMMIT, directory, STORE_DONE) < 0) {
        r = store_clear(completion->store, STORE_DONE, reason);
        if (r == 0 && renameat(directory, STORE_COMMIT, directory, STORE_DONE) < 0)
            r = reason_set(reason, -errno, "cannot finish the store's commit");
    }
    if (r == 0 && fsync(directory) < 0)
        r = reason_set(reason, -errno, "cannot sync the store's directory");
    return r;
}

int store_complete(const Store *store, StoreApplied applied, void *userdata, Reason *reason)
{
    _cleanup_(closep) int commit =
        openat(store->directory, STORE_COMMIT, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    Completion completion = {
        .store = store, .commit = commit, .applied = applied, .userdata = userdata};
    _cleanup_(closedirp) DIR *list = NULL;
    char path[STORE_PATH_BYTES];
    const char *name;
    int r = commit < 0 ? -errno : 0;

    if (r == -ENOENT)
        return 0;
    if (store_is_blocked(store, path))
        return foreign(path, reason);
    if (r < 0)
        return reason_set(reason, r, "cannot open the store's commit");
    r = read_origin(&completion, reason);
    if (r == 0)
        r = directory_list(commit, STORE_COMMIT, reason, &list);
    while (r == 0 && (r = directory_next(list, STORE_COMMIT, reason, &name)) == 0 && name)
        if (machine_name_valid(name))
            r = apply_machine(&completion, name, reason);
        else if (is_record(name))
            r = put_in_place(commit, store->directory, name, reason);
    return r == 0 ? finish(&completion, reason) : r;
}

int store_recover(const Store *store, StoreApplied applied, void *userdata, Reason *reason)
{
    _cleanup_(closep) int lock = -1;
    int r = directory_lock_at(store->directory, ".", ORPHAN_USEC, reason, &lock);

    if (r == OUTCOME_TIMEOUT)
        return 0; /* the holder of the lock lives, and has done this */
    if (r == 0)
        r = store_clear(store, STORE_PREPARE, reason);
    return r == 0 ? store_complete(store, applied, userdata, reason) : r;
}
