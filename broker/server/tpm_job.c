/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unsealings, one after the other. See tpm_job.h.
 *
 * The queue is a list whose first job is the one that runs, if any does. Whatever changes the front
 * wakes a deferred event source, which starts the next job from the event loop: so no callback is
 * called from within a caller's call.
 */

#include "server/tpm_job.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>

struct TpmQueue {
    const ServerConfig *config;
    sd_event *event;
    sd_event_source *advance; /* deferred: start the first job */
    sd_event_source *answer;  /* the running child's pipe; NULL if none runs */
    sd_event_source *timeout;
    TpmChild child;
    TpmJob *first;
};

struct TpmJob {
    TpmQueue *queue;
    TpmJob *next;
    TpmSealedView sealed;
    TpmJobDone done;
    void *userdata;
    bool finished; /* no longer in the queue */
};

static void stop_child(TpmQueue *queue)
{
    queue->answer = sd_event_source_disable_unref(queue->answer);
    queue->timeout = sd_event_source_disable_unref(queue->timeout);
    tpm_child_done(&queue->child);
}

/* Takes the first job out and tells its owner, who may free it. */
static void finish_first(TpmQueue *queue, int rc, const Reason *reason, const Secret *key)
{
    TpmJob *job = queue->first;

    stop_child(queue);
    queue->first = job->next;
    job->finished = true;
    /* A source that was made cannot fail to be enabled. */
    sd_event_source_set_enabled(queue->advance, SD_EVENT_ONESHOT);
    job->done(job->userdata, rc, reason, key);
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    TpmQueue *queue = userdata;
    _cleanup_(secret_freep) Secret *key = NULL;
    Reason reason = {0};
    int rc;

    (void)source;
    (void)fd;
    (void)events;
    rc = tpm_child_finish(&queue->child, &reason, &key);
    finish_first(queue, rc, &reason, key);
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

static int start_first(TpmQueue *queue, Reason *reason)
{
    const ServerConfig *config = queue->config;
    int r;

    r = tpm_child_start(config->unseal, config->tpm_device, &queue->first->sealed, reason,
                        &queue->child);
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
    if (r < 0)
        return r;
    *ret = TAKE_PTR(queue);
    return 0;
}

TpmQueue *tpm_queue_free(TpmQueue *queue)
{
    if (queue) {
        assert(!queue->first);
        stop_child(queue);
        sd_event_source_disable_unref(queue->advance);
        sd_event_unref(queue->event);
        free(queue);
    }
    return NULL;
}

int tpm_job_new(TpmQueue *queue, const TpmSealedView *sealed, TpmJobDone done, void *userdata,
                TpmJob **ret)
{
    TpmJob *job = calloc(1, sizeof(*job));
    TpmJob **last = &queue->first;

    if (!job)
        return -ENOMEM;
    *job = (TpmJob){.queue = queue, .sealed = *sealed, .done = done, .userdata = userdata};
    while (*last)
        last = &(*last)->next;
    *last = job;
    sd_event_source_set_enabled(queue->advance, SD_EVENT_ONESHOT);
    *ret = job;
    return 0;
}

TpmJob *tpm_job_free(TpmJob *job)
{
    TpmQueue *queue;
    TpmJob **link;

    if (!job)
        return NULL;
    queue = job->queue;
    if (!job->finished) {
        if (job == queue->first) {
            stop_child(queue);
            sd_event_source_set_enabled(queue->advance, SD_EVENT_ONESHOT);
        }
        for (link = &queue->first; *link != job; link = &(*link)->next)
            ;
        *link = job->next;
    }
    free(job);
    return NULL;
}
