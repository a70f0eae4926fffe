/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host verify: checks a host's answer to a challenge, and writes the proof into its
 * identity. Needs no TPM.
 */

#include "base/fsutil.h"
#include "enrolment_key.h"
#include "host/verbs.h"
#include "specs.h"
#include "terminal/output.h"

#include <string.h>

static int read_challenge(const char *path, Reason *reason, EnrolmentChallenge *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read(path, LIMIT_ENROLMENT_BYTES, reason, &file);

    if (r == OUTCOME_TOO_LARGE)
        return OUTCOME_BAD_CHALLENGE;
    return r == 0 ? enrolment_challenge_parse(bytes_view(&file), reason, ret) : r;
}

static int read_answer(const char *path, Reason *reason, EnrolmentAnswer *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read(path, LIMIT_ENROLMENT_BYTES, reason, &file);

    if (r == OUTCOME_TOO_LARGE)
        return OUTCOME_BAD_CHALLENGE;
    return r == 0 ? enrolment_answer_parse(bytes_view(&file), reason, ret) : r;
}

static int read_key(const Context *context, Reason *reason, Secret **ret)
{
    int r = enrolment_key_read(context, reason, ret);

    return r != OUTCOME_NOT_FOUND
               ? r
               : reason_set(reason, OUTCOME_OTHER_CHALLENGE,
                            "you have made no challenge: you have no key for enrolments");
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    EnrolmentAnswer answer;
    const char *subject = arguments[0]; /* of an error */
    Reason reason = {0};
    int r = spec_read_identity(arguments[0], &reason, &identity);

    if (r == 0) {
        subject = arguments[1];
        r = read_challenge(arguments[1], &reason, &challenge);
    }
    if (r == 0) {
        subject = arguments[2];
        r = read_answer(arguments[2], &reason, &answer);
    }
    if (r == 0) {
        subject = arguments[0];
        r = read_key(context, &reason, &key);
    }
    if (r == 0)
        r = enrolment_verify(context->now(context), key, &identity, &challenge, &answer, &reason,
                             &identity.proof);
    if (r != 0)
        return output_error(r, subject, &reason);
    output_json(identity_to_json(&identity),
                options->json == JSON_OFF ? JSON_PRETTY : options->json);
    return 0;
}

const Verb host_verify = {
    .name = "host verify",
    .arguments = "IDENTITY CHALLENGE ANSWER",
    .summary = "Check a host's answer, and print its identity with the proof",
    .details =
        "Prints the identity with a note of what was proved, which counts where your key for "
        "enrolments\nis. Refuses an identity other than the one that the challenge was made for, "
        "and an answer to\nanother or an expired challenge. Needs no TPM.",
    .options = OPTION_JSON,
    .run = run,
};
