/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host challenge: asks a host to prove that the keys of its identity are in a genuine
 * TPM. Needs no TPM.
 */

#include "enrolment/enrolment_input.h"
#include "enrolment/enrolment_key.h"
#include "enrolment/genuine.h"
#include "host/verbs.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <string.h>

/* How long there is time for an answer without --not-after=, µs. */
#define DEFAULT_USEC (UINT64_C(7) * 24 * 3600 * 1000 * 1000)

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(genuine_done) Genuine genuine = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    EnrolmentRequest request = {
        .identity = &identity,
        .expires = options->seal.has_not_after ? options->seal.not_after
                                               : context->now(context) + DEFAULT_USEC,
        .pcrs = options->seal.pcrs.mask,
    };
    const char *subject = NULL; /* of an error: the options, the identity, or the key */
    Reason reason = {0};
    bool twice =
        options->ek_list && strcmp(options->ek_list, "-") == 0 && strcmp(arguments[0], "-") == 0;
    int r = twice ? reason_set(&reason, OUTCOME_USAGE,
                               "IDENTITY and --ek-list= cannot both be standard input (\"-\")")
                  : genuine_load(options, &reason, &genuine);

    if (r == 0 && options->seal.pcrs.given != 0)
        r = reason_set(&reason, OUTCOME_USAGE,
                       "the values of PCRs are those of the identity: give numbers only");
    if (r == 0) {
        subject = input_name(arguments[0]);
        r = enrolment_read_identity(arguments[0], &reason, &identity);
    }
    if (r == 0)
        r = genuine_find(&genuine, context, &identity, &reason, &request);
    if (r == 0) {
        subject = NULL;
        r = enrolment_key_ensure(context, &reason, &key);
    }
    if (r == 0)
        r = enrolment_challenge_new(context, key, &request, &reason, &challenge);
    if (r != 0)
        return output_error(r, r == OUTCOME_USAGE ? NULL : subject, &reason);
    output_json(enrolment_challenge_to_json(&challenge),
                options->json == JSON_OFF ? JSON_PRETTY : options->json);
    return 0;
}

const Verb host_challenge = {
    .name = "host challenge",
    .arguments = "IDENTITY",
    .summary = "Ask a host to prove that its keys are in a genuine TPM",
    .details =
        "IDENTITY is what \"host export --prove\" has printed on the host. One of its endorsement "
        "keys\nhas to be a genuine TPM's: by a certificate that leads to one in the directory "
        "--ek-ca=, or\nbecause you know it. The challenge, on standard output, is no secret. Give "
        "it to "
        "\"host\nanswer\" on the host. Also asks for a proof of the PCRs of --tpm2-pcrs=. Needs no "
        "TPM, "
        "and\nkeeps nothing but a key of yours in ~/.config/nspawn-creds/enrolment-key.",
    .options = OPTION_ENDORSEMENT | OPTION_NOT_AFTER | OPTION_TPM_PCRS | OPTION_JSON,
    .run = run,
};
