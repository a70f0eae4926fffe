/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds inspect: shows what a sealed file says without its key.
 *
 * Nothing is authenticated before the file is decrypted, and the help says so.
 */

#include "base/json.h"
#include "credential/open.h"
#include "crypto/public_key.h"
#include "terminal/input.h"
#include "terminal/output.h"
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

static const char *primary_name(uint16_t algorithm)
{
    return algorithm == TPM_ALGORITHM_ECC ? "ecc" : "rsa";
}

static struct json_object *describe_tpm(const TpmSealedView *tpm)
{
    struct json_object *object = json_object_new_object();
    TpmSrk srk;

    json_add(object, "pcrs", tpm_pcr_mask_to_json(tpm->pcr_mask));
    json_add_text(object, "pcrBank", tpm_bank_name(tpm->pcr_bank));
    json_add_text(object, "primaryAlgorithm", primary_name(tpm->primary_alg));
    json_add(object, "sealedOutside", json_object_new_boolean(tpm_key_label(tpm).outside));
    json_add_number(object, "blobSize", tpm->blob.size);
    json_add_text(object, "policyHash", hex(tpm->policy_hash).text);
    if (tpm->srk.size > 0 && tpm_srk_parse(tpm->srk, NULL, &srk) == 0)
        json_add_text(object, "srkName", hex(srk.name).text);
    return object;
}

static struct json_object *describe(const char *file, const Bytes *sealed,
                                    const CredentialSections *parts)
{
    struct json_object *object = json_object_new_object();
    RsaPublicKey key;

    json_add_text(object, "file", file);
    json_add_text(object, "kind", parts->kind->name);
    json_add_text(object, "id", hex((BytesView){parts->kind->id.bytes, KIND_ID_BYTES}).text);
    json_add(object, "sinceSystemd", json_object_new_int((int)parts->kind->since));
    json_add_number(object, "size", sealed->size);
    json_add_number(object, "headerSize", parts->header.size);
    json_add_number(object, "ivSize", parts->iv.size);
    json_add_number(object, "encryptedSize", parts->ciphertext.size);
    json_add(object, "hostKey", json_object_new_boolean(kind_has(parts->kind, KIND_HOST)));
    json_add(object, "scoped", json_object_new_boolean(kind_has(parts->kind, KIND_SCOPED)));
    json_add(object, "openable", json_object_new_boolean(credential_openable(parts, NULL) == 0));
    if (kind_has(parts->kind, KIND_TPM))
        json_add(object, "tpm2", describe_tpm(&parts->tpm));
    if (kind_has(parts->kind, KIND_PUBLIC_KEY)) {
        struct json_object *policy = json_object_new_object();

        json_add(policy, "pcrs", tpm_pcr_mask_to_json(parts->tpm.public_key_mask));
        json_add_number(policy, "size", parts->tpm.public_key.size);
        if (rsa_public_key_parse(parts->tpm.public_key, NULL, &key) == 0)
            json_add_text(policy, "fingerprint",
                          hex((BytesView){key.fingerprint, sizeof(key.fingerprint)}).text);
        json_add(object, "publicKey", policy);
    }
    return object;
}

static void print_line(const char *label, const char *text)
{
    printf("  %-14s %s\n", label, text);
}

static void print_pcrs(const char *label, uint64_t mask)
{
    char text[TPM_PCR_TEXT_BYTES];

    tpm_pcr_mask_format(mask, text);
    print_line(label, mask ? text : "none");
}

static void print_tpm(const Kind *kind, const TpmSealedView *tpm)
{
    Reason reason = {0};
    RsaPublicKey key;
    TpmSrk srk;

    if (tpm_key_label(tpm).outside)
        print_line("Origin:", "sealed outside this TPM");
    print_pcrs("PCRs:", tpm->pcr_mask);
    print_line("PCR bank:", tpm_bank_name(tpm->pcr_bank));
    print_line("Storage key:", primary_name(tpm->primary_alg));
    printf("  %-14s %zu bytes\n", "Sealed key:", tpm->blob.size);
    print_line("Policy:", hex(tpm->policy_hash).text);
    if (tpm->srk.size > 0)
        print_line("Pinned SRK:",
                   tpm_srk_parse(tpm->srk, &reason, &srk) == 0 ? hex(srk.name).text : reason.text);
    if (!kind_has(kind, KIND_PUBLIC_KEY))
        return;
    print_pcrs("Signed PCRs:", tpm->public_key_mask);
    print_line("Signer:", rsa_public_key_parse(tpm->public_key, &reason, &key) == 0
                              ? hex((BytesView){key.fingerprint, sizeof(key.fingerprint)}).text
                              : reason.text);
}

static void print(const char *file, const Bytes *sealed, const CredentialSections *sections)
{
    const Kind *kind = sections->kind;
    Reason reason = {0};

    output_line(stdout, "%s", file);
    printf("  %-14s %s (systemd %u and later)\n", "Kind:", kind->name, kind->since);
    printf("  %-14s %zu bytes, of them %zu header and %zu encrypted\n", "Size:", sealed->size,
           sections->header.size, sections->ciphertext.size);
    print_line("Host key:", kind_has(kind, KIND_HOST) ? "needed" : "not needed");
    print_line("TPM:", kind_has(kind, KIND_TPM) ? "needed" : "not needed");
    if (kind_has(kind, KIND_TPM))
        print_tpm(kind, &sections->tpm);
    if (kind_has(kind, KIND_SCOPED))
        print_line("Scope:", "for one user");
    if (kind->key_types == 0)
        print_line("Protection:", "none: anyone can read and forge it");
    if (credential_openable(sections, &reason) != 0)
        print_line("Note:", reason.text);
}

static int inspect(const char *path, const Options *options)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialSections parts;
    Reason reason = {0};
    int r;

    r = input_read_sealed(path, &reason, &sealed);
    if (r == 0)
        r = credential_parse(bytes_view(&sealed), &reason, &parts);
    if (r != 0)
        return output_error(r, input_name(path), &reason);
    if (options->json != JSON_OFF)
        return output_json(describe(input_name(path), &sealed, &parts), options->json);
    print(input_name(path), &sealed, &parts);
    return 0;
}

/* Shows every file; the first failure determines the exit status. */
static int run(const Context *context, const Options *options, char **arguments)
{
    int r, result = 0;

    (void)context;
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
