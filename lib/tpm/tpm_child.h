/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One unsealing, or the sealing of a fresh key, in a process of its own.
 *
 * A TPM takes 10 ms or 10 s, or never answers; the libraries that speak to it wait, and leave
 * memory and handles behind when they are given up. So each is a forked child that has
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

/* Seals a fresh key for DEVICE, whatever its PCRs are. Called in the child. */
typedef int (*TpmSealFresh)(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key);

/* The real one; in the form that every systemd from 252 on opens. */
int tpm_seal_fresh_with(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key);

/* What a child is to do. */
typedef struct TpmWork {
    const char *device;
    const TpmSealedView *sealed; /* what to unseal; NULL: seal a fresh key */
    TpmUnseal unseal;
    TpmSealFresh seal;
} TpmWork;

typedef struct TpmChild {
    int process; /* pidfd, or -1 if it ended at once */
    int answer;  /* readable when there is an answer, or never will be */
} TpmChild;

#define TPM_CHILD_NONE ((TpmChild){-1, -1})

/* A negative errno if there cannot be a child. The worker must ignore SIGCHLD (SIG_IGN), so that
 * nobody has to wait for it. */
int tpm_child_start(const TpmWork *work, Reason *reason, TpmChild *ret);

/* Takes the answer: the return codes of tpm_unseal() or tpm_seal(), OUTCOME_TPM_FAILED if the child
 * died of it. To be called once .answer is readable. RET_FRESH is what a fresh key was sealed to,
 * and stays as it is if that was not the work. */
int tpm_child_finish(TpmChild *child, Reason *reason, TpmSealed *ret_fresh, Secret **ret_key);

/* Kills it if it still runs, and forgets it. */
void tpm_child_done(TpmChild *child);
