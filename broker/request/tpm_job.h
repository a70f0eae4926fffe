/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Unsealings, and sealings of fresh keys, one after the other, each for all who want it.
 *
 * A TPM does one thing at a time, so there is one child at a time (server/tpm_child.h) and a queue,
 * first come, first served. An unsealing that takes too long is killed and the next one started.
 * The event loop never waits.
 *
 * What is queued is known by what it unseals, not by who asked: jobs for the same sealed key share
 * one unsealing, its success as its failure. It is given up when the last of them is freed, and not
 * before. A key that was unsealed is known for a while after (server/key_cache.h); a failure is
 * only told to those who waited for it.
 */

#include "request/key_cache.h"

typedef struct TpmQueue TpmQueue;
typedef struct TpmJob TpmJob;

/* RC as tpm_unseal() or tpm_seal(), or OUTCOME_TPM_UNREACHABLE after too long; KEY and what it is
 * SEALED to are borrowed, KEY is NULL unless RC is 0. Never called from within tpm_job_new(). The
 * job is to be freed, in here or later. */
typedef void (*TpmJobDone)(void *userdata, int rc, const Reason *reason,
                           const TpmSealedView *sealed, const Secret *key);

/* All arguments are borrowed and must outlive the queue. */
int tpm_queue_new(sd_event *event, const ServerConfig *config, TpmQueue **ret);
TpmQueue *tpm_queue_free(TpmQueue *queue); /* when there are no jobs */
DEFINE_CLEANUP(TpmQueue *, tpm_queue_free);

/* When the TPM last answered to anybody, CLOCK_MONOTONIC in µs; 0 if it has not. It counts whatever
 * it said, but not that it was given up. */
uint64_t tpm_queue_answered(const TpmQueue *queue);

/* The key that SEALED was unsealed to a moment ago, or NULL: it takes a job. Borrowed until the
 * next call or event. */
const Secret *tpm_queue_key(TpmQueue *queue, const TpmSealedView *sealed);

/* Since the queue was made. */
typedef struct TpmCounts {
    uint64_t operations; /* that the TPM was asked for */
    uint64_t failures;   /* of them */
    uint64_t hits;       /* keys that were known */
} TpmCounts;

TpmCounts tpm_queue_counts(const TpmQueue *queue);

/* How many keys are known; wipes all of them, and says how many there were. */
unsigned tpm_queue_keys(const TpmQueue *queue);
unsigned tpm_queue_flush(TpmQueue *queue);

/* Seals a fresh key, one for all who want one for MACHINE meanwhile. -ENOMEM. */
int tpm_job_new_fresh(TpmQueue *queue, const char *machine, TpmJobDone done, void *userdata,
                      TpmJob **ret);

/* SEALED is copied. -ENOMEM. */
int tpm_job_new(TpmQueue *queue, const TpmSealedView *sealed, TpmJobDone done, void *userdata,
                TpmJob **ret);

/* Also gives the unsealing up, or kills its child, if nobody else waits for it. NULL is allowed. */
TpmJob *tpm_job_free(TpmJob *job);
DEFINE_CLEANUP(TpmJob *, tpm_job_free);
