/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds seal: seals a secret for other hosts, without a TPM or a host key.
 */

#include "base/names.h"
#include "enrolment/enrolment_key.h"
#include "policy/policy.h"
#include "seal/seal_keys.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>

/* "hosts/web1.json" becomes "web1.cred". */
static int name_file(const char *host, FileSetEntry *files, size_t number, Reason *reason)
{
    const char *slash = strrchr(host, '/'), *base = slash ? slash + 1 : host;
    const char *dot = strrchr(base, '.');
    size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    FileSetEntry *entry = &files[number];

    if (length == 0 || length > sizeof(entry->name) - sizeof(".cred") || base[0] == '.')
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\": cannot derive the name of the sealed file from this name",
                          host);
    snprintf(entry->name, sizeof(entry->name), "%.*s.cred", (int)length, base);
    for (size_t i = 0; i < number; i++)
        if (strcmp(files[i].name, entry->name) == 0)
            return reason_set(reason, OUTCOME_USAGE, "the files of two hosts would be named %.80s",
                              entry->name);
    return 0;
}

/* Finds all mistakes before the secret is read. */
static int prepare(const Context *context, const Options *options, const char *input,
                   const char *output, Reason *reason, SealSpec *ret)
{
    CredentialName name;
    int r;

    if (!(options->given & OPTION_HOST))
        return reason_set(reason, OUTCOME_USAGE, "--host=FILE is missing");
    if (!(options->given & OPTION_NAME))
        return reason_set(reason, OUTCOME_USAGE, "--name=MACHINE@ID is missing");
    if (options->key_types != KEY_TYPES_AUTO &&
        (options->key_types & (KIND_HOST | KIND_TPM)) != KIND_TPM)
        return reason_set(reason, OUTCOME_USAGE,
                          "for another host a secret can only be sealed with its TPM "
                          "(--with-key=tpm2 or tpm2-with-public-key), because its host key never "
                          "leaves it");
    if (options->host_count > 1 && output_is_stdout(output))
        return reason_set(reason, OUTCOME_USAGE, "for several hosts OUTPUT must be a directory");
    if (credential_name_parse(options->seal.name, reason, &name) != 0)
        return OUTCOME_INVALID_NAME;
    r = policy_id_check(name.id, reason);
    if (r == 0)
        r = input_check_value(options, input, reason);
    if (r == 0 && options->host_count == 1)
        r = output_check(output, reason);
    return r == 0 ? spec_to_seal(context, options, reason, ret) : r;
}

/* Refuses an identity without a proof of this administrator if --proved says so. Otherwise notes a
 * proof that does not count, on the first of two calls. */
static int check_proof(const Context *context, const Options *options, const char *host,
                       const Identity *identity, bool first, Reason *reason)
{
    Reason why = {0};
    int r;

    if (!options->proved && (!first || identity->proof.by == IDENTITY_UNPROVED))
        return 0;
    r = enrolment_check(context, identity, &why);
    if (r != 0 && options->proved)
        return reason_set(reason, r, "%s", why.text);
    if (r != 0)
        output_note("%s: %s.", host, why.text);
    return 0;
}

/* Makes keys for the host of the file HOST according to SPEC, and with them seals PLAINTEXT; for
 * NULL only finds out whether that can be done. */
static int seal_for(const Context *context, const Options *options, SealSpec spec, const char *host,
                    const Secret *plaintext, Reason *reason, Bytes *ret)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(seal_keys_done) SealKeys keys = {0};
    SealContext seal = {context, &spec, plaintext ? NULL : &terminal_observer};
    int r = spec_read_identity(host, reason, &identity);

    spec.host = &identity;
    if (r == 0)
        r = check_proof(context, options, host, &identity, !plaintext, reason);
    if (r == 0)
        r = seal_prepare(&seal, NULL, reason, &keys);
    return r == 0 && plaintext ? seal_value(&seal, &keys, plaintext, reason, ret) : r;
}

/* Seals for all hosts, or none. Keys are made again for each host, because those of thousands do
 * not fit into locked memory. */
static int run(const Context *context, const Options *options, char **arguments)
{
    const char *input = arguments[0], *output = input ? arguments[1] : NULL;
    const char *subject = NULL; /* of an error: a host, or the input */
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    _cleanup_(freep) FileSetEntry *files = NULL;
    Reason reason = {0};
    SealSpec spec = {0};
    int r = prepare(context, options, input, output, &reason, &spec);

    files = calloc(options->host_count + 1, sizeof(files[0]));
    if (!files)
        r = -ENOMEM;
    for (size_t i = 0; r == 0 && i < options->host_count; i++) {
        subject = options->hosts[i];
        if (options->host_count > 1)
            r = name_file(subject, files, i, &reason);
        if (r == 0)
            r = seal_for(context, options, spec, subject, NULL, &reason, NULL);
    }
    if (r == 0) {
        subject = input_name(input);
        r = input_read_secret(input, spec.name, &reason, &plaintext);
    }
    for (size_t i = 0; r == 0 && i < options->host_count; i++) {
        subject = options->hosts[i];
        r = seal_for(context, options, spec, subject, plaintext, &reason, &files[i].content);
    }
    if (r == 0) {
        subject = NULL;
        r = spec_output_sealed(options, spec.name, output, files, options->host_count, &reason);
    }
    for (size_t i = 0; files && i < options->host_count; i++)
        bytes_done(&files[i].content);
    return r == 0 ? 0 : output_error(r, subject, &reason);
}

const Verb verb_seal = {
    .name = "seal",
    .arguments = "[INPUT [OUTPUT]]",
    .summary = "Seal a secret for other hosts, without their TPMs",
    .details = "Takes identities, as printed by \"host export\" on those hosts, or "
               "their\ntpm2-srk-public-key.tpm2b_public. For one host it writes to OUTPUT "
               "or standard output. For\nseveral, OUTPUT is a directory, which gets one "
               "file per host, named after the identity's file; all\nor none are written. "
               "Values for --tpm2-pcrs= are those given, or those in the identity. The "
               "key\nthat signs PCR policies also comes from an option or from the "
               "identity.",
    .options = OPTION_HOST | OPTION_FORM | OPTION_WITH_KEY | OPTION_NAME | OPTION_TPM_PCRS |
               OPTION_PUBLIC_KEY | OPTION_PUBLIC_KEY_PCRS | OPTION_TIMESTAMP | OPTION_NOT_AFTER |
               OPTION_FORMAT | OPTION_JSON | OPTION_PROVED,
    .run = run,
};
