/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host answer: proves to an administrator that the keys of this host's identity are in
 * its TPM.
 *
 * The identity is the one that root's "host export" has kept, in a directory that only root can
 * write to: the answer is about all that the host has said of itself.
 */

#include "base/fsutil.h"
#include "base/trusted_file.h"
#include "credential/enrolment.h"
#include "credential/offline.h"
#include "fleet/fleet_host.h"
#include "host/verbs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "tpm/tpm_child.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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

/* --- the command --- */

static int read_challenge(const char *path, Reason *reason, EnrolmentChallenge *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = path && strcmp(path, "-") != 0 ? file_read(path, LIMIT_ENROLMENT_BYTES, reason, &file)
                                           : file_read_fd(STDIN_FILENO, input_name(path),
                                                          LIMIT_ENROLMENT_BYTES, reason, &file);

    if (r == OUTCOME_TOO_LARGE)
        return OUTCOME_BAD_CHALLENGE;
    return r == 0 ? enrolment_challenge_parse(bytes_view(&file), reason, ret) : r;
}

static int read_own_identity(const Context *context, const char *store, Reason *reason,
                             Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(closep) int fd = -1;
    char path[PATH_MAX];
    int r;

    fleet_host_path(store, path);
    r = trusted_file_open(context, path, reason, &fd);
    if (r == OUTCOME_NOT_FOUND)
        return reason_set(
            reason, OUTCOME_BAD_IDENTITY,
            "this host has no %s. Root's call of \"host export --prove\" makes it, where "
            "the broker is installed",
            path);
    if (r == 0)
        r = file_read_fd(fd, path, IDENTITY_MAX_BYTES, reason, &file);
    return r == 0 ? identity_parse(bytes_view(&file), reason, ret) : r;
}

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

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    _cleanup_(tpm_result_done) TpmResult result = {0};
    EnrolmentAnswer answer = {0};
    Question question = {.options = options, .identity = &identity, .challenge = &challenge};
    Reason reason = {0};
    int r = read_challenge(arguments[0], &reason, &challenge);

    if (r == 0)
        r = read_own_identity(context, options->host->store, &reason, &identity);
    if (r == 0)
        r = check_identity(&identity, &challenge, &reason, &question.endorsement);
    if (r == 0)
        r = tpm_child_run(work, &question, &terminal_observer, &reason, &result);
    if (r != 0)
        return output_error(r, input_name(arguments[0]), &reason);
    memcpy(answer.nonce, challenge.nonce, sizeof(answer.nonce));
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++) {
        answer.given[i] = challenge.secrets[i].size > 0;
        memcpy(answer.macs[i], result.answers[i], sizeof(answer.macs[i]));
    }
    output_json(enrolment_answer_to_json(&answer),
                options->json == JSON_OFF ? JSON_PRETTY : options->json);
    return 0;
}

const Verb host_answer = {
    .name = "host answer",
    .arguments = "[CHALLENGE]",
    .summary = "Prove that this host's keys are in its TPM",
    .details =
        "Takes a challenge from a file or standard input, and prints the answer, which is no "
        "secret. The\nchallenge has to be for the identity that root's \"host export --prove\" has "
        "kept here.",
    .options = OPTION_TPM_DEVICE | OPTION_JSON,
    .run = run,
};
