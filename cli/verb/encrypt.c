/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds encrypt: a secret becomes a sealed file.
 */

#include "base/names.h"
#include "seal/sealing.h"
#include "store/store_installed.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <string.h>

/* The name to seal: --name=, or as systemd-creds does, the output's file name. */
static int choose_name(const Options *options, const char *output, Reason *reason,
                       CredentialMetadata *metadata)
{
    const char *slash = output ? strrchr(output, '/') : NULL;
    const char *name = options->given & OPTION_NAME          ? options->name
                       : !output || strcmp(output, "-") == 0 ? ""
                       : slash                               ? slash + 1
                                                             : output;
    CredentialName parsed;

    if (name[0] != '\0' && !sealed_name_valid(name))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\" cannot be a name: give one with --name=", name);
    strcpy(metadata->name, name);
    if (!options->store && credential_name_parse(name, NULL, &parsed) != 0)
        output_note("Sealed %s%s%s: the broker serves only what is sealed as MACHINE@ID; give that "
                    "with --name=.",
                    name[0] ? "as \"" : "without a name", name, name[0] ? "\"" : "");
    return 0;
}

/* Everything that can be wrong is found before the secret is asked for. */
static int check_destination(const Options *options, const char *output, Reason *reason,
                             CredentialName *ret)
{
    if (!options->store)
        return 0;
    if (output)
        return reason_set(reason, OUTCOME_USAGE,
                          "with --store there is no OUTPUT: its place is in "
                          "the store");
    if (options->raw)
        return reason_set(reason, OUTCOME_USAGE, "the store keeps base64: leave out --format=raw");
    if (!(options->given & OPTION_NAME))
        return reason_set(reason, OUTCOME_USAGE, "--store needs --name=MACHINE@ID");
    return credential_name_parse(options->name, reason, ret);
}

static int deliver(const Options *options, const CredentialName *name, const char *output,
                   const Bytes *sealed, Reason *reason)
{
    _cleanup_(store_freep) Store *store = NULL;
    int r;

    if (!options->store)
        return output_sealed(output, bytes_view(sealed), reason);
    r = options->store == options->host->store
            ? store_open_installed(options->store, reason, &store)
            : store_new(options->store, reason, &store);
    return r == 0 ? store_write(store, name, bytes_view(sealed), reason) : r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *input = arguments[0], *output = input ? arguments[1] : NULL;
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialMetadata metadata = {0};
    CredentialName name = {0};
    Reason reason = {0};
    int r;

    r = check_destination(options, output, &reason, &name);
    if (r == 0)
        r = sealing_check(context, options, &reason, &metadata);
    if (r == 0)
        r = choose_name(options, output, &reason, &metadata);
    if (r != 0)
        return output_error(r, NULL, &reason);
    r = input_read_secret(input, &reason, &plaintext);
    if (r != 0)
        return output_error(r, input_name(input), &reason);
    r = sealing_seal(context, options, &metadata, plaintext, &reason, &sealed);
    if (r == 0)
        r = deliver(options, &name, output, &sealed, &reason);
    return r == 0 ? 0 : output_error(r, NULL, &reason);
}

const Verb verb_encrypt = {
    .name = "encrypt",
    .arguments = "[INPUT [OUTPUT]]",
    .summary = "Seal a secret for this host, as a file",
    .details = "Reads the secret from INPUT, from standard input, or from a prompt that "
               "does not echo. Writes the\nsealed credential to OUTPUT or standard "
               "output. To put a secret into the store, use set.",
    .options = OPTION_NAME | OPTION_STORE | OPTION_WITH_KEY | OPTION_FOR_SYSTEMD | OPTION_UID |
               OPTION_TPM_DEVICE | OPTION_TPM_PCRS | OPTION_PUBLIC_KEY | OPTION_PUBLIC_KEY_PCRS |
               OPTION_FRESH_KEY | OPTION_SHARE_KEY | OPTION_TIMESTAMP | OPTION_NOT_AFTER |
               OPTION_FORMAT,
    .arguments_min = 0,
    .arguments_max = 2,
    .run = run,
};
