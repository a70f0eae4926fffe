/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue of TPM operations. See tpm_job.h.
 *
 * The first operation of the list is the one that runs, if any does. Every change of the front
 * enables a deferred event source, which starts the next one from the event loop, so that no
 * callback runs within a caller's call.
 *
 * An operation that runs is never given up for want of jobs: it goes on without them, and ends as
 * any other does.
 *
 * An operation that has ended leaves the queue before its jobs' callbacks run, so that no job can
 * join it. From then on it belongs to finish_first(): the callbacks may free any job, of this
 * operation and of others.
 */

#include "request/tpm_job.h"

#include "tpm/tpm_child.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* A TPM operation and the jobs that wait for it: at least one until it runs. */
typedef struct TpmOperation TpmOperation;

struct TpmOperation {
    TpmOperation *next;
    TpmSealed sealed;
    char *fresh_for; /* the machine to seal a fresh key for, .sealed is empty until then; or NULL */
    TpmJob *first;
    bool ended; /* out of the queue */
};

struct TpmQueue {
    const ServerConfig *config;
    sd_event *event;
    sd_event_source *advance; /* deferred: starts the first operation */
    sd_event_source *answer;  /* the running child's pipe; NULL without one */
    sd_event_source *timeout;
    TpmChild child;
    uint64_t answered; /* see tpm_queue_answered() */
    TpmOperation *first;
    KeyCache *cache;
    TpmCounts counts;
};

struct TpmJob {
    TpmQueue *queue;
    TpmOperation *operation; /* NULL when ended */
    TpmJob *next;            /* the next job of .operation */
    TpmJobDone done;
    void *userdata;
};

static TpmOperation *operation_free(TpmOperation *operation)
{
    assert(!operation->first);
    tpm_sealed_done(&operation->sealed);
    free(operation->fresh_for);
    free(operation);
    return NULL;
}
DEFINE_CLEANUP(TpmOperation *, operation_free);

static void stop_child(TpmQueue *queue)
{
    queue->answer = sd_event_source_disable_unref(queue->answer);
    queue->timeout = sd_event_source_disable_unref(queue->timeout);
    tpm_child_done(&queue->child);
}

/* Enabling a source cannot fail. */
static void wake(TpmQueue *queue)
{
    sd_event_source_set_enabled(queue->advance, SD_EVENT_ONESHOT);
}

/* Removes the first operation and calls back all its jobs. */
static void finish_first(TpmQueue *queue, int rc, const Reason *reason, const Secret *key)
{
    _cleanup_(operation_freep) TpmOperation *operation = queue->first;
    TpmSealedView sealed = tpm_sealed_view(&operation->sealed);
    TpmJob *job;

    stop_child(queue);
    queue->counts.failures += rc != 0;
    queue->first = operation->next;
    operation->ended = true;
    wake(queue);
    if (rc == 0)
        key_cache_add(queue->cache, &sealed, key);
    while ((job = operation->first)) {
        operation->first = job->next;
        job->operation = NULL;
        job->done(job->userdata, rc, reason, &sealed, key);
    }
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    TpmQueue *queue = userdata;
    _cleanup_(tpm_result_done) TpmResult result = {0};
    Reason reason = {0};
    int rc;

    (void)source;
    (void)fd;
    (void)events;
    sd_event_now(queue->event, CLOCK_MONOTONIC, &queue->answered);
    rc = tpm_child_finish(&queue->child, &reason, &result);
    if (rc == 0 && !result.key)
        rc = reason_set(&reason, OUTCOME_TPM_FAILED, "the TPM returned no key");
    if (rc == 0 && queue->first->fresh_for) {
        queue->first->sealed = result.sealed;
        result.sealed = (TpmSealed){0};
    }
    finish_first(queue, rc, &reason, result.key);
    return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
    TpmQueue *queue = userdata;
    Reason reason = {0};
    int rc = reason_set(&reason, OUTCOME_TPM_UNREACHABLE, "the TPM did not answer within %.0f s",
                        (double)queue->config->tpm_usec / 1e6);

    (void)source;
    (void)usec;
    finish_first(queue, rc, &reason, NULL);
    return 0;
}

/* Runs in the child. */
static int work_on_first(const void *request, const Observer *observer, Reason *reason,
                         TpmResult *ret)
{
    const TpmQueue *queue = request;
    const ServerConfig *config = queue->config;
    TpmSealedView sealed = tpm_sealed_view(&queue->first->sealed);

    (void)observer;
    if (queue->first->fresh_for)
        return config->seal(config->tpm_device, reason, &ret->sealed, &ret->key);
    return config->unseal(config->tpm_device, &sealed, reason, &ret->key);
}

static int start_first(TpmQueue *queue, Reason *reason)
{
    const ServerConfig *config = queue->config;
    int r;

    r = tpm_child_start(work_on_first, queue, reason, &queue->child);
    if (r != 0)
        return r;
    r = sd_event_add_io(queue->event, &queue->answer, queue->child.answer, EPOLLIN, on_answer,
                        queue);
    if (r >= 0)
        r = sd_event_add_time_relative(queue->event, &queue->timeout, CLOCK_MONOTONIC,
                                       config->tpm_usec, 0, on_timeout, queue);
    return r < 0 ? reason_set(reason, r, "cannot wait for the TPM") : 0;
}

static int on_advance(sd_event_source *source, void *userdata)
{
    TpmQueue *queue = userdata;
    Reason reason = {0};
    int r;

    (void)source;
    if (!queue->first || queue->answer)
        return 0;
    queue->counts.operations++;
    r = start_first(queue, &reason);
    if (r != 0)
        finish_first(queue, r, &reason, NULL);
    return 0;
}

int tpm_queue_new(sd_event *event, const ServerConfig *config, TpmQueue **ret)
{
    _cleanup_(tpm_queue_freep) TpmQueue *queue = calloc(1, sizeof(*queue));
    int r;

    if (!queue)
        return -ENOMEM;
    queue->config = config;
    queue->event = sd_event_ref(event);
    queue->child = TPM_CHILD_NONE;
    r = sd_event_add_defer(event, &queue->advance, on_advance, queue);
    if (r < 0)
        return r;
    r = sd_event_source_set_enabled(queue->advance, SD_EVENT_OFF);
    if (r >= 0)
        r = key_cache_new(event, config, &queue->cache);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(queue);
    return 0;
}

TpmQueue *tpm_queue_free(TpmQueue *queue)
{
    if (queue) {
        stop_child(queue);
        if (queue->first)
            operation_free(queue->first);
        key_cache_free(queue->cache);
        sd_event_source_disable_unref(queue->advance);
        sd_event_unref(queue->event);
        free(queue);
    }
    return NULL;
}

bool tpm_queue_is_busy(const TpmQueue *queue)
{
    return queue->first != NULL;
}

uint64_t tpm_queue_answered(const TpmQueue *queue)
{
    return queue->answered;
}

const Secret *tpm_queue_key(TpmQueue *queue, const TpmSealedView *sealed)
{
    const Secret *key = key_cache_find(queue->cache, sealed);

    queue->counts.hits += key != NULL;
    return key;
}

TpmCounts tpm_queue_counts(const TpmQueue *queue)
{
    return queue->counts;
}

unsigned tpm_queue_keys(const TpmQueue *queue)
{
    return key_cache_count(queue->cache);
}

unsigned tpm_queue_flush(TpmQueue *queue)
{
    unsigned count = key_cache_count(queue->cache);

    key_cache_flush(queue->cache);
    return count;
}

static bool runs(const TpmQueue *queue, const TpmOperation *operation)
{
    return operation == queue->first && queue->answer;
}

static bool is_wanted(const TpmOperation *operation, const TpmSealedView *sealed,
                      const char *fresh_for)
{
    TpmSealedView view = tpm_sealed_view(&operation->sealed);

    if (fresh_for || operation->fresh_for)
        return fresh_for && operation->fresh_for && strcmp(fresh_for, operation->fresh_for) == 0;
    return tpm_sealed_view_equal(&view, sealed);
}

/* Finds the operation that unseals SEALED, or seals a key FRESH_FOR a machine; else queues one. */
static int join(TpmQueue *queue, const TpmSealedView *sealed, const char *fresh_for,
                TpmOperation **ret)
{
    _cleanup_(operation_freep) TpmOperation *operation = NULL;
    TpmOperation **link;
    int r = 0;

    for (link = &queue->first; *link; link = &(*link)->next)
        if (is_wanted(*link, sealed, fresh_for)) {
            *ret = *link;
            return 0;
        }
    operation = calloc(1, sizeof(*operation));
    if (!operation)
        return -ENOMEM;
    if (fresh_for)
        operation->fresh_for = strdup(fresh_for);
    else
        r = tpm_sealed_dup(sealed, &operation->sealed);
    if (r != 0 || (fresh_for && !operation->fresh_for))
        return -ENOMEM;
    *ret = *link = TAKE_PTR(operation);
    wake(queue);
    return 0;
}

static int add_job(TpmQueue *queue, const TpmSealedView *sealed, const char *fresh_for,
                   TpmJobDone done, void *userdata, TpmJob **ret)
{
    _cleanup_(freep) TpmJob *job = calloc(1, sizeof(*job));
    TpmJob **last;
    int r;

    if (!job)
        return -ENOMEM;
    *job = (TpmJob){.queue = queue, .done = done, .userdata = userdata};
    r = join(queue, sealed, fresh_for, &job->operation);
    if (r != 0)
        return r;
    for (last = &job->operation->first; *last; last = &(*last)->next)
        ;
    *last = job;
    *ret = TAKE_PTR(job);
    return 0;
}

int tpm_job_new(TpmQueue *queue, const TpmSealedView *sealed, TpmJobDone done, void *userdata,
                TpmJob **ret)
{
    return add_job(queue, sealed, NULL, done, userdata, ret);
}

int tpm_job_new_fresh(TpmQueue *queue, const char *machine, TpmJobDone done, void *userdata,
                      TpmJob **ret)
{
    return add_job(queue, NULL, machine, done, userdata, ret);
}

/* Removes OPERATION, which does not run and has no job left, from the queue. */
static void give_up(TpmQueue *queue, TpmOperation *operation)
{
    TpmOperation **link;

    for (link = &queue->first; *link != operation; link = &(*link)->next)
        ;
    *link = operation->next;
    operation_free(operation);
}

TpmJob *tpm_job_free(TpmJob *job)
{
    TpmOperation *operation;
    TpmJob **link;

    if (!job)
        return NULL;
    operation = job->operation;
    if (operation) {
        for (link = &operation->first; *link != job; link = &(*link)->next)
            ;
        *link = job->next;
        if (!operation->first && !operation->ended && !runs(job->queue, operation))
            give_up(job->queue, operation);
    }
    free(job);
    return NULL;
}
