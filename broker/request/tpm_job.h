/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The queue of TPM operations: unsealing keys, and sealing fresh ones.
 *
 * A TPM does one thing at a time, so one child runs at a time (tpm/tpm_child.h) and the others
 * queue, first come, first served. An operation that takes too long is killed, and the next one
 * starts. The event loop never waits.
 *
 * Jobs for the same sealed key share one operation and its result. When the last of these jobs is
 * freed, an operation that is still queued is given up. One that runs is finished, and its key is
 * cached: killing it would leave objects and sessions behind in a TPM without a resource manager,
 * and whoever abandons requests could fill the TPM with them.
 *
 * An unsealed key is cached for a while (request/key_cache.h); only the jobs that wait for a failed
 * operation get its failure.
 */

#include "request/key_cache.h"

typedef struct TpmQueue TpmQueue;
typedef struct TpmJob TpmJob;

/* RC is the result of tpm_unseal() or tpm_seal(), or OUTCOME_TPM_UNREACHABLE after the time limit.
 * KEY and its SEALED form are borrowed; KEY is NULL unless RC is 0. Never called from within
 * tpm_job_new(). The job must still be freed, here or later. */
typedef void (*TpmJobDone)(void *userdata, int rc, const Reason *reason,
                           const TpmSealedView *sealed, const Secret *key);

/* All arguments are borrowed and must outlive the queue. */
int tpm_queue_new(sd_event *event, const ServerConfig *config, TpmQueue **ret);
/* There must be no jobs. A running operation is killed. */
TpmQueue *tpm_queue_free(TpmQueue *queue);
DEFINE_CLEANUP(TpmQueue *, tpm_queue_free);

/* Whether an operation runs or is queued. */
bool tpm_queue_is_busy(const TpmQueue *queue);

/* When the TPM last completed an operation, successfully or not, CLOCK_MONOTONIC in µs; 0 if never.
 */
uint64_t tpm_queue_answered(const TpmQueue *queue);

/* The cached key of SEALED, or NULL if a job is needed. Borrowed until the next call or event. */
const Secret *tpm_queue_key(TpmQueue *queue, const TpmSealedView *sealed);

/* Since the queue was made. */
typedef struct TpmCounts {
    uint64_t operations; /* started */
    uint64_t failures;   /* failed operations */
    uint64_t hits;       /* keys found in the cache */
} TpmCounts;

TpmCounts tpm_queue_counts(const TpmQueue *queue);

/* The number of cached keys. */
unsigned tpm_queue_keys(const TpmQueue *queue);
/* Wipes all cached keys, and returns how many there were. */
unsigned tpm_queue_flush(TpmQueue *queue);

/* Queues the sealing of a fresh key, which all concurrent jobs for MACHINE share. Returns 0 or
 * -ENOMEM. */
int tpm_job_new_fresh(TpmQueue *queue, const char *machine, TpmJobDone done, void *userdata,
                      TpmJob **ret);

/* Queues the unsealing of SEALED, which is copied. Returns 0 or -ENOMEM. */
int tpm_job_new(TpmQueue *queue, const TpmSealedView *sealed, TpmJobDone done, void *userdata,
                TpmJob **ret);

/* Gives the operation up if it does not run and no other job waits for it. NULL is allowed. */
TpmJob *tpm_job_free(TpmJob *job);
DEFINE_CLEANUP(TpmJob *, tpm_job_free);
