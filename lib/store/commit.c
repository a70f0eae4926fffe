/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commits, up to their decision; recover.c does the rest. See commit.h.
 */

#include "store/commit.h"

#include "base/base64.h"
#include "base/fsutil.h"
#include "base/limits.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_MODE ((mode_t)0640)

/* The files of a credential. */
enum { SEALED, PUBLIC, OLD, _FILE_MAX };

static const struct {
    const char *suffix, *mark;
    mode_t mode;
} kinds[_FILE_MAX] = {
    [SEALED] = {STORE_SEALED, STORE_SEALED STORE_GONE, 0640},
    [PUBLIC] = {STORE_PUBLIC, STORE_PUBLIC STORE_GONE, 0644},
    [OLD] = {STORE_OLD, STORE_OLD STORE_GONE, 0640},
};

/* One of these files, and how a change leaves it. */
typedef struct StepFile {
    bool there;        /* before the commit */
    bool gone;         /* it is removed */
    BytesView content; /* or replaced by this; it stays if this is empty */
} StepFile;

/* A change, and what it means for the files. */
typedef struct Step {
    const StoreChange *change;
    StepFile files[_FILE_MAX];
    Bytes history; /* the content of OLD */
    bool made;     /* this commit created the machine's directory; set in its first step only */
} Step;

static bool is_changed(const StepFile *file)
{
    return file->gone || file->content.size > 0;
}

typedef struct Commit {
    const Store *store;
    const StoreCommit *commit;
    Step *steps; /* sorted by machine and id */
    size_t count;
} Commit;

static void commit_done(Commit *commit)
{
    for (size_t i = 0; i < commit->count; i++)
        bytes_done(&commit->steps[i].history);
    free(commit->steps);
}

static const char *machine_of(const Step *step)
{
    return step->change->name.machine;
}

/* The end of the steps that concern the same machine as FIRST. */
static size_t machine_end(const Commit *commit, size_t first)
{
    size_t end = first + 1;

    while (end < commit->count &&
           strcmp(machine_of(&commit->steps[first]), machine_of(&commit->steps[end])) == 0)
        end++;
    return end;
}

/* --- checking what is wanted --- */

static int compare_steps(const void *left, const void *right)
{
    const CredentialName *a = &((const Step *)left)->change->name;
    const CredentialName *b = &((const Step *)right)->change->name;
    int r = strcmp(a->machine, b->machine);

    return r != 0 ? r : strcmp(a->id, b->id);
}

static int check_sizes(const StoreCommit *commit, Reason *reason)
{
    size_t bytes = 0;

    for (size_t i = 0; i < commit->record_count; i++)
        bytes += commit->records[i].content.size;

    if (commit->count > LIMIT_COMMIT_CHANGES)
        return reason_set(reason, OUTCOME_TOO_LARGE, "%zu changes at once, not %zu, is the limit",
                          LIMIT_COMMIT_CHANGES, commit->count);
    for (size_t i = 0; i < commit->count && bytes <= LIMIT_COMMIT_BYTES; i++) {
        const StoreChange *change = &commit->changes[i];

        if (change->sealed.size > LIMIT_FILE_BYTES || change->public.size > LIMIT_FILE_BYTES ||
            change->history.size > LIMIT_FILE_BYTES)
            return reason_set(reason, OUTCOME_TOO_LARGE, "%s@%s has more than %zu bytes",
                              change->name.machine, change->name.id, LIMIT_FILE_BYTES);
        bytes += change->sealed.size + change->public.size + change->history.size;
    }
    return bytes <= LIMIT_COMMIT_BYTES
               ? 0
               : reason_set(reason, OUTCOME_TOO_LARGE, "the changes have more than %zu bytes",
                            LIMIT_COMMIT_BYTES);
}

static bool records_valid(const StoreCommit *commit)
{
    for (size_t i = 0; i < commit->record_count; i++)
        if (!store_record_name_valid(commit->records[i].name))
            return false;
    return true;
}

static int make_steps(Commit *commit, Reason *reason)
{
    const StoreCommit *wanted = commit->commit;
    int r = check_sizes(wanted, reason);

    if (r != 0)
        return r;
    if (!store_verb_valid(wanted->origin.verb) || !records_valid(wanted))
        return reason_set(reason, OUTCOME_USAGE, "not the name of a verb or a record");
    commit->steps = calloc(wanted->count + 1, sizeof(commit->steps[0]));
    if (!commit->steps)
        return reason_set(reason, -ENOMEM, "cannot change the store");
    commit->count = wanted->count;
    for (size_t i = 0; i < commit->count; i++)
        commit->steps[i].change = &wanted->changes[i];
    qsort(commit->steps, commit->count, sizeof(commit->steps[0]), compare_steps);
    for (size_t i = 1; i < commit->count; i++)
        if (compare_steps(&commit->steps[i - 1], &commit->steps[i]) == 0)
            return reason_set(reason, OUTCOME_USAGE, "%s@%s is given twice",
                              machine_of(&commit->steps[i]), commit->steps[i].change->name.id);
    return 0;
}

/* --- checking what exists --- */

/* Whether MACHINE, -1 if there is none, has the file of NAME. */
static int look(int machine, const CredentialName *name, const char *suffix, Reason *reason,
                bool *ret)
{
    FileName file = store_file_name(name, suffix);
    struct stat status;

    *ret = machine >= 0 && fstatat(machine, file.text, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (*ret && S_ISDIR(status.st_mode))
        return reason_set(reason, OUTCOME_STORE_UNSAFE, "the store's %s/%s is a directory",
                          name->machine, file.text);
    return *ret || machine < 0 || errno == ENOENT
               ? 0
               : reason_set(reason, -errno, "cannot read the store's %s/%s", name->machine,
                            file.text);
}

static int check_digest(int machine, const StoreChange *change, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    char digest[DIGEST_TEXT_BYTES];
    int r = store_file_read(machine, &change->name, STORE_SEALED, reason, &file);

    if (r != 0)
        return r;
    digest_format(bytes_view(&file), digest);
    return strcmp(change->digest, digest) == 0
               ? 0
               : reason_set(reason, OUTCOME_CHANGED,
                            "another command changed %s@%s in the meantime", change->name.machine,
                            change->name.id);
}

static int check_precondition(int machine, const Step *step, Reason *reason)
{
    const StoreChange *change = step->change;
    const CredentialName *name = &change->name;
    bool there = step->files[SEALED].there;

    if (change->precondition == STORE_ABSENT && there)
        return reason_set(reason, OUTCOME_EXISTS, "the store has %s@%s", name->machine, name->id);
    if (!there && (change->remove || change->sealed.size == 0))
        return reason_set(reason, OUTCOME_NOT_FOUND, "the store has no %s@%s", name->machine,
                          name->id);
    if (change->precondition != STORE_DIGEST)
        return 0;
    if (!there)
        return reason_set(reason, OUTCOME_CHANGED, "%s@%s is not in the store any more",
                          name->machine, name->id);
    return check_digest(machine, change, reason);
}

/* Only a new sealed file, or none, has another history. */
static int examine_history(const StoreCommit *commit, int machine, Step *step, Reason *reason)
{
    const StoreChange *change = step->change;
    StepFile *old = &step->files[OLD];
    int r = 0;

    if (!is_changed(&step->files[SEALED]))
        return 0;
    if (!change->remove && change->history.size > 0)
        r = bytes_dup(change->history, &step->history);
    else if (!change->remove && (change->keep_old || change->settle) && step->files[SEALED].there)
        r = store_history_after(machine, change, &commit->origin, commit->history, reason,
                                &step->history);
    old->content = bytes_view(&step->history);
    old->gone = old->there && step->history.size == 0;
    return r;
}

static int examine_step(const StoreCommit *commit, int machine, Step *step, Reason *reason)
{
    const StoreChange *change = step->change;
    StepFile *sealed = &step->files[SEALED], *half = &step->files[PUBLIC];
    int r = 0;

    for (size_t i = 0; r == 0 && i < _FILE_MAX; i++)
        r = look(machine, &change->name, kinds[i].suffix, reason, &step->files[i].there);
    if (r == 0)
        r = check_precondition(machine, step, reason);
    if (r != 0)
        return r;
    sealed->gone = change->remove;
    if (!change->remove)
        sealed->content = change->sealed;
    r = examine_history(commit, machine, step, reason);
    if (r != 0 || (change->keep_public && !change->remove))
        return r;
    if (!change->remove)
        half->content = change->public;
    half->gone = half->there && half->content.size == 0;
    return 0;
}

static int examine(const Commit *commit, Reason *reason)
{
    for (size_t i = 0, end; i < commit->count; i = end) {
        _cleanup_(closep) int machine = -1;
        int r = store_machine_open(commit->store->directory, machine_of(&commit->steps[i]),
                                   O_RDONLY, reason, &machine);

        end = machine_end(commit, i);
        if (r == OUTCOME_NOT_FOUND)
            r = 0;
        for (size_t j = i; r == 0 && j < end; j++)
            r = examine_step(commit->commit, machine, &commit->steps[j], reason);
        if (r != 0)
            return r;
    }
    return 0;
}

/* --- one file --- */

/* If the file system cannot exchange two files, the change cannot be undone. */
static int exchange(int from, int to, const char *file)
{
    if (renameat2(from, STORE_PREPARE, to, file, RENAME_EXCHANGE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    return renameat(from, STORE_PREPARE, to, file) < 0 ? -errno : 0;
}

/* Moves ".prepare" to FILE, the other way, or both at once; or back. */
static int move_file(int store, int machine, const char *file, bool old, bool new, bool back)
{
    if (old && new)
        return exchange(store, machine, file);
    if (new != back)
        return renameat(store, STORE_PREPARE, machine, file) < 0 ? -errno : 0;
    return renameat(machine, file, store, STORE_PREPARE) < 0 ? -errno : 0;
}

/* An old file is moved away, and only removed when the commit has succeeded. */
static int commit_file(const Commit *commit, Step *step, Reason *reason)
{
    const CredentialName *name = &step->change->name;
    size_t kind = is_changed(&step->files[SEALED]) ? SEALED : PUBLIC;
    const StepFile *changed = &step->files[kind];
    bool new = !changed->gone, old = changed->there;
    FileName file = store_file_name(name, kinds[kind].suffix);
    int directory = commit->store->directory, r = 0;
    _cleanup_(closep) int machine = -1;

    r = new ? store_machine_make(commit->store, name->machine, reason, &machine, &step->made)
            : store_machine_open(directory, name->machine, O_RDONLY, reason, &machine);
    if (r == 0 && new)
        r = file_create_at(directory, STORE_PREPARE, changed->content,
                           (FileOwnership){kinds[kind].mode, commit->store->group}, reason);
    if (r != 0)
        return r;
    r = move_file(directory, machine, file.text, old, new, false);
    if (r == 0 && fsync(machine) < 0) {
        r = -errno;
        if (move_file(directory, machine, file.text, old, new, true) < 0)
            r = 0; /* as in decide() */
    }
    if (r < 0)
        return reason_set(reason, r, "cannot change the store's %s/%s", name->machine, file.text);
    if (kind == SEALED && commit->commit->applied)
        commit->commit->applied(commit->commit->userdata, name, !new, &commit->commit->origin);
    if (old)
        (void)unlinkat(directory, STORE_PREPARE, 0);
    return 0;
}

/* --- several files --- */

static int make_mark(int directory, const CredentialName *name, const char *suffix, Reason *reason)
{
    FileName mark = store_file_name(name, suffix);
    int fd =
        openat(directory, mark.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return reason_set(reason, -errno, "cannot create %s in the store", mark.text);
    close(fd);
    return 0;
}

static int prepare_step(const Commit *commit, int directory, const Step *step, Reason *reason)
{
    const CredentialName *name = &step->change->name;
    int r = 0;

    for (size_t i = 0; r == 0 && i < _FILE_MAX; i++)
        if (step->files[i].gone)
            r = make_mark(directory, name, kinds[i].mark, reason);
        else if (step->files[i].content.size > 0)
            r = file_create_at(directory, store_file_name(name, kinds[i].suffix).text,
                               step->files[i].content,
                               (FileOwnership){kinds[i].mode, commit->store->group}, reason);
    return r;
}

static int prepare_machine(const Commit *commit, int prepare, const Step *steps, size_t count,
                           Reason *reason)
{
    _cleanup_(closep) int directory = -1;
    int r = store_directory_make(commit->store, prepare, machine_of(steps), reason, &directory);

    for (size_t i = 0; r == 0 && i < count; i++)
        r = prepare_step(commit, directory, &steps[i], reason);
    if (r == 0 && fsync(directory) < 0)
        r = reason_set(reason, -errno, "cannot sync the store");
    return r;
}

/* Creates the machines' directories before the decision, because another program may have to
 * complete the commit. */
static int make_machines(const Commit *commit, Reason *reason)
{
    int r = 0;

    for (size_t i = 0, end; r == 0 && i < commit->count; i = end) {
        _cleanup_(closep) int machine = -1;
        bool new = false;

        end = machine_end(commit, i);
        for (size_t j = i; j < end; j++)
            for (size_t k = 0; k < _FILE_MAX; k++)
                new = new || commit->steps[j].files[k].content.size > 0;
        if (new)
            r = store_machine_make(commit->store, machine_of(&commit->steps[i]), reason, &machine,
                                   &commit->steps[i].made);
    }
    return r;
}

static int prepare_records(const Commit *commit, int prepare, Reason *reason)
{
    const StoreCommit *wanted = commit->commit;
    FileOwnership ownership = {RECORD_MODE, commit->store->group};
    char origin[STORE_ORIGIN_BYTES], name[256];
    int r;

    store_origin_format(&wanted->origin, origin);
    r = file_create_at(prepare, STORE_ORIGIN, (BytesView){(const uint8_t *)origin, strlen(origin)},
                       ownership, reason);
    for (size_t i = 0; r == 0 && i < wanted->record_count; i++) {
        snprintf(name, sizeof(name), STORE_RECORD "%s", wanted->records[i].name);
        r = file_create_at(prepare, name, wanted->records[i].content, ownership, reason);
    }
    return r;
}

static int prepare_all(const Commit *commit, Reason *reason)
{
    _cleanup_(closep) int prepare = -1;
    int r = make_machines(commit, reason);

    if (r == 0)
        r = store_directory_make(commit->store, commit->store->directory, STORE_PREPARE, reason,
                                 &prepare);

    for (size_t i = 0, end; r == 0 && i < commit->count; i = end) {
        end = machine_end(commit, i);
        r = prepare_machine(commit, prepare, &commit->steps[i], end - i, reason);
    }
    if (r == 0)
        r = prepare_records(commit, prepare, reason);
    if (r == 0 && fsync(prepare) < 0)
        r = reason_set(reason, -errno, "cannot sync the store");
    return r;
}

/* After the rename the commit cannot be undone, even if it could not be synced. */
static int decide(const Commit *commit, Reason *reason)
{
    int directory = commit->store->directory, r;

    if (renameat(directory, STORE_PREPARE, directory, STORE_COMMIT) < 0)
        return reason_set(reason, -errno, "cannot change the store");
    if (fsync(directory) == 0)
        return 0;
    r = -errno;
    return renameat(directory, STORE_COMMIT, directory, STORE_PREPARE) < 0
               ? 0
               : reason_set(reason, r, "cannot sync the store");
}

/* Restores the store as far as possible; the next commit does the rest. */
static void undo(const Commit *commit)
{
    (void)store_clear(commit->store, STORE_PREPARE, NULL);
    for (size_t i = 0; i < commit->count; i++)
        if (commit->steps[i].made)
            (void)unlinkat(commit->store->directory, machine_of(&commit->steps[i]), AT_REMOVEDIR);
}

/* The only step, if the commit changes one file. */
static Step *find_only_file(const Commit *commit, size_t *ret_files)
{
    Step *found = NULL;

    *ret_files = 0;
    for (size_t i = 0; i < commit->count; i++)
        for (size_t j = 0; j < _FILE_MAX; j++)
            if (is_changed(&commit->steps[i].files[j])) {
                ++*ret_files;
                found = &commit->steps[i];
            }
    return *ret_files == 1 && commit->commit->record_count == 0 ? found : NULL;
}

int store_lock(const Store *store, Reason *reason, int *ret_fd)
{
    int r = directory_lock_at(store->directory, ".", LIMIT_LOCK_USEC, reason, ret_fd);

    return r != OUTCOME_TIMEOUT
               ? r
               : reason_set(reason, r, "another program has been changing the store for too long");
}

/* Tells the rollback protection what changes, before it does. RET is NULL without protection. */
static int note_changes(const Commit *commit, Reason *reason, RollbackNote **ret)
{
    _cleanup_(rollback_note_freep) RollbackNote *note = NULL;
    const RollbackScope *scope = commit->commit->rollback;
    int r = scope ? rollback_note_new(scope, commit->store, reason, &note) : 0;

    for (size_t i = 0; r == 0 && note && i < commit->count; i++)
        if (is_changed(&commit->steps[i].files[SEALED]))
            r = rollback_note_file(note, &commit->steps[i].change->name,
                                   commit->steps[i].files[SEALED].content, reason);
    if (r == 0 && note)
        r = rollback_note_begin(note, reason);
    if (r == 0)
        *ret = TAKE_PTR(note);
    return r;
}

int store_commit(const Store *store, const StoreCommit *wanted, Reason *reason)
{
    _cleanup_(commit_done) Commit commit = {.store = store, .commit = wanted};
    _cleanup_(rollback_note_freep) RollbackNote *note = NULL;
    _cleanup_(closep) int lock = -1;
    size_t files;
    Step *only;
    int r = make_steps(&commit, reason);

    if (r == 0)
        r = store_lock(store, reason, &lock);
    if (r == 0)
        r = store_clear(store, STORE_PREPARE, reason);
    if (r == 0)
        r = store_complete(store, wanted->applied, wanted->userdata, reason);
    if (r == 0)
        r = examine(&commit, reason);
    if (r != 0)
        return r;
    only = find_only_file(&commit, &files);
    if (files == 0 && wanted->record_count == 0)
        return 0;
    r = note_changes(&commit, reason, &note);
    if (r != 0)
        return r;
    r = only ? commit_file(&commit, only, reason) : prepare_all(&commit, reason);
    if (r == 0 && !only)
        r = decide(&commit, reason);
    if (note)
        rollback_note_end(note, r == 0);
    if (r != 0)
        undo(&commit);
    else if (!only)
        (void)store_complete(store, wanted->applied, wanted->userdata, NULL);
    return r;
}
