/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds encrypt: seals a secret as a file.
 */

#include "base/names.h"
#include "seal/seal_keys.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/pretty.h"
#include "terminal/progress.h"
#include "verb/verb.h"

#include <string.h>

/* The name to seal: --name=, or like systemd-creds, the name of the output file. */
static int choose_name(const char *output, Reason *reason, SealSpec *spec)
{
    const char *slash = output ? strrchr(output, '/') : NULL;

    if (!spec->name)
        spec->name = !output || strcmp(output, "-") == 0 ? "" : slash ? slash + 1 : output;
    if (spec->name[0] != '\0' && !sealed_name_valid(spec->name))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\" is not a valid name; use --name=", spec->name);
    return 0;
}

/* Finds all mistakes before the secret is read. */
static int prepare(const Context *context, const Options *options, const char *input,
                   const char *output, Reason *reason, SealSpec *ret)
{
    int r = spec_to_seal(context, options, reason, ret);

    if (r == 0)
        r = choose_name(output, reason, ret);
    if (r == 0 && options->pretty && options->given & OPTION_FORMAT)
        r = reason_set(reason, OUTCOME_USAGE, "use --pretty or --format=, not both");
    else if (r == 0 && options->pretty && !ret->name[0])
        r = reason_set(reason, OUTCOME_USAGE, "--pretty needs --name=");
    if (r == 0)
        r = input_check_value(options, input, reason);
    if (r == 0)
        r = output_check(output, reason);
    if (r == 0 && options->pretty)
        ret->format = SEAL_RAW;
    return r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *input = arguments[0], *output = input ? arguments[1] : NULL;
    _cleanup_(seal_keys_done) SealKeys keys = {0};
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    _cleanup_(bytes_done) Bytes sealed = {0}, setting = {0};
    Reason reason = {0};
    CredentialName name;
    SealSpec spec;
    SealContext seal = {context, &spec, &terminal_observer};
    int r = prepare(context, options, input, output, &reason, &spec);

    if (r == 0)
        r = seal_prepare(&seal, NULL, &reason, &keys);
    if (r != 0)
        return output_error(r, NULL, &reason);
    r = input_read_secret(input, spec.name, &reason, &plaintext);
    if (r != 0)
        return output_error(r, input_name(input), &reason);
    r = seal_value(&seal, &keys, plaintext, &reason, &sealed);
    if (r == 0 && options->pretty)
        r = pretty_make(spec.name, bytes_view(&sealed), &setting);
    if (r == 0)
        r = spec_output_sealed(options, spec.name, output,
                               &(FileSetEntry){.content = options->pretty ? setting : sealed}, 1,
                               &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (credential_name_parse(spec.name, NULL, &name) != 0)
        output_note("Sealed %s%s%s. The broker only serves names of the form MACHINE@ID; use "
                    "--name=MACHINE@ID.",
                    spec.name[0] ? "as \"" : "without a name", spec.name, spec.name[0] ? "\"" : "");
    return 0;
}

const Verb verb_encrypt = {
    .name = "encrypt",
    .arguments = "[INPUT [OUTPUT]]",
    .summary = "Seal a secret for this host, as a file",
    .details = "Reads the secret from INPUT, from standard input, or from a prompt that "
               "does not echo. Writes the\nsealed credential to OUTPUT or standard "
               "output. To put a secret into the store, use set.",
    .options = OPTIONS_SEAL | OPTION_NAME | OPTION_UID | OPTION_SHARE_KEY | OPTION_TIMESTAMP |
               OPTION_FORMAT | OPTION_PRETTY | OPTION_JSON,
    .run = run,
};
