/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One unsealing in a process of its own.
 *
 * A TPM takes 10 ms or 10 s, or never answers; the libraries that speak to it wait, and leave
 * memory and handles behind when they are given up. So each unsealing is a forked child that has
 * nothing open but its end of a pipe (and standard error): it ends with its answer, or is killed,
 * and all that it had goes with it. It also dies with the worker.
 *
 * The key crosses the pipe, in the kernel's memory, and goes from there straight into a Secret.
 */

#include "tpm/tpm.h"

/* Unseals with DEVICE, waiting as long as it takes. Called in the child. */
typedef int (*TpmUnseal)(const char *device, const TpmSealedView *sealed, Reason *reason,
                         Secret **ret_key);

/* The real one: reads this system's signed PCR policies if it takes one, connects, unseals,
 * disconnects. */
int tpm_unseal_with(const char *device, const TpmSealedView *sealed, Reason *reason,
                    Secret **ret_key);

typedef struct TpmChild {
    int process; /* pidfd, or -1 if it ended at once */
    int answer;  /* readable when there is an answer, or never will be */
} TpmChild;

#define TPM_CHILD_NONE ((TpmChild){-1, -1})

/* A negative errno if there cannot be a child. The worker must ignore SIGCHLD (SIG_IGN), so that
 * nobody has to wait for it. */
int tpm_child_start(TpmUnseal unseal, const char *device, const TpmSealedView *sealed,
                    Reason *reason, TpmChild *ret);

/* Takes the answer: tpm_unseal()'s return codes, OUTCOME_TPM_FAILED if the child died of it. To be
 * called once .answer is readable. */
int tpm_child_finish(TpmChild *child, Reason *reason, Secret **ret_key);

/* Kills it if it still runs, and forgets it. */
void tpm_child_done(TpmChild *child);
