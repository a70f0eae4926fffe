/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds decrypt: opens a sealed file.
 */

#include "base/names.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <limits.h>
#include <string.h>

/* Whether the name of the file matches the sealed name: NAME, NAME.cred, or MACHINE/ID.cred for
 * MACHINE@ID. */
static bool name_fits_path(const char *name, const char *path)
{
    const char *base = strrchr(path, '/');
    char below[PATH_MAX + 2], wanted[PATH_MAX], *at;

    snprintf(below, sizeof(below), "./%s", path);
    snprintf(wanted, sizeof(wanted), "/%s.cred", name);
    if (strcmp(name, base ? base + 1 : path) == 0 || has_suffix(below, wanted))
        return true;
    at = strchr(wanted, '@');
    if (at)
        *at = '/';
    return at && has_suffix(below, wanted);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *input = arguments[0], *output = input ? arguments[1] : NULL;
    bool any = !(options->given & OPTION_NAME) || options->seal.name[0] == '\0';
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(context, options);
    _cleanup_(bytes_done) Bytes sealed = {0};
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    CredentialMetadata metadata;
    CredentialSections sections;
    Reason reason = {0};
    int r;

    unsealer.expected = &options->seal.pcrs;
    unsealer.spec.allow_unnamed = true;
    unsealer.subject = input_name(input);
    r = input_read_sealed(input, &reason, &sealed);
    if (r == 0)
        r = credential_parse(bytes_view(&sealed), &reason, &sections);
    if (r == 0)
        r = unsealer_open(&unsealer, &sections, any ? NULL : options->seal.name, &reason, &metadata,
                          &plaintext);
    /* Without --name= the name of the file must match its content. Standard input has no name. */
    if (r == 0 && !(options->given & OPTION_NAME) && input && strcmp(input, "-") != 0 &&
        metadata.name[0] != '\0' && !name_fits_path(metadata.name, input))
        r = reason_set(
            &reason, OUTCOME_NAME_MISMATCH,
            "it is sealed as \"%s\", which does not match the name of the file; if this is the "
            "right file, use --name=%s",
            metadata.name, metadata.name);
    if (r != 0)
        return output_error(r, input_name(input), &reason);
    r = output_secret(output, plaintext, options->newline, &reason);
    return r == 0 ? 0 : output_error(r, output, &reason);
}

const Verb verb_decrypt = {
    .name = "decrypt",
    .arguments = "[INPUT [OUTPUT]]",
    .summary = "Open a sealed credential on this host",
    .details = "Reads INPUT or standard input. Writes the secret to OUTPUT, with mode "
               "0600, or to standard output;\nto a terminal only if OUTPUT is \"-\". "
               "Without --name= the name of the file must match the sealed\nname: NAME, "
               "NAME.cred or MACHINE/ID.cred. An empty --name= accepts any name. With "
               "--tpm2-pcrs= you\ncan name the PCR values that you expect, so that a "
               "mismatch can be explained.",
    .options = OPTION_NAME | OPTION_UID | OPTION_TPM_DEVICE | OPTION_TPM_PCRS | OPTION_SIGNATURE |
               OPTION_TIMESTAMP | OPTION_NEWLINE | OPTION_ALLOW_NULL,
    .run = run,
};
