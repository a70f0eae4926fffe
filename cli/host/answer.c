/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host answer: proves to an administrator that the keys of this host's identity are in
 * its TPM.
 */

#include "enrolment/enrolment_input.h"
#include "host/own_answer.h"
#include "host/verbs.h"
#include "terminal/input.h"
#include "terminal/output.h"

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    EnrolmentAnswer answer;
    Reason reason = {0};
    int r = enrolment_read_challenge(arguments[0], &reason, &challenge);

    if (r == 0)
        r = own_answer_make(context, options, &challenge, &reason, &answer);
    if (r != 0)
        return output_error(r, input_name(arguments[0]), &reason);
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
