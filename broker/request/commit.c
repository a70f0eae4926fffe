/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commits to the store. See commit.h.
 *
 * A commit that has ended leaves the queue before its jobs' callbacks run. These may free any job.
 */

#include "request/commit.h"

#include "credential/format.h"
#include "request/commit_parameters.h"
#include "store/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define VERB_BYTES 17

/* A commit that runs or queues. */
typedef struct CommitOperation CommitOperation;

struct CommitOperation {
    CommitQueue *queue;
    CommitOperation *next;
    struct json_object *parameters;
    int data;
    uid_t uid;
    pid_t pid;
    CredentialName shared; /* .machine is "" if no other job may join */
    uint64_t begun;        /* CLOCK_MONOTONIC, µs */
    Child *child;
    CommitJob *first; /* the jobs that wait for it */
    bool unattended;  /* must run even if no job waits */
    bool ended;
    bool held; /* its child waits for room for audit entries */
};

struct CommitJob {
    CommitOperation *operation; /* NULL when ended */
    CommitJob *next;            /* the next job of .operation */
    CommitDone done;
    void *userdata;
};

struct CommitQueue {
    Children *children;
    const ServerConfig *config;
    AuditSink *audit;
    void (*ended)(void *userdata);
    void *userdata;
    CommitOperation *first;
};

/* From the child: a credential was changed, or the commit has ended. */
typedef struct Message {
    bool last;
    int rc; /* the last message: the result */
    Reason reason;
    CredentialName name; /* the others: the change */
    bool removed;
    char verb[VERB_BYTES];
    uid_t uid;
    pid_t pid;
    TpmKeyLabel key;
} Message;

_Static_assert(sizeof(Message) <= CHILD_MESSAGE_BYTES, "a message fits");

/* --- the child --- */

typedef struct Committer {
    const Store *store;
    int to_worker;
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
    if (!removed && store_read(committer->store, name, NULL, &file) == 0)
        message.key = credential_key_label(bytes_view(&file));
    /* no answer means that the worker has died, so this child must exit, too */
    if (child_tell(committer->to_worker, (BytesView){(const uint8_t *)&message, sizeof(message)}) !=
            0 ||
        child_wait(committer->to_worker) != 0)
        _exit(EXIT_FAILURE);
}

static int commit(const CommitOperation *operation, int to_worker, int data, Reason *reason)
{
    _cleanup_(commit_parameters_done) CommitParameters decoded = {0};
    _cleanup_(store_freep) Store *store = NULL;
    Committer committer = {.to_worker = to_worker};
    int r = store_new(operation->queue->config->store_path, reason, &store);

    committer.store = store;
    if (r == 0 && !operation->parameters)
        return store_recover(store, report_applied, &committer, reason);
    if (r == 0)
        r = commit_parameters_decode(operation->queue->config, operation->parameters, data, reason,
                                     &decoded);
    if (r != 0)
        return r;
    return store_commit(store,
                        &(StoreCommit){
                            .changes = decoded.changes,
                            .count = decoded.count,
                            .origin = {decoded.verb, operation->uid, operation->pid},
                            .record = decoded.record.name ? &decoded.record : NULL,
                            .applied = report_applied,
                            .userdata = &committer,
                        },
                        reason);
}

static void run_committer(void *userdata, int to_worker, int data)
{
    Message message;

    memset(&message, 0, sizeof(message));
    message.last = true;
    message.rc = commit(userdata, to_worker, data, &message.reason);
    (void)child_tell(to_worker, (BytesView){(const uint8_t *)&message, sizeof(message)});
}

/* --- the worker --- */

static void operation_free(CommitOperation *operation)
{
    child_free(operation->child);
    json_object_put(operation->parameters);
    close_keep_errno(operation->data);
    free(operation);
}

static void unlink_operation(const CommitOperation *operation)
{
    CommitOperation **link;

    for (link = &operation->queue->first; *link != operation; link = &(*link)->next)
        ;
    *link = operation->next;
}

static void finish(CommitOperation *operation, int rc, const Reason *reason)
{
    CommitQueue *queue = operation->queue;
    CommitJob *job;

    operation->child = child_free(operation->child);
    unlink_operation(operation);
    operation->ended = true;
    while ((job = operation->first)) {
        operation->first = job->next;
        job->operation = NULL;
        job->done(job->userdata, rc, reason);
    }
    operation_free(operation);
    queue->ended(queue->userdata);
}

static void write_entry(const CommitOperation *operation, Message *message)
{
    AuditSink *sink = operation->queue->audit;
    /* false for an earlier commit that was recovered */
    bool ours = message->uid == operation->uid && message->pid == operation->pid;

    message->verb[sizeof(message->verb) - 1] = '\0';
    sink->write(sink, &(AuditRecord){
                          .verdict = audit_verdict_of_change(message->verb, message->removed),
                          .machine = message->name.machine,
                          .id = message->name.id,
                          .unit = "",
                          .peer_pid = message->pid,
                          .peer_uid = message->uid,
                          .reason = "",
                          .key = message->key.fingerprint,
                          .sealed_outside = message->key.outside,
                          .usec = ours ? monotonic_usec() - operation->begun : 0,
                      });
}

static bool is_full(const CommitQueue *queue)
{
    const AuditSink *sink = queue->config->audit;

    return sink->full && sink->full(sink);
}

void commit_queue_go_on(CommitQueue *queue)
{
    for (CommitOperation *operation = queue->first; operation; operation = operation->next)
        if (operation->held && !is_full(queue)) {
            operation->held = false;
            child_hold(operation->child, false);
            child_continue(operation->child);
        }
}

static void on_message(void *userdata, BytesView text)
{
    CommitOperation *operation = userdata;
    Message message;

    if (text.size != sizeof(message))
        return;
    memcpy(&message, text.data, sizeof(message));
    if (message.last) {
        finish(operation, message.rc, &message.reason);
        return;
    }
    write_entry(operation, &message);
    operation->held = is_full(operation->queue);
    if (operation->held)
        child_hold(operation->child, true);
    else
        child_continue(operation->child);
}

static void on_ended(void *userdata)
{
    Reason reason = {0};
    int r = reason_set(&reason, -ECHILD, "the process that changes the store died");

    finish(userdata, r, &reason);
}

static CommitOperation *find_shared(const CommitQueue *queue, const CredentialName *name)
{
    for (CommitOperation *operation = queue->first; operation; operation = operation->next)
        if (strcmp(operation->shared.machine, name->machine) == 0 &&
            strcmp(operation->shared.id, name->id) == 0)
            return operation;
    return NULL;
}

bool commit_is_queued(const CommitQueue *queue, const CredentialName *name)
{
    return find_shared(queue, name) != NULL;
}

static int operation_new(CommitQueue *queue, const CommitOrder *order, CommitOperation **ret)
{
    CommitOperation *operation = calloc(1, sizeof(*operation));
    CommitOperation **last;
    int r = 0;

    if (!operation)
        return -ENOMEM;
    *operation = (CommitOperation){
        .queue = queue,
        .parameters = json_object_get(order->parameters),
        .data = order->data >= 0 ? fcntl(order->data, F_DUPFD_CLOEXEC, 0) : -1,
        .uid = order->uid,
        .pid = order->pid,
        .begun = monotonic_usec(),
    };
    if (order->shared)
        operation->shared = *order->shared;
    if (order->data >= 0 && operation->data < 0)
        r = -errno;
    if (r == 0)
        r = child_new(queue->children,
                      &(ChildTask){
                          .kind = CHILD_COMMITTER,
                          .passed = operation->data,
                          .run = run_committer,
                          .message = on_message,
                          .ended = on_ended,
                          .userdata = operation,
                      },
                      &operation->child);
    if (r != 0) {
        operation_free(operation);
        return r;
    }
    for (last = &queue->first; *last; last = &(*last)->next)
        ;
    *ret = *last = operation;
    return 0;
}

int commit_job_new(CommitQueue *queue, const CommitOrder *order, CommitDone done, void *userdata,
                   CommitJob **ret)
{
    CommitOperation *operation = order->shared ? find_shared(queue, order->shared) : NULL;
    _cleanup_(freep) CommitJob *job = calloc(1, sizeof(*job));
    CommitJob **last;
    int r = 0;

    if (!job)
        return -ENOMEM;
    if (!operation)
        r = operation_new(queue, order, &operation);
    if (r != 0)
        return r;
    if (!ret) {
        operation->unattended = true;
        return 0;
    }
    *job = (CommitJob){.operation = operation, .done = done, .userdata = userdata};
    for (last = &operation->first; *last; last = &(*last)->next)
        ;
    *last = job;
    *ret = TAKE_PTR(job);
    return 0;
}

CommitJob *commit_job_free(CommitJob *job)
{
    CommitOperation *operation = job ? job->operation : NULL;
    CommitJob **link;

    if (operation) {
        for (link = &operation->first; *link != job; link = &(*link)->next)
            ;
        *link = job->next;
        if (!operation->first && !operation->unattended && !operation->ended &&
            !child_has_begun(operation->child)) {
            unlink_operation(operation);
            operation_free(operation);
        }
    }
    free(job);
    return NULL;
}

int commit_queue_new(Children *children, const ServerConfig *config, AuditSink *audit,
                     void (*ended)(void *userdata), void *userdata, CommitQueue **ret)
{
    CommitQueue *queue = malloc(sizeof(*queue));

    if (!queue)
        return -ENOMEM;
    *queue = (CommitQueue){
        .children = children,
        .config = config,
        .audit = audit,
        .ended = ended,
        .userdata = userdata,
    };
    *ret = queue;
    return 0;
}

CommitQueue *commit_queue_free(CommitQueue *queue)
{
    if (!queue)
        return NULL;
    while (queue->first) {
        CommitOperation *operation = queue->first;

        queue->first = operation->next;
        operation_free(operation);
    }
    free(queue);
    return NULL;
}

size_t commit_queue_count(const CommitQueue *queue)
{
    size_t count = 0;

    for (const CommitOperation *operation = queue->first; operation; operation = operation->next)
        count++;
    return count;
}
