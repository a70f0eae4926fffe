/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The TPM in a process of its own. See tpm_child.h.
 */

#include "tpm/tpm_child.h"

#include "base/child.h"
#include "key/pcr_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>

/* A sealed key has some 400 bytes. */
#define BLOB_BYTES ((size_t)2048)

/* What a fresh key was sealed to, as it goes through the pipe: without PCRs, public key and pinned
 * storage key, which it does not have. */
typedef struct Fresh {
    uint16_t pcr_bank;
    uint16_t primary_alg;
    uint8_t policy_hash[TPM_POLICY_BYTES];
    size_t blob_size; /* 0: nothing was sealed */
    uint8_t blob[BLOB_BYTES];
} Fresh;

/* In front of the key, which only follows success. */
typedef struct Answer {
    int rc;
    Reason reason;
    Fresh fresh;
} Answer;

_Static_assert(sizeof(Answer) + TPM_KEY_BYTES <= PIPE_BUF, "written and read in one piece");

int tpm_unseal_with(const char *device, const TpmSealedView *sealed, Reason *reason,
                    Secret **ret_key)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    TpmSealedView view = *sealed;
    Context context;
    int r = context_system(&context);

    if (r == 0 && view.public_key.size > 0)
        r = pcr_signatures_load(&context, NULL, reason, &signatures);
    /* that there are none is said by tpm_unseal() */
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    view.signatures = bytes_view(&signatures);
    if (r == 0)
        r = tpm_new(device, reason, &tpm);
    return r != 0 ? r : tpm_unseal(tpm, &view, reason, ret_key);
}

int tpm_seal_fresh_with(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key)
{
    static const TpmSealRequest request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    Context context;
    int r = context_system(&context);

    if (r == 0)
        r = tpm_new(device, reason, &tpm);
    return r != 0 ? r : tpm_seal(tpm, &context, &request, reason, ret, ret_key);
}

/* --- the child --- */

static int seal_fresh(const TpmWork *work, Answer *answer, Secret **ret_key)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    Fresh *fresh = &answer->fresh;
    int r = work->seal(work->device, &answer->reason, &sealed, ret_key);

    if (r != 0)
        return r;
    if (sealed.blob.size > sizeof(fresh->blob) ||
        sealed.policy_hash.size != sizeof(fresh->policy_hash))
        return reason_set(&answer->reason, OUTCOME_TPM_FAILED, "the TPM sealed a key to %zu bytes",
                          sealed.blob.size);
    fresh->pcr_bank = sealed.pcr_bank;
    fresh->primary_alg = sealed.primary_alg;
    memcpy(fresh->policy_hash, sealed.policy_hash.data, sizeof(fresh->policy_hash));
    memcpy(fresh->blob, sealed.blob.data, sealed.blob.size);
    fresh->blob_size = sealed.blob.size;
    return 0;
}

static void write_answer(int fd, Answer *answer, Secret *key)
{
    struct iovec pieces[2] = {{answer, sizeof(*answer)}};
    int count = 1;
    ssize_t n;

    if (answer->rc == 0 && secret_size(key) != TPM_KEY_BYTES)
        answer->rc = reason_set(&answer->reason, OUTCOME_TPM_FAILED,
                                "the TPM unsealed a key of %zu bytes, not %zu", secret_size(key),
                                TPM_KEY_BYTES);
    if (answer->rc == 0)
        pieces[count++] = (struct iovec){secret_borrow(key), TPM_KEY_BYTES};
    /* A worker that has given up is not told why. */
    n = writev(fd, pieces, count);
    (void)n;
}

static void run_child(const TpmWork *work)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    Answer answer;

    memset(&answer, 0, sizeof(answer));
    answer.rc = work->sealed ? work->unseal(work->device, work->sealed, &answer.reason, &key)
                             : seal_fresh(work, &answer, &key);
    write_answer(CHILD_FIRST_FD, &answer, key);
}

/* --- the worker --- */

int tpm_child_start(const TpmWork *work, Reason *reason, TpmChild *ret)
{
    _cleanup_(closep) int ours = -1;
    _cleanup_(closep) int theirs = -1;
    int fds[2];
    int process, r;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return reason_set(reason, -errno, "cannot make a pipe to a process for the TPM");
    ours = fds[0];
    theirs = fds[1];
    r = child_fork(&theirs, 1, &process);
    if (r < 0)
        return reason_set(reason, r, "cannot start a process for the TPM");
    if (r == CHILD_SELF) {
        run_child(work);
        _exit(EXIT_SUCCESS);
    }
    *ret = (TpmChild){.process = process, .answer = TAKE_FD(ours)};
    return 0;
}

static int take_fresh(const Fresh *fresh, TpmSealed *ret)
{
    TpmSealedView view = {
        .pcr_bank = fresh->pcr_bank,
        .primary_alg = fresh->primary_alg,
        .blob = {fresh->blob, fresh->blob_size},
        .policy_hash = {fresh->policy_hash, sizeof(fresh->policy_hash)},
    };

    if (fresh->blob_size == 0)
        return 0;
    return fresh->blob_size <= sizeof(fresh->blob) ? tpm_sealed_dup(&view, ret)
                                                   : OUTCOME_TPM_FAILED;
}

int tpm_child_finish(TpmChild *child, Reason *reason, TpmSealed *ret_fresh, Secret **ret_key)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    Answer answer;
    ssize_t n;
    int r = secret_new(TPM_KEY_BYTES, reason, &key);

    if (r != 0)
        return r;
    n = readv(child->answer,
              (struct iovec[]){{&answer, sizeof(answer)}, {secret_borrow(key), TPM_KEY_BYTES}}, 2);
    if (n < (ssize_t)sizeof(answer))
        return reason_set(reason, OUTCOME_TPM_FAILED,
                          "the process that spoke with the TPM died without an answer");
    if (answer.rc != 0) {
        answer.reason.text[sizeof(answer.reason.text) - 1] = '\0';
        if (reason)
            *reason = answer.reason;
        return answer.rc;
    }
    r = take_fresh(&answer.fresh, ret_fresh);
    if (r != 0)
        return r;
    *ret_key = TAKE_PTR(key);
    return 0;
}

void tpm_child_done(TpmChild *child)
{
    child_kill(child->process);
    close_keep_errno(child->process);
    close_keep_errno(child->answer);
    *child = TPM_CHILD_NONE;
}
