/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * TPM operations: unsealing keys, and sealing fresh ones.
 *
 * A TPM does one thing at a time, so one child runs at a time (process/children.h). An operation
 * that takes too long is killed, and the next one starts.
 *
 * Jobs for the same sealed key share one operation and its result. An operation that runs is
 * finished even if nobody waits for it any more, and its key is cached: killing it would leave
 * objects and sessions behind in a TPM without a resource manager, and whoever abandons requests
 * could fill the TPM with them.
 *
 * An unsealed key is cached for a while (request/key_cache.h); only the jobs that wait for a failed
 * operation get its failure.
 */

#include "process/children.h"
#include "request/key_cache.h"

/* Since the worker began. */
typedef struct TpmCounts {
    uint64_t operations; /* ended */
    uint64_t failures;   /* failed operations */
    uint64_t hits;       /* keys found in the cache */
    bool locked_out;     /* the lockout refused an operation, and none has succeeded since */
} TpmCounts;

/* All but .counts and .answered is borrowed, and must outlive the operations. */
typedef struct TpmQueue {
    sd_event *event;
    const ServerConfig *config;
    Children *children;
    KeyCache *cache;
    TpmCounts counts;
    uint64_t answered; /* when the TPM last completed an operation, successfully or not,
                          CLOCK_MONOTONIC in µs; 0 if never */
} TpmQueue;

/* The cached key of SEALED, or NULL if a job is needed. Borrowed until the next call or event. */
const Secret *tpm_queue_key(TpmQueue *queue, const TpmSealedView *sealed);

/* Waits for the unsealing of SEALED, which is copied, or, if SEALED is NULL, for the sealing of a
 * fresh key, which all concurrent jobs for the machine FRESH_FOR share. The result's .rc is that of
 * tpm_unseal() or tpm_seal(), or OUTCOME_TPM_UNREACHABLE after the time limit. Returns 0 or
 * -ENOMEM. */
int tpm_job_new(TpmQueue *queue, const TpmSealedView *sealed, const char *fresh_for, JobDone done,
                void *userdata, Job **ret);
