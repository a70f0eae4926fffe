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
    CredentialName parsed;

    if (!spec->name)
        spec->name = !output || strcmp(output, "-") == 0 ? "" : slash ? slash + 1 : output;
    if (spec->name[0] != '\0' && !sealed_name_valid(spec->name))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\" is not a valid name; use --name=", spec->name);
    if (credential_name_parse(spec->name, NULL, &parsed) != 0)
        output_note("Sealed %s%s%s. The broker only serves names of the form MACHINE@ID; use "
                    "--name=MACHINE@ID.",
                    spec->name[0] ? "as \"" : "without a name", spec->name,
                    spec->name[0] ? "\"" : "");
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *input = arguments[0], *output = input ? arguments[1] : NULL;
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    _cleanup_(bytes_done) Bytes sealed = {0}, setting = {0};
    Reason reason = {0};
    SealSpec spec;
    int r = spec_to_seal(context, options, &reason, &spec);

    if (r == 0)
        r = choose_name(output, &reason, &spec);
    if (r == 0 && options->pretty && options->given & OPTION_FORMAT)
        r = reason_set(&reason, OUTCOME_USAGE, "use --pretty or --format=, not both");
    else if (r == 0 && options->pretty && !spec.name[0])
        r = reason_set(&reason, OUTCOME_USAGE, "--pretty needs --name=");
    if (r != 0)
        return output_error(r, NULL, &reason);
    r = input_read_secret(input, &reason, &plaintext);
    if (r != 0)
        return output_error(r, input_name(input), &reason);
    if (options->pretty)
        spec.format = SEAL_RAW;
    r = seal_new(&(SealContext){context, &spec, &terminal_observer}, NULL, plaintext, &reason,
                 &sealed);
    if (r == 0 && options->pretty)
        r = pretty_make(spec.name, bytes_view(&sealed), &setting);
    if (r == 0)
        r = spec_output_sealed(options, spec.name, output,
                               &(FileSetEntry){.content = options->pretty ? setting : sealed}, 1,
                               &reason);
    return r == 0 ? 0 : output_error(r, NULL, &reason);
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
