/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Work with a TPM in a process of its own.
 *
 * A TPM takes 10 ms or 10 s, or never answers; the libraries that speak to it block meanwhile, and
 * leave memory and handles behind when they are given up. So all such work runs in a forked child
 * that has nothing open but its end of a socket (and the standard descriptors). It ends with its
 * answer, or is killed, and everything that it had goes with it. It also dies with its parent: a
 * command that is interrupted ends at once.
 *
 * The child sees the parent's memory, except secrets, as it was at the fork. A key that it answers
 * with crosses the socket and goes straight into a Secret.
 */

#include "base/observer.h"
#include "tpm/endorsement.h"
#include "tpm/tpm.h"

/* Answers to challenges in a result, and their size, bytes. */
#define TPM_RESULT_ANSWERS ((size_t)4)
#define TPM_ANSWER_BYTES   ((size_t)32)

/* What came of the work; what it does not set is empty. */
typedef struct TpmResult {
    Secret *key;      /* TPM_KEY_BYTES, or NULL */
    TpmSealed sealed; /* what .key is sealed to, where it was sealed */
    TpmExport export;
    TpmHealth health;
    bool has_srk;
    uint64_t counter;
    TpmEndorsement endorsements[_TPM_ENDORSEMENT_MAX]; /* by kind; empty if not asked for */
    uint8_t answers[TPM_RESULT_ANSWERS][TPM_ANSWER_BYTES];
} TpmResult;

void tpm_result_done(TpmResult *result); /* for _cleanup_ */

/* Does the work of REQUEST in the child, waiting as long as it takes. The parent's observer gets
 * what OBSERVER, which is never NULL, is told. */
typedef int (*TpmWork)(const void *request, const Observer *observer, Reason *reason,
                       TpmResult *ret);

/* Does the work and waits for it. Returns what WORK returns, OUTCOME_TPM_FAILED if the child died
 * of it, or a negative errno if there cannot be a child. */
int tpm_child_run(TpmWork work, const void *request, const Observer *observer, Reason *reason,
                  TpmResult *ret);

/* Tells OBSERVER that it waits for the TPM to ACT ("unseal a key") for SUBJECT (NULL: nothing
 * special), such as "web@token". */
void tpm_wait_begin(const Observer *observer, const char *act, const char *subject);

/* --- for an event loop --- */

typedef struct TpmChild {
    int process; /* pidfd, or -1 if it ended at once */
    int answer;  /* readable when there is an answer, or never will be */
} TpmChild;

#define TPM_CHILD_NONE ((TpmChild){-1, -1})

/* A negative errno if there cannot be a child. The caller ignores SIGCHLD (SIG_IGN), so that nobody
 * has to wait for the child, and gives it work that does not use its observer. */
int tpm_child_start(TpmWork work, const void *request, Reason *reason, TpmChild *ret);

/* Takes the answer, as tpm_child_run(). To be called once .answer is readable. */
int tpm_child_finish(TpmChild *child, Reason *reason, TpmResult *ret);

/* The work of the child, for a caller that forks it itself (base/child.h), with the other end of
 * .answer, a SOCK_SEQPACKET socket, as its CHILD_FIRST_FD. */
void tpm_child_work(TpmWork work, const void *request);

/* Kills it if it still runs, and forgets it. */
void tpm_child_done(TpmChild *child);
