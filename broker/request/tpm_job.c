/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/tpm_job.h"

#include "tpm/tpm_child.h"

#include <errno.h>
#include <string.h>

typedef struct TpmOperation {
    TpmQueue *queue;
    Child *child;
    TpmSealed sealed;
    char *fresh_for; /* the machine to seal a fresh key for, .sealed is empty until then; or NULL */
} TpmOperation;

static void operation_free(void *userdata)
{
    TpmOperation *operation = userdata;

    tpm_sealed_done(&operation->sealed);
    free(operation->fresh_for);
    free(operation);
}

static void finish(TpmOperation *operation, int rc, const Reason *reason, const Secret *key)
{
    TpmQueue *queue = operation->queue;
    TpmSealedView sealed = tpm_sealed_view(&operation->sealed);

    queue->counts.operations++;
    queue->counts.failures += rc != 0;
    if (rc == 0 || rc == OUTCOME_TPM_LOCKOUT)
        queue->counts.locked_out = rc != 0;
    if (rc == 0)
        key_cache_add(queue->cache, &sealed, key);
    child_finish(operation->child,
                 &(JobResult){.rc = rc, .reason = reason, .sealed = &sealed, .key = key});
}

static void on_answer(void *userdata, int from_child)
{
    TpmOperation *operation = userdata;
    TpmChild child = {.process = -1, .answer = from_child};
    _cleanup_(tpm_result_done) TpmResult result = {0};
    Reason reason = {0};
    int rc;

    sd_event_now(operation->queue->event, CLOCK_MONOTONIC, &operation->queue->answered);
    rc = tpm_child_finish(&child, &reason, &result);
    if (rc == 0 && !result.key)
        rc = reason_set(&reason, OUTCOME_TPM_FAILED, "the TPM returned no key");
    if (rc == 0 && operation->fresh_for)
        operation->sealed = TAKE(result.sealed);
    finish(operation, rc, &reason, result.key);
}

static void on_ended(void *userdata, int r)
{
    TpmOperation *operation = userdata;
    double seconds = (double)operation->queue->config->tpm_usec / 1e6;
    Reason reason = {0};
    int rc = r == -ETIME ? reason_set(&reason, OUTCOME_TPM_UNREACHABLE,
                                      "the TPM did not answer within %.0f s", seconds)
                         : reason_set(&reason, r, "cannot start a process for the TPM");

    finish(operation, rc, &reason, NULL);
}

static int work(const void *request, const Observer *, Reason *reason, TpmResult *ret)
{
    const TpmOperation *operation = request;
    const ServerConfig *config = operation->queue->config;
    TpmSealedView sealed = tpm_sealed_view(&operation->sealed);

    if (operation->fresh_for)
        return config->seal(config->tpm_device, reason, &ret->sealed, &ret->key);
    return config->unseal(config->tpm_device, &sealed, reason, &ret->key);
}

static void run(void *userdata, int, int)
{
    tpm_child_work(work, userdata);
}

const Secret *tpm_queue_key(TpmQueue *queue, const TpmSealedView *sealed)
{
    const Secret *key = key_cache_find(queue->cache, sealed);

    queue->counts.hits += key != NULL;
    return key;
}

static bool unseals(const void *userdata, const void *key)
{
    const TpmOperation *operation = userdata;

    return !operation->fresh_for && tpm_sealed_is(&operation->sealed, key);
}

static bool seals_for(const void *userdata, const void *key)
{
    const TpmOperation *operation = userdata;

    return operation->fresh_for && strcmp(operation->fresh_for, key) == 0;
}

static int operation_new(TpmQueue *queue, const TpmSealedView *sealed, const char *fresh_for,
                         Child **ret)
{
    TpmOperation *operation = calloc(1, sizeof(*operation));
    ChildTask task = {
        .kind = CHILD_TPM,
        .passed = -1,
        .run = run,
        .answer = on_answer,
        .ended = on_ended,
        .done = operation_free,
        .userdata = operation,
    };
    int r = 0;

    if (!operation)
        return -ENOMEM;
    operation->queue = queue;
    if (sealed)
        r = tpm_sealed_dup(sealed, &operation->sealed);
    else
        operation->fresh_for = strdup(fresh_for);
    if (r != 0 || (!sealed && !operation->fresh_for) ||
        child_new(queue->children, &task, &operation->child) != 0) {
        operation_free(operation);
        return -ENOMEM;
    }
    *ret = operation->child;
    return 0;
}

int tpm_job_new(TpmQueue *queue, const TpmSealedView *sealed, const char *fresh_for, JobDone done,
                void *userdata, Job **ret)
{
    Child *child = sealed ? children_find(queue->children, CHILD_TPM, unseals, sealed)
                          : children_find(queue->children, CHILD_TPM, seals_for, fresh_for);
    int r = child ? 0 : operation_new(queue, sealed, fresh_for, &child);

    return r == 0 ? job_new(child, done, userdata, ret) : r;
}
