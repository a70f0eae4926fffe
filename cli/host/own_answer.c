/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/own_answer.h"

#include "credential/offline.h"
#include "host/own_identity.h"
#include "terminal/progress.h"
#include "tpm/tpm_child.h"

#include <string.h>

_Static_assert(ENROLMENT_SECRETS <= TPM_RESULT_ANSWERS, "a result has room for the answers");
_Static_assert(IDENTITY_DIGEST_BYTES == TPM_ANSWER_BYTES, "an answer is an HMAC");

typedef struct Question {
    const Options *options;
    const Identity *identity;
    const EnrolmentChallenge *challenge;
    size_t endorsement; /* of the identity */
} Question;

/* --- in the child --- */

static int reveal_pcrs(Tpm *tpm, const Question *question, Reason *reason, Secret **ret)
{
    OfflineRequest request = {.identity = question->identity,
                              .pcrs.mask = question->challenge->pcrs};
    _cleanup_(offline_key_done) OfflineKey key = {0};
    TpmSealedView sealed;
    int r = offline_describe(&request, reason, &key);

    if (r != 0)
        return r == OUTCOME_USAGE ? OUTCOME_BAD_CHALLENGE : r;
    sealed = tpm_sealed_view(&key.sealed);
    sealed.blob = bytes_view(&question->challenge->secrets[ENROLMENT_PCRS]);
    sealed.expected = &question->identity->pcrs;
    return tpm_unseal(tpm, &sealed, reason, ret);
}

static int reveal(Tpm *tpm, const Question *question, size_t which, Reason *reason, Secret **ret)
{
    const Identity *identity = question->identity;
    TpmChallenge challenge;

    if (which == ENROLMENT_PCRS)
        return reveal_pcrs(tpm, question, reason, ret);
    challenge = (TpmChallenge){
        .endorsement = bytes_view(&identity->endorsements[question->endorsement].area),
        .key = bytes_view(&identity->keys[which]),
        .blob = bytes_view(&question->challenge->secrets[which]),
    };
    if (challenge.key.size == 0)
        return reason_set(reason, OUTCOME_BAD_CHALLENGE, "the identity does not have the key %s",
                          enrolment_secret_name(which));
    return tpm_activate(tpm, &challenge, reason, ret);
}

/* The secrets do not leave the child. */
static int work(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const Question *question = request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    EnrolmentAnswer answer = {0};
    int r;

    tpm_wait_begin(observer, "prove that it has its keys", NULL);
    r = tpm_new(question->options->seal.tpm_device, reason, &tpm);
    for (size_t i = 0; r == 0 && i < ENROLMENT_SECRETS; i++) {
        _cleanup_(secret_freep) Secret *secret = NULL;

        if (question->challenge->secrets[i].size == 0)
            continue;
        r = reveal(tpm, question, i, reason, &secret);
        if (r == 0)
            r = enrolment_answer_add(secret, question->challenge->identity, i, reason, &answer);
        memcpy(ret->answers[i], answer.macs[i], sizeof(answer.macs[i]));
    }
    observer_wait_end(observer);
    if (r == OUTCOME_TPM_FOREIGN)
        return OUTCOME_OTHER_TPM;
    return r == OUTCOME_MALFORMED ? OUTCOME_BAD_CHALLENGE : r;
}

/* --- the program's part --- */

/* Whether the challenge was made for what the host has exported. */
static int check_identity(const Identity *identity, const EnrolmentChallenge *challenge,
                          Reason *reason, size_t *ret_endorsement)
{
    uint8_t digest[IDENTITY_DIGEST_BYTES];
    int r = identity_digest(identity, digest);

    if (r == 0 && memcmp(digest, challenge->identity, sizeof(digest)) != 0)
        r = reason_set(
            reason, OUTCOME_IDENTITY_CHANGED,
            "this host's identity is another one: it was exported again since, or changed "
            "on its way");
    if (r != 0)
        return r;
    *ret_endorsement = enrolment_endorsement_find(identity, challenge->endorsement);
    return *ret_endorsement < identity->endorsement_count
               ? 0
               : reason_set(
                     reason, OUTCOME_OTHER_TPM,
                     "the challenge is for an endorsement key that the identity does not have");
}

/* The table's remedies for these are about credentials. */
static int explain(int r, Reason *reason)
{
    Reason why = *reason;

    if (r == OUTCOME_TPM_PCR_MISMATCH)
        return reason_set(reason, r,
                          "they have changed since the identity was exported. Begin again: "
                          "nspawn-creds host export --prove");
    if (r == OUTCOME_TPM_UNABLE)
        return reason_set(reason, r, "%.200s. See what it can do: tpm2_getcap algorithms",
                          why.text);
    return r;
}

int own_answer_make(const Context *context, const Options *options,
                    const EnrolmentChallenge *challenge, Reason *reason, EnrolmentAnswer *ret)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(tpm_result_done) TpmResult result = {0};
    Question question = {.options = options, .identity = &identity, .challenge = challenge};
    EnrolmentAnswer answer = {0};
    int r = own_identity_read(context, options->host->store, reason, &identity);

    if (r == OUTCOME_NOT_FOUND)
        return reason_set(reason, OUTCOME_BAD_IDENTITY,
                          "this host has none yet. Root's call makes it, where the broker is "
                          "installed: nspawn-creds host export --prove");
    if (r == 0)
        r = check_identity(&identity, challenge, reason, &question.endorsement);
    if (r == 0)
        r = explain(tpm_child_run(work, &question, &terminal_observer, reason, &result), reason);
    if (r != 0)
        return r;
    memcpy(answer.nonce, challenge->nonce, sizeof(answer.nonce));
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++) {
        answer.given[i] = challenge->secrets[i].size > 0;
        memcpy(answer.macs[i], result.answers[i], sizeof(answer.macs[i]));
    }
    *ret = answer;
    return 0;
}
