/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/rollback.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "store/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER      "rollback"
#define FOLDER_MODE ((mode_t)0770)
#define KEY         "key"
#define STATE       "state"
#define STATE_NEW   "state.new"
#define STATE_MODE  ((mode_t)0640)
/* Before each file's name and content, so that no MAC of a state is one of a file. */
#define FILE_PREFIX "nspawn-creds-rollback-file\n"

struct Rollback {
    int parent;          /* of the folder */
    int folder;          /* FOLDER */
    char path[PATH_MAX]; /* of the folder */
    gid_t group;
    Secret *key;
};

/* --- the folder --- */

Rollback *rollback_free(Rollback *rollback)
{
    if (rollback) {
        close_keep_errno(rollback->parent);
        close_keep_errno(rollback->folder);
        secret_free(rollback->key);
        free(rollback);
    }
    return NULL;
}

/* RET has no key yet. */
static int open_folder(const char *store, Reason *reason, Rollback **ret)
{
    _cleanup_(rollback_freep) Rollback *rollback = calloc(1, sizeof(*rollback));
    char parent[PATH_MAX];
    struct stat status;

    if (!rollback)
        return -ENOMEM;
    rollback->parent = rollback->folder = -1;
    store_path_beside(store, FOLDER, rollback->path);
    store_path_beside(store, "", parent);
    rollback->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rollback->parent >= 0)
        rollback->folder =
            openat(rollback->parent, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (rollback->folder < 0 && errno == ENOENT)
        return OUTCOME_NOT_FOUND;
    if (rollback->folder < 0 || fstat(rollback->folder, &status) < 0)
        return reason_set(reason, -errno, "cannot open %s", rollback->path);
    rollback->group = status.st_gid;
    *ret = TAKE_PTR(rollback);
    return 0;
}

static bool has_file(const Rollback *rollback, const char *name)
{
    return faccessat(rollback->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

int rollback_open(const char *store, Reason *reason, Rollback **ret)
{
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    char path[PATH_MAX];
    int r = open_folder(store, reason, &rollback);

    if (r == 0 && !has_file(rollback, KEY) && !has_file(rollback, STATE))
        r = OUTCOME_NOT_FOUND;
    if (r != 0)
        return r;
    store_path_beside(store, FOLDER "/" KEY, path);
    r = key_file_read(path, ROLLBACK_KEY_BYTES, reason, &rollback->key);
    if (r == OUTCOME_MALFORMED || r == -ENOENT)
        return reason_prefix(reason, OUTCOME_ROLLED_BACK,
                             "the key of the rollback state is lost: ");
    if (r != 0)
        return reason_set(reason, r, "cannot read %s", path);
    *ret = TAKE_PTR(rollback);
    return 0;
}

int rollback_make(const Context *context, const char *store, Reason *reason)
{
    char path[PATH_MAX];
    struct stat status;

    store_path_beside(store, FOLDER, path);
    if (stat(store, &status) < 0)
        return reason_set(reason, -errno, "cannot examine %s", store);
    if (mkdir(path, FOLDER_MODE) == 0) {
        if (chown(path, (uid_t)-1, status.st_gid) < 0 || chmod(path, FOLDER_MODE) < 0)
            return reason_set(reason, -errno, "cannot make %s", path);
    } else if (errno != EEXIST) {
        return reason_set(reason, -errno, "cannot make %s", path);
    }
    store_path_beside(store, FOLDER "/" KEY, path);
    return access(path, F_OK) == 0 ? 0 : key_file_make(context, path, status.st_gid, reason);
}

int rollback_remove(const char *store, Reason *reason)
{
    static const char *const names[] = {STATE, STATE_NEW, KEY};
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    int r = open_folder(store, reason, &rollback);

    if (r != 0)
        return r == OUTCOME_NOT_FOUND ? 0 : r;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (unlinkat(rollback->folder, names[i], 0) < 0 && errno != ENOENT)
            return reason_set(reason, -errno, "cannot remove %s/%s", rollback->path, names[i]);
    return fsync(rollback->folder) == 0
               ? 0
               : reason_set(reason, -errno, "cannot write to %s", rollback->path);
}

/* --- the state --- */

int rollback_lock(const Rollback *rollback, Reason *reason, int *ret_fd)
{
    return directory_lock_at(rollback->parent, FOLDER, LIMIT_LOCK_USEC, reason, ret_fd);
}

int rollback_read(const Rollback *rollback, Reason *reason, RollbackState *ret)
{
    _cleanup_(closep) int fd =
        openat(rollback->folder, STATE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    _cleanup_(bytes_done) Bytes text = {0};
    Reason why = {0};
    int r;

    if (fd < 0 && errno == ENOENT)
        return reason_set(reason, OUTCOME_ROLLED_BACK, "somebody removed %s/" STATE,
                          rollback->path);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open %s/" STATE, rollback->path);
    r = file_read_fd(fd, STATE, LIMIT_ROLLBACK_BYTES, &why, &text);
    if (r == 0)
        r = rollback_state_parse(bytes_view(&text), rollback->key, &why, ret);
    if (r < 0)
        return reason_set(reason, r, "cannot read %s/" STATE, rollback->path);
    return r == 0 ? 0
                  : reason_set(reason, OUTCOME_ROLLED_BACK, "%.150s/" STATE " is not valid: %s",
                               rollback->path, why.text);
}

int rollback_write(const Rollback *rollback, const RollbackState *state, Reason *reason)
{
    int folder = rollback->folder;
    char text[LIMIT_ROLLBACK_BYTES];
    int r;

    rollback_state_format(state, rollback->key, text);
    /* of a writer that was killed */
    if (unlinkat(folder, STATE_NEW, 0) < 0 && errno != ENOENT)
        return reason_set(reason, -errno, "cannot remove %s/" STATE_NEW, rollback->path);
    r = file_create_at(folder, STATE_NEW, text_view(text),
                       (FileOwnership){STATE_MODE, rollback->group}, reason);
    if (r == 0 && (renameat(folder, STATE_NEW, folder, STATE) < 0 || fsync(folder) < 0))
        r = reason_set(reason, -errno, "cannot write %s/" STATE, rollback->path);
    return r;
}

/* --- the index --- */

static void hash_file(const Rollback *rollback, const CredentialName *name, BytesView file,
                      uint8_t ret[ROLLBACK_INDEX_BYTES])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, secret_view(rollback->key).data, ROLLBACK_KEY_BYTES);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)FILE_PREFIX, strlen(FILE_PREFIX));
    /* with their NULs, so that no two names are the same bytes */
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)name->machine,
                                  strlen(name->machine) + 1);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)name->id, strlen(name->id) + 1);
    crypto_auth_hmacsha256_update(&state, file.data, file.size);
    crypto_auth_hmacsha256_final(&state, ret);
    sodium_memzero(&state, sizeof(state));
}

/* The entry of NAME in STORE; zeros, which add nothing, if it has no file that can be delivered. It
 * is the broker that delivers: root must not count what the broker cannot read, or each would find
 * the other's index wrong. */
static int hash_stored(const Rollback *rollback, const Store *store, const CredentialName *name,
                       Reason *reason, uint8_t ret[ROLLBACK_INDEX_BYTES])
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = store_read_as_broker(store, name, reason, &file);

    memset(ret, 0, ROLLBACK_INDEX_BYTES);
    if (r == 0)
        hash_file(rollback, name, bytes_view(&file), ret);
    return r < 0 && r != -EACCES ? r : 0;
}

static int add_machine(const Rollback *rollback, const Store *store, const char *machine,
                       Reason *reason, uint8_t sum[ROLLBACK_INDEX_BYTES])
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    uint8_t entry[ROLLBACK_INDEX_BYTES];
    size_t count = 0;
    int r = store_list(store, machine, reason, &entries, &count);

    for (size_t i = 0; r == 0 && i < count; i++) {
        r = hash_stored(rollback, store, &entries[i].name, reason, entry);
        sodium_add(sum, entry, sizeof(entry));
    }
    return r;
}

int rollback_index(const Rollback *rollback, const Store *store, Reason *reason,
                   uint8_t ret[ROLLBACK_INDEX_BYTES])
{
    _cleanup_(strings_freep) char **machines = NULL;
    uint8_t sum[ROLLBACK_INDEX_BYTES] = {0};
    int r = store_machines(store, reason, &machines);

    for (char **machine = machines; r == 0 && *machine; machine++)
        r = add_machine(rollback, store, *machine, reason, sum);
    if (r == 0)
        memcpy(ret, sum, sizeof(sum));
    return r;
}

/* --- a commit --- */

struct RollbackNote {
    Rollback *rollback;
    const Store *store;
    RollbackScope scope;
    uint8_t added[ROLLBACK_INDEX_BYTES], removed[ROLLBACK_INDEX_BYTES];
    bool begun;
};

RollbackNote *rollback_note_free(RollbackNote *note)
{
    if (note) {
        rollback_free(note->rollback);
        free(note);
    }
    return NULL;
}

int rollback_note_new(const RollbackScope *scope, const Store *store, Reason *reason,
                      RollbackNote **ret)
{
    _cleanup_(rollback_note_freep) RollbackNote *note = calloc(1, sizeof(*note));
    int r;

    if (!note)
        return -ENOMEM;
    r = rollback_open(scope->store, reason, &note->rollback);
    if (r == OUTCOME_NOT_FOUND || r == OUTCOME_ROLLED_BACK)
        return 0;
    if (r != 0)
        return r;
    note->store = store;
    note->scope = *scope;
    *ret = TAKE_PTR(note);
    return 0;
}

int rollback_note_file(RollbackNote *note, const CredentialName *name, BytesView file,
                       Reason *reason)
{
    uint8_t entry[ROLLBACK_INDEX_BYTES];
    int r;

    if (note->scope.fleet)
        return 0;
    r = hash_stored(note->rollback, note->store, name, reason, entry);
    if (r != 0)
        return r;
    sodium_add(note->removed, entry, sizeof(entry));
    if (file.size > 0) {
        hash_file(note->rollback, name, file, entry);
        sodium_add(note->added, entry, sizeof(entry));
    }
    return 0;
}

static bool is_index(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, ROLLBACK_INDEX_BYTES) == 0;
}

/* Sets .before to the index that the store has now. An earlier commit may have been killed, so that
 * only the store can tell. False if it is another store: then the state must keep saying so. */
static int begin_store(const RollbackNote *note, Reason *reason, RollbackState *state, bool *ret)
{
    uint8_t now[ROLLBACK_INDEX_BYTES];
    int r = 0;

    memcpy(now, state->store, sizeof(now));
    if (!is_index(state->store, state->before))
        r = rollback_index(note->rollback, note->store, reason, now);
    *ret = is_index(now, state->store) || is_index(now, state->before);
    memcpy(state->before, now, sizeof(now));
    sodium_sub(now, note->removed, sizeof(now));
    sodium_add(now, note->added, sizeof(now));
    memcpy(state->store, now, sizeof(now));
    return r;
}

static int begin_fleet(const RollbackNote *note, Reason *reason, RollbackState *state, bool *ret)
{
    const RollbackScope *scope = &note->scope;
    RollbackFleet *fleet = rollback_state_find(state, scope->fleet);

    if (!fleet && !(fleet = rollback_state_add(state, scope->fleet)))
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "a host with rollback protection can be in %zu fleets",
                          LIMIT_ROLLBACK_FLEETS);
    *ret = scope->before == fleet->sequence || scope->before == fleet->before;
    fleet->before = scope->before;
    fleet->sequence = scope->sequence;
    return 0;
}

int rollback_note_begin(RollbackNote *note, Reason *reason)
{
    _cleanup_(closep) int lock = -1;
    RollbackState state;
    bool fits = false;
    int r = rollback_lock(note->rollback, reason, &lock);

    if (r == 0)
        r = rollback_read(note->rollback, reason, &state);
    if (r == OUTCOME_ROLLED_BACK)
        return 0;
    if (r == 0)
        r = note->scope.fleet ? begin_fleet(note, reason, &state, &fits)
                              : begin_store(note, reason, &state, &fits);
    if (r != 0 || !fits)
        return r;
    state.changed = true;
    r = rollback_write(note->rollback, &state, reason);
    note->begun = r == 0;
    return r;
}

void rollback_note_end(RollbackNote *note, bool done)
{
    _cleanup_(closep) int lock = -1;
    RollbackFleet *fleet;
    RollbackState state;

    if (!note->begun || rollback_lock(note->rollback, NULL, &lock) != 0 ||
        rollback_read(note->rollback, NULL, &state) != 0)
        return;
    fleet = note->scope.fleet ? rollback_state_find(&state, note->scope.fleet) : NULL;
    if (fleet && done)
        fleet->before = fleet->sequence;
    else if (fleet)
        fleet->sequence = fleet->before;
    else
        memcpy(done ? state.before : state.store, done ? state.store : state.before,
               sizeof(state.store));
    (void)rollback_write(note->rollback, &state, NULL);
}

/* --- the counter --- */

/* Writes the next value unless that is done. RET_COUNTER is 0 if nothing has changed. */
static int write_next(const Rollback *rollback, uint64_t value, uint64_t now, Reason *reason,
                      uint32_t *ret_counter)
{
    _cleanup_(closep) int lock = -1;
    RollbackState state;
    int r = rollback_lock(rollback, reason, &lock);

    if (r == 0)
        r = rollback_read(rollback, reason, &state);
    if (r != 0)
        return r;
    *ret_counter = state.counter;
    switch (rollback_state_judge(&state, value, reason)) {
    case ROLLBACK_RESUME:
        return 0;
    case ROLLBACK_NONE:
        if (!state.changed) {
            *ret_counter = 0;
            return 0;
        }
        state.value = value + 1;
        state.counted = now - now % 1000000;
        /* what has begun ends after this increment */
        state.changed = rollback_state_pending(&state);
        return rollback_write(rollback, &state, reason);
    default:
        return OUTCOME_ROLLED_BACK;
    }
}

int rollback_advance(const Rollback *rollback, uint64_t value, uint64_t now, const char *device,
                     RollbackIncrement increment, Reason *reason, uint64_t *ret_value)
{
    /* the lock of the key is another one than that of the folder, and is held while the TPM works
     */
    _cleanup_(closep) int turn = openat(rollback->folder, KEY, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint32_t counter;
    int r;

    if (turn < 0)
        return reason_set(reason, -errno, "cannot open %s/" KEY, rollback->path);
    if (flock(turn, LOCK_EX | LOCK_NB) < 0)
        return errno != EWOULDBLOCK
                   ? reason_set(reason, -errno, "cannot lock %s/" KEY, rollback->path)
                   : reason_set(reason, OUTCOME_TIMEOUT,
                                "another process is incrementing the TPM's counter");
    r = write_next(rollback, value, now, reason, &counter);
    if (r == 0 && counter != 0)
        r = increment(device, counter, reason);
    if (r == 0)
        *ret_value = value + (counter != 0);
    return r;
}
