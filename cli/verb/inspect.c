/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds inspect: shows what a sealed file says without its key.
 *
 * Nothing is authenticated before the file is decrypted, and the help says so.
 */

#include "base/array.h"
#include "base/fsutil.h"
#include "base/json.h"
#include "credential/open.h"
#include "fleet/fleet_set.h"
#include "terminal/fields.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "tpm/signer.h"
#include "tpm/storage_key.h"
#include "verb/verb.h"

#include <sodium.h>
#include <string.h>

/* Bytes in hexadecimal; the longest are SHA-512 values. */
typedef struct Hex {
    char text[2 * 64 + 1];
} Hex;

static Hex hex(BytesView view)
{
    Hex hex;

    sodium_bin2hex(hex.text, sizeof(hex.text), view.data, view.size < 64 ? view.size : 64);
    return hex;
}

/* With WORDS, for people, also why something cannot be read. */
static void describe_tpm(const TpmSealedView *tpm, bool words, struct json_object *object)
{
    Reason reason = {0};
    TpmSrk srk;

    json_add(object, "pcrs", tpm_pcr_mask_to_json(tpm->pcr_mask));
    json_add_text(object, "pcrBank", tpm_bank_name(tpm->pcr_bank));
    json_add_text(object, "primaryAlgorithm",
                  tpm->primary_alg == TPM_ALGORITHM_ECC ? "ecc" : "rsa");
    json_add(object, "sealedOutside", json_object_new_boolean(tpm_key_label(tpm).outside));
    json_add_number(object, "blobSize", tpm->blob.size);
    json_add_text(object, "policyHash", hex(tpm->policy_hash).text);
    if (tpm->srk.size > 0 && tpm_srk_parse(tpm->srk, &reason, &srk) == 0)
        json_add_text(object, "srkName", hex(srk.name).text);
    else if (tpm->srk.size > 0 && words)
        json_add_text(object, "srkName", reason.text);
}

/* Adds the fleet whose accepted set has the file PATH (NULL: standard input), if one has it. */
static void add_fleet(const Options *options, const char *path, struct json_object *object)
{
    _cleanup_(strings_freep) char **fleets = NULL;
    _cleanup_(bytes_done) Bytes file = {0};
    char digest[DIGEST_TEXT_BYTES], name[CREDENTIAL_NAME_TEXT_BYTES];

    if (!path || file_read(path, LIMIT_FILE_BYTES, NULL, &file) != 0)
        return;
    digest_format(bytes_view(&file), digest);
    (void)fleet_set_list(options->host->store, NULL, &fleets);
    for (char **fleet = fleets; fleet && *fleet; fleet++) {
        _cleanup_(fleet_set_done) FleetSet set = {0};

        (void)fleet_set_open(options->host->store, *fleet, NULL, &set);
        for (size_t i = 0; i < set.manifest.count; i++) {
            if (strcmp(set.manifest.credentials[i].sha256, digest) != 0)
                continue;
            credential_name_format(&set.manifest.credentials[i].name, name);
            json_add_text(object, "fleet", *fleet);
            json_add_number(object, "sequence", set.statement.sequence);
            json_add_text(object, "credential", name);
            return;
        }
    }
}

static void describe_public_key(const TpmSealedView *tpm, bool words, struct json_object *object)
{
    Reason reason = {0};
    TpmSigner key;

    json_add(object, "pcrs", tpm_pcr_mask_to_json(tpm->public_key_mask));
    json_add_number(object, "size", tpm->public_key.size);
    if (tpm_signer_parse(tpm->public_key, &reason, &key) == 0)
        json_add_text(object, "fingerprint",
                      hex((BytesView){key.fingerprint, sizeof(key.fingerprint)}).text);
    else if (words)
        json_add_text(object, "fingerprint", reason.text);
}

static struct json_object *describe(const char *file, const Bytes *sealed,
                                    const CredentialSections *sections, bool words)
{
    struct json_object *object = json_object_new_object(), *section;
    Reason reason = {0};
    bool openable = credential_openable(sections, &reason) == 0;

    json_add_text(object, "file", file);
    json_add_text(object, "kind", sections->kind->name);
    json_add_text(object, "id", hex((BytesView){sections->kind->id.bytes, KIND_ID_BYTES}).text);
    json_add_number(object, "sinceSystemd", sections->kind->since);
    json_add_number(object, "size", sealed->size);
    json_add_number(object, "headerSize", sections->header.size);
    json_add_number(object, "ivSize", sections->iv.size);
    json_add_number(object, "encryptedSize", sections->ciphertext.size);
    json_add(object, "hostKey", json_object_new_boolean(kind_has(sections->kind, KIND_HOST)));
    json_add(object, "scoped", json_object_new_boolean(kind_has(sections->kind, KIND_SCOPED)));
    json_add(object, "openable", json_object_new_boolean(openable));
    if (kind_has(sections->kind, KIND_TPM) &&
        json_add(object, "tpm2", section = json_object_new_object()))
        describe_tpm(&sections->tpm, words, section);
    if (kind_has(sections->kind, KIND_PUBLIC_KEY) &&
        json_add(object, "publicKey", section = json_object_new_object()))
        describe_public_key(&sections->tpm, words, section);
    if (words)
        json_add(object, "tpm", json_object_new_boolean(kind_has(sections->kind, KIND_TPM)));
    if (words && sections->kind->key_types == 0)
        json_add_text(object, "protection", "none: anyone can read and forge it");
    if (words && !openable)
        json_add_text(object, "note", reason.text);
    return object;
}

/* "prod, sequence 42, as web@db-password" */
static void fleet(struct json_object *object, FILE *stream)
{
    field_fleet(object, stream);
    if (json_object_object_get(object, "fleet"))
        fprintf(stream, ", as %s",
                json_object_get_string(json_object_object_get(object, "credential")));
}

static void kind(struct json_object *object, FILE *stream)
{
    fprintf(stream, "%s (systemd %s and later)",
            json_object_get_string(json_object_object_get(object, "kind")),
            json_object_get_string(json_object_object_get(object, "sinceSystemd")));
}

static void sizes(struct json_object *object, FILE *stream)
{
    fprintf(stream, "%s bytes, of them %s header and %s encrypted",
            json_object_get_string(json_object_object_get(object, "size")),
            json_object_get_string(json_object_object_get(object, "headerSize")),
            json_object_get_string(json_object_object_get(object, "encryptedSize")));
}

static void needed(struct json_object *flag, FILE *stream)
{
    fputs(json_object_get_boolean(flag) ? "needed" : "not needed", stream);
}

static void scope(struct json_object *flag, FILE *stream)
{
    if (json_object_get_boolean(flag))
        fputs("for one user", stream);
}

static const Field fields[] = {
    {"Fleet:", "", fleet},
    {"Kind:", "", kind},
    {"Size:", "", sizes},
    {"Host key:", "/hostKey", needed},
    {"TPM:", "/tpm", needed},
    {"Origin:", "/tpm2/sealedOutside", field_outside},
    {"PCRs:", "/tpm2/pcrs", field_pcrs},
    {"PCR bank:", "/tpm2/pcrBank", NULL},
    {"Storage key:", "/tpm2/primaryAlgorithm", NULL},
    {"Sealed key:", "/tpm2/blobSize", field_bytes},
    {"Policy:", "/tpm2/policyHash", NULL},
    {"Pinned SRK:", "/tpm2/srkName", NULL},
    {"Signed PCRs:", "/publicKey/pcrs", field_pcrs},
    {"Signer:", "/publicKey/fingerprint", NULL},
    {"Scope:", "/scoped", scope},
    {"Protection:", "/protection", NULL},
    {"Note:", "/note", NULL},
    {0},
};

static int inspect(const char *path, const Options *options)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    bool words = options->json == JSON_OFF;
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialSections sections;
    Reason reason = {0};
    int r;

    r = input_read_sealed(path, &reason, &sealed);
    if (r == 0)
        r = credential_parse(bytes_view(&sealed), &reason, &sections);
    if (r != 0)
        return output_error(r, input_name(path), &reason);
    object = describe(input_name(path), &sealed, &sections, words);
    add_fleet(options, path, object);
    if (words) {
        output_line(stdout, "%s", input_name(path));
        fields_print(object, fields);
    } else
        output_json(TAKE_PTR(object), options->json);
    return 0;
}

/* Shows every file; the first failure determines the exit status. */
static int run(const Context *, const Options *options, char **arguments)
{
    int r, result = 0;

    if (!arguments[0])
        return inspect(NULL, options);
    for (; *arguments; arguments++) {
        r = inspect(*arguments, options);
        if (result == 0)
            result = r;
    }
    return result;
}

const Verb verb_inspect = {
    .name = "inspect",
    .arguments = "[FILE...]",
    .summary = "Show what sealed credentials say without their keys",
    .details = "Shows kind, PCRs, sizes, and the name of the storage root key if it is "
               "pinned. Name, times and\nsecret are encrypted. Nothing shown is "
               "authenticated: decrypt tells whether a file is genuine. For\nseveral "
               "files --json=short prints one line each.",
    .options = OPTION_JSON,
    .run = run,
};
