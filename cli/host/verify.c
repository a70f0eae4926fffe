/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host verify: checks a host's answer to a challenge, and writes the proof into its
 * identity. Needs no TPM.
 */

#include "enrolment/enrolment_input.h"
#include "enrolment/enrolment_key.h"
#include "host/verbs.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <string.h>

static int read_key(const Context *context, Reason *reason, Secret **ret)
{
    int r = enrolment_key_read(context, reason, ret);

    return r != OUTCOME_NOT_FOUND
               ? r
               : reason_set(reason, OUTCOME_OTHER_CHALLENGE,
                            "you have made no challenge: you have no key for enrolments");
}

static int check_arguments(char **arguments, Reason *reason)
{
    size_t from_stdin = 0;

    for (char **argument = arguments; *argument; argument++)
        from_stdin += strcmp(*argument, "-") == 0;
    return from_stdin <= 1 ? 0
                           : reason_set(reason, OUTCOME_USAGE,
                                        "one file at most can be standard input (\"-\")");
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    EnrolmentAnswer answer;
    const char *subject = arguments[0]; /* of an error */
    Reason reason = {0};
    int r = check_arguments(arguments, &reason);

    if (r != 0)
        return output_error(r, NULL, &reason);
    r = enrolment_read_identity(arguments[0], &reason, &identity);
    if (r == 0) {
        subject = arguments[1];
        r = enrolment_read_challenge(arguments[1], &reason, &challenge);
    }
    if (r == 0) {
        subject = arguments[2];
        r = enrolment_read_answer(arguments[2], &reason, &answer);
    }
    if (r == 0) {
        subject = arguments[0];
        r = read_key(context, &reason, &key);
    }
    if (r == 0)
        r = enrolment_verify(context->now(context), key, &identity, &challenge, &answer, &reason,
                             &identity.proof);
    if (r != 0)
        return output_error(r, input_name(subject), &reason);
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
