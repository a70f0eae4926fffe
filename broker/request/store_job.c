/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/store_job.h"

#include "base/array.h"
#include "credential/format.h"
#include "request/commit_parameters.h"
#include "rollback/rollback_check.h"
#include "store/commit.h"
#include "store/shared_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define VERB_BYTES 17

/* A commit or a search. */
typedef struct Operation {
    StoreQueue *queue;
    Child *child;
    struct json_object *parameters;
    int data;
    FleetCommit *fleet;
    uid_t uid;
    pid_t pid;
    CredentialName name; /* a commit: others with it may join, "" for none; a search: its machine */
    uint64_t begun;      /* CLOCK_MONOTONIC, µs */
} Operation;

/* From the child: a credential was changed, or the operation has ended. */
typedef struct Message {
    bool last;
    int rc; /* the last message: the result */
    Reason reason;
    CredentialName name; /* the others: the change; after a search: what was found */
    bool removed;
    char verb[VERB_BYTES];
    uid_t uid;
    pid_t pid;
    TpmKeyLabel key;
    FleetOrigin origin;
    RollbackFound rollback; /* the last message of a recovery */
} Message;

_Static_assert(sizeof(Message) <= CHILD_MESSAGE_BYTES, "a message fits");

/* --- the children --- */

typedef struct Committer {
    const Store *store;
    int to_worker;
    FleetOrigin origin; /* of .store, if that is a fleet's */
} Committer;

static void report_applied(void *userdata, const CredentialName *name, bool removed,
                           const StoreOrigin *origin)
{
    const Committer *committer = userdata;
    _cleanup_(bytes_done) Bytes file = {0};
    Message message;

    memset(&message, 0, sizeof(message));
    message.name = *name;
    message.removed = removed;
    snprintf(message.verb, sizeof(message.verb), "%s", origin->verb);
    message.uid = origin->uid;
    message.pid = origin->pid;
    message.origin = committer->origin;
    if (!removed && store_read(committer->store, name, NULL, &file) == 0)
        message.key = credential_key_label(bytes_view(&file));
    /* no answer means that the worker has died, so this child must exit, too */
    if (child_tell(committer->to_worker, (BytesView){(const uint8_t *)&message, sizeof(message)}) !=
            0 ||
        child_wait(committer->to_worker) != 0)
        _exit(EXIT_FAILURE);
}

/* Whether nspawn-creds-apply has dealt with the set that FLEET's host has. */
static bool is_applied(const char *path, const char *fleet)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    FleetApplied applied;

    return fleet_set_open(path, fleet, NULL, &set) != 0 ||
           (fleet_set_applied(&set, NULL, &applied) == 0 &&
            strcmp(applied.statement, set.digest) == 0);
}

/* Completes what the fleets' stores were left with. The statement that is accepted now is not the
 * one of an interrupted commit, so that no entry names its sequence. */
static void recover_fleets(Committer *committer, const char *path)
{
    _cleanup_(strings_freep) char **fleets = NULL;
    int r = fleet_set_list(path, NULL, &fleets);

    for (char **fleet = fleets; r == 0 && *fleet; fleet++) {
        _cleanup_(store_freep) Store *store = NULL;

        if (fleet_commit_open(path, *fleet, false, NULL, &store) != 0)
            continue;
        committer->store = store;
        snprintf(committer->origin.fleet, sizeof(committer->origin.fleet), "%s", *fleet);
        (void)store_recover(store, report_applied, committer, NULL);
        if (!is_applied(path, *fleet))
            (void)value_changes_notify(path, NULL);
    }
}

static int accept_set(const Operation *operation, int to_worker, Reason *reason)
{
    const FleetCommit *fleet = operation->fleet;
    const char *path = operation->queue->config->store_path;
    Committer committer = {.to_worker = to_worker, .origin.sequence = fleet->sequence};
    _cleanup_(store_freep) Store *store = NULL;
    int r = fleet_commit_open(path, fleet->fleet, true, reason, &store);

    committer.store = store;
    strcpy(committer.origin.fleet, fleet->fleet);
    if (r == 0)
        r = fleet_commit_run(fleet, path, store,
                             &(StoreCommit){
                                 .origin = {"fleet", operation->uid, operation->pid},
                                 .applied = report_applied,
                                 .userdata = &committer,
                             },
                             reason);
    /* if this fails, or is not reached, the next broker does it */
    if (r == 0)
        (void)value_changes_notify(path, NULL);
    return r;
}

static int commit(const Operation *operation, int to_worker, int data, Reason *reason)
{
    _cleanup_(commit_parameters_done) CommitParameters decoded = {0};
    _cleanup_(store_freep) Store *store = NULL;
    Committer committer = {.to_worker = to_worker};
    int r = store_new(operation->queue->config->store_path, reason, &store);

    committer.store = store;
    if (r == 0 && !operation->parameters) {
        r = store_recover(store, report_applied, &committer, reason);
        recover_fleets(&committer, operation->queue->config->store_path);
        return r;
    }
    if (r == 0)
        r = commit_parameters_decode(operation->queue->config, operation->parameters, data, reason,
                                     &decoded);
    if (r != 0)
        return r;
    return store_commit(
        store,
        &(StoreCommit){
            .changes = decoded.changes,
            .count = decoded.count,
            .origin = {decoded.verb, operation->uid, operation->pid},
            .history = operation->queue->config->history,
            .rollback = &(RollbackScope){.store = operation->queue->config->store_path},
            .records = &decoded.record,
            .record_count = decoded.record.name ? 1 : 0,
            .applied = report_applied,
            .userdata = &committer,
        },
        reason);
}

static void check_rollback(const Operation *operation, RollbackFound *ret)
{
    RollbackState state;

    ret->rc = rollback_check(operation->queue->config->store_path, true, &ret->reason, &state);
    if (ret->rc != 0)
        return;
    ret->counter = state.counter;
    ret->value = state.value;
    ret->counted = state.counted;
    ret->changed = state.changed;
}

static void run_committer(void *userdata, int to_worker, int data)
{
    const Operation *operation = userdata;
    Message message;

    memset(&message, 0, sizeof(message));
    message.last = true;
    message.rc = operation->fleet ? accept_set(operation, to_worker, &message.reason)
                                  : commit(operation, to_worker, data, &message.reason);
    if (!operation->fleet && !operation->parameters)
        check_rollback(operation, &message.rollback);
    (void)child_tell(to_worker, (BytesView){(const uint8_t *)&message, sizeof(message)});
}

/* A suitable key is sealed without PCRs, as a fresh one would be, pinned or not. */
static int search(const Operation *operation, Reason *reason, CredentialName *ret)
{
    static const TpmSealRequest request;
    static const SharedKeyRequest wanted = {
        .key_types = KIND_TPM, .any_form = true, .request = &request};
    _cleanup_(store_freep) Store *store = NULL;
    int r = store_new(operation->queue->config->store_path, reason, &store);

    return r == 0 ? shared_key_find(store, operation->name.machine, &wanted, reason, ret) : r;
}

static void run_searcher(void *userdata, int to_worker, int)
{
    Message message;

    memset(&message, 0, sizeof(message));
    message.last = true;
    message.rc = search(userdata, &message.reason, &message.name);
    (void)child_tell(to_worker, (BytesView){(const uint8_t *)&message, sizeof(message)});
}

/* --- the worker --- */

static void operation_free(void *userdata)
{
    Operation *operation = userdata;

    json_object_put(operation->parameters);
    fleet_commit_free(operation->fleet);
    close_keep_errno(operation->data);
    free(operation);
}

static void finish(const Operation *operation, const Message *message)
{
    StoreQueue *queue = operation->queue;

    if (queue->held == operation->child)
        queue->held = NULL;
    child_finish(operation->child,
                 &(JobResult){.rc = message->rc,
                              .reason = &message->reason,
                              .found = &message->name,
                              .rollback = message->last ? &message->rollback : NULL});
    queue->ended(queue->userdata);
}

static void write_entry(const Operation *operation, Message *message)
{
    AuditSink *sink = operation->queue->audit;
    /* false for an earlier commit that was recovered */
    bool ours = message->uid == operation->uid && message->pid == operation->pid;

    message->verb[sizeof(message->verb) - 1] = '\0';
    audit_write(sink, &(AuditRecord){
                          .verdict = audit_verdict_of_change(message->verb, message->removed),
                          .machine = message->name.machine,
                          .id = message->name.id,
                          .peer_pid = message->pid,
                          .peer_uid = message->uid,
                          .key = message->key.fingerprint,
                          .sealed_outside = message->key.outside,
                          .fleet = message->origin.fleet,
                          .sequence = message->origin.sequence,
                          .usec = ours ? monotonic_usec() - operation->begun : 0,
                      });
}

void store_queue_go_on(StoreQueue *queue)
{
    if (queue->held && !audit_sink_full(queue->config->audit)) {
        child_hold(queue->held, false);
        child_continue(queue->held);
        queue->held = NULL;
    }
}

static void on_message(void *userdata, BytesView text)
{
    const Operation *operation = userdata;
    Message message;

    if (text.size != sizeof(message))
        return;
    memcpy(&message, text.data, sizeof(message));
    if (message.last) {
        finish(operation, &message);
        return;
    }
    write_entry(operation, &message);
    if (audit_sink_full(operation->queue->config->audit)) {
        operation->queue->held = operation->child;
        child_hold(operation->child, true);
    } else {
        child_continue(operation->child);
    }
}

static void on_committer_ended(void *userdata, int)
{
    Message message = {0};

    message.rc = reason_set(&message.reason, -ECHILD, "the process that changes the store died");
    finish(userdata, &message);
}

static void on_searcher_ended(void *userdata, int)
{
    finish(userdata, &(Message){.rc = OUTCOME_NOT_FOUND});
}

static bool is_named(const void *userdata, const void *key)
{
    const Operation *operation = userdata;

    return credential_name_equal(&operation->name, key);
}

bool commit_is_queued(const StoreQueue *queue, const CredentialName *name)
{
    return children_find(queue->children, CHILD_COMMITTER, is_named, name) != NULL;
}

static int operation_new(StoreQueue *queue, const ChildTask *task, Operation **ret)
{
    Operation *operation = malloc(sizeof(*operation));
    ChildTask own = *task;
    int r;

    if (!operation)
        return -ENOMEM;
    *operation = (Operation){.queue = queue, .data = task->passed, .begun = monotonic_usec()};
    own.done = operation_free;
    own.userdata = operation;
    r = child_new(queue->children, &own, &operation->child);
    if (r != 0)
        free(operation);
    else
        *ret = operation;
    return r;
}

static int commit_new(StoreQueue *queue, const CommitOrder *order, Child **ret)
{
    _cleanup_(closep) int data = -1;
    Operation *operation;
    int r;

    if (order->data >= 0 && (data = fcntl(order->data, F_DUPFD_CLOEXEC, 0)) < 0)
        return -errno;
    r = operation_new(queue,
                      &(ChildTask){
                          .kind = CHILD_COMMITTER,
                          .passed = data,
                          .run = run_committer,
                          .message = on_message,
                          .ended = on_committer_ended,
                      },
                      &operation);
    if (r != 0)
        return r;
    TAKE_FD(data);
    operation->parameters = json_object_get(order->parameters);
    operation->fleet = order->fleet;
    operation->uid = order->uid;
    operation->pid = order->pid;
    if (order->shared)
        operation->name = *order->shared;
    *ret = operation->child;
    return 0;
}

int commit_job_new(StoreQueue *queue, const CommitOrder *order, JobDone done, void *userdata,
                   Job **ret)
{
    Child *child = order->shared
                       ? children_find(queue->children, CHILD_COMMITTER, is_named, order->shared)
                       : NULL;
    int r = child ? 0 : commit_new(queue, order, &child);

    if (r != 0 || ret)
        return r == 0 ? job_new(child, done, userdata, ret) : r;
    child_keep(child);
    return 0;
}

int search_job_new(StoreQueue *queue, const char *machine, JobDone done, void *userdata, Job **ret)
{
    static const ChildTask task = {
        .kind = CHILD_SEARCHER,
        .passed = -1,
        .run = run_searcher,
        .message = on_message,
        .ended = on_searcher_ended,
    };
    CredentialName name = {0};
    Operation *operation;
    Child *child;
    int r;

    snprintf(name.machine, sizeof(name.machine), "%s", machine);
    child = children_find(queue->children, CHILD_SEARCHER, is_named, &name);
    if (child)
        return job_new(child, done, userdata, ret);
    r = operation_new(queue, &task, &operation);
    if (r != 0)
        return r;
    operation->name = name;
    return job_new(operation->child, done, userdata, ret);
}
