/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Unsealings, one after the other.
 *
 * A TPM does one thing at a time, so there is one child at a time (server/tpm_child.h) and a queue,
 * first come, first served. A job that takes too long is killed and the next one started; one whose
 * client is gone is freed, wherever it stands. The event loop never waits.
 *
 * A job is known by what it unseals, not by who asked: requests for the same sealed key could share
 * one.
 */

#include "server/config.h"

#include <systemd/sd-event.h>

typedef struct TpmQueue TpmQueue;
typedef struct TpmJob TpmJob;

/* RC as tpm_unseal(), or OUTCOME_TPM_UNREACHABLE after too long; KEY is borrowed, NULL unless RC is
 * 0. Never called from within tpm_job_new(). The job is to be freed, in here or later. */
typedef void (*TpmJobDone)(void *userdata, int rc, const Reason *reason, const Secret *key);

/* All arguments are borrowed and must outlive the queue. */
int tpm_queue_new(sd_event *event, const ServerConfig *config, TpmQueue **ret);
TpmQueue *tpm_queue_free(TpmQueue *queue); /* when there are no jobs */
DEFINE_CLEANUP(TpmQueue *, tpm_queue_free);

/* SEALED's bytes are borrowed until the job is freed. */
int tpm_job_new(TpmQueue *queue, const TpmSealedView *sealed, TpmJobDone done, void *userdata,
                TpmJob **ret);

/* Also takes it out of the queue, or kills its child. NULL is allowed. */
TpmJob *tpm_job_free(TpmJob *job);
DEFINE_CLEANUP(TpmJob *, tpm_job_free);
