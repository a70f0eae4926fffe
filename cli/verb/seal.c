/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds seal: a secret becomes a sealed file for each of other hosts. No TPM, no host key.
 */

#include "credential/seal.h"
#include "base/fileset.h"
#include "base/names.h"
#include "credential/offline.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define SEALED_FILE_MODE ((mode_t)0644)

typedef struct Files {
    FileSetEntry *entries;
    size_t count;
} Files;

static void files_done(Files *files)
{
    for (size_t i = 0; i < files->count; i++)
        bytes_done(&files->entries[i].content);
    free(files->entries);
    *files = (Files){0};
}

/* "hosts/web1.json" as "web1.cred". */
static int name_file(const char *host, const Files *files, Reason *reason, FileSetEntry *entry)
{
    const char *slash = strrchr(host, '/'), *base = slash ? slash + 1 : host;
    const char *dot = strrchr(base, '.');
    size_t length = dot && dot > base ? (size_t)(dot - base) : strlen(base);

    if (length == 0 || length > sizeof(entry->name) - sizeof(".cred") || base[0] == '.')
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\": the sealed file is named after it, and cannot be", host);
    snprintf(entry->name, sizeof(entry->name), "%.*s.cred", (int)length, base);
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->entries[i].name, entry->name) == 0)
            return reason_set(reason, OUTCOME_USAGE, "two hosts' files would be called %.80s",
                              entry->name);
    return 0;
}

static int prepare(const Context *context, const Options *options, const char *output,
                   Reason *reason, CredentialMetadata *metadata)
{
    CredentialName name;
    uint64_t now = context->now(context);

    metadata->timestamp = options->given & OPTION_TIMESTAMP ? options->timestamp : now;
    metadata->not_after = options->not_after;
    if (!(options->given & OPTION_HOST))
        return reason_set(reason, OUTCOME_USAGE, "for which host? Give --host=FILE");
    if (!(options->given & OPTION_NAME))
        return reason_set(reason, OUTCOME_USAGE, "under which name? Give --name=MACHINE@ID");
    if (options->with_key != WITH_KEY_AUTO && options->with_key != WITH_KEY_TPM &&
        options->with_key != WITH_KEY_TPM_PUBLIC_KEY)
        return reason_set(reason, OUTCOME_USAGE,
                          "from elsewhere a secret can only be sealed for a host's TPM "
                          "(--with-key=tpm2 or tpm2-with-public-key): its host key is its own "
                          "secret");
    if (!credential_times_valid(metadata))
        return reason_set(reason, OUTCOME_USAGE, "--not-after= is not after the time of sealing");
    if (options->host_count > 1 && (!output || strcmp(output, "-") == 0))
        return reason_set(reason, OUTCOME_USAGE,
                          "several hosts: name a directory for their files after INPUT");
    if (credential_name_parse(options->name, reason, &name) != 0)
        return OUTCOME_INVALID_NAME;
    strcpy(metadata->name, options->name); /* its length was checked with the option */
    return 0;
}

/* Who signs: the key that was named, or the host's own if it is asked for or, with auto, there. */
static int choose_public_key(const Options *options, const Identity *identity, Reason *reason,
                             Bytes *ret)
{
    if (options->public_key)
        return file_read_at(AT_FDCWD, options->public_key, LIMIT_FIELD_BYTES, reason, ret);
    if (options->with_key == WITH_KEY_TPM)
        return 0;
    if (identity->pcr_public_key.size > 0)
        return bytes_dup(bytes_view(&identity->pcr_public_key), ret);
    if (options->with_key == WITH_KEY_AUTO)
        return 0;
    return reason_set(reason, OUTCOME_USAGE,
                      "the host identity has no key that signs PCR policies: name one with "
                      "--tpm2-public-key=");
}

static int make_key(const Context *context, const Options *options, const char *host,
                    Reason *reason, OfflineKey *ret)
{
    _cleanup_(bytes_done) Bytes file = {0}, public_key = {0};
    _cleanup_(identity_done) Identity identity = {0};
    OfflineRequest request = {.identity = &identity,
                              .form = options->form,
                              .pcrs = options->tpm_pcrs,
                              .public_key_mask = options->public_key_pcrs};
    int r;

    r = file_read_at(AT_FDCWD, host, IDENTITY_MAX_BYTES, reason, &file);
    if (r == OUTCOME_TOO_LARGE) /* the remedy for that is about secrets */
        return OUTCOME_BAD_IDENTITY;
    if (r == 0)
        r = identity_parse(bytes_view(&file), reason, &identity);
    if (r == 0)
        r = choose_public_key(options, &identity, reason, &public_key);
    if (r != 0)
        return r;
    request.public_key = bytes_view(&public_key);
    return offline_key_new(context, &request, reason, ret);
}

static int seal_for(const Context *context, const Options *options, const char *host,
                    SealRequest *request, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    _cleanup_(offline_key_done) OfflineKey key = {0};
    int r = make_key(context, options, host, reason, &key);

    if (r != 0)
        return r;
    request->kind = key.kind;
    request->tpm_key = key.key;
    request->tpm = tpm_sealed_view(&key.sealed);
    r = credential_seal(context, request, reason, &sealed);
    if (r != 0)
        return r;
    if (!options->raw)
        return credential_encode(bytes_view(&sealed), ret);
    *ret = sealed;
    sealed = (Bytes){0};
    return 0;
}

/* Every host, or none; HOST is the one that it failed at. */
static int seal_all(const Context *context, const Options *options, SealRequest *request,
                    Reason *reason, Files *files, const char **host)
{
    int r = 0;

    files->entries = calloc(options->host_count, sizeof(files->entries[0]));
    if (!files->entries)
        return -ENOMEM;
    for (unsigned i = 0; r == 0 && i < options->host_count; i++) {
        FileSetEntry *entry = &files->entries[files->count];

        *host = options->hosts[i];
        r = options->host_count > 1 ? name_file(*host, files, reason, entry) : 0;
        if (r == 0)
            r = seal_for(context, options, *host, request, reason, &entry->content);
        files->count++;
    }
    if (r == 0)
        *host = NULL;
    return r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *input = arguments[0], *output = input ? arguments[1] : NULL, *host = NULL;
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    _cleanup_(files_done) Files files = {0};
    SealRequest request = {0};
    Reason reason = {0};
    int r;

    r = prepare(context, options, output, &reason, &request.metadata);
    if (r != 0)
        return output_error(r, NULL, &reason);
    r = input_read_secret(input, &reason, &plaintext);
    if (r != 0)
        return output_error(r, input_name(input), &reason);
    request.plaintext = plaintext;
    r = seal_all(context, options, &request, &reason, &files, &host);
    if (r == 0 && files.count == 1)
        r = output_sealed(output, bytes_view(&files.entries[0].content), &reason);
    else if (r == 0)
        r = file_set_write(output, files.entries, files.count, SEALED_FILE_MODE, &reason);
    return r == 0 ? 0 : output_error(r, host, &reason);
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
               OPTION_FORMAT,
    .arguments_min = 0,
    .arguments_max = 2,
    .run = run,
};
