/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential/identity.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/timestamp.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define VERSION   1
/* Nesting: the identity, its PCRs, a bank, and the values in it, which json-c counts as well. */
#define DEPTH     4
/* Size of a PCR value, bytes. */
#define PCR_BYTES ((size_t)32)

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define PEM_END   "-----END PUBLIC KEY-----\n"

const char *const identity_key_names[IDENTITY_KEYS] = {"srk", "legacyEcc", "legacyRsa"};

/* How much of a member's name a reason quotes, in characters. */
#define SHOWN_BYTES 40

void identity_done(Identity *identity)
{
    for (size_t i = 0; i < IDENTITY_KEYS; i++)
        bytes_done(&identity->keys[i]);
    bytes_done(&identity->pcr_public_key);
    bytes_done(&identity->report);
    for (size_t i = 0; i < identity->endorsement_count; i++) {
        bytes_done(&identity->endorsements[i].area);
        bytes_done(&identity->endorsements[i].certificate);
    }
    *identity = (Identity){0};
}

/* --- values --- */

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static int read_host_name(struct json_object *value, Reason *reason, Identity *identity)
{
    const char *text = json_text(value);

    if (!text || *text == '\0' || strlen(text) > LIMIT_MACHINE_BYTES || !is_printable(text))
        return reason_set(reason, OUTCOME_MALFORMED, "hostName is not a host name");
    strcpy(identity->host_name, text);
    return 0;
}

static int read_machine_id(struct json_object *value, Reason *reason, Identity *identity)
{
    return json_hex_text(value, identity->machine_id, sizeof(identity->machine_id))
               ? 0
               : reason_set(reason, OUTCOME_MALFORMED, "machineId is not 32 hex digits");
}

static int read_pcr_public_key(struct json_object *value, Reason *reason, Identity *identity)
{
    static const size_t frame = sizeof(PEM_BEGIN) - 1 + sizeof(PEM_END) - 1;
    _cleanup_(bytes_done) Bytes der = {0};
    const char *text = json_text(value);
    size_t size = text ? strlen(text) : 0;
    int r = OUTCOME_MALFORMED;

    if (size > frame && size <= LIMIT_FIELD_BYTES &&
        strncmp(text, PEM_BEGIN, sizeof(PEM_BEGIN) - 1) == 0 &&
        strcmp(text + size - (sizeof(PEM_END) - 1), PEM_END) == 0)
        r = base64_decode((BytesView){(const uint8_t *)text + sizeof(PEM_BEGIN) - 1, size - frame},
                          &der);
    if (r > 0 || (r == 0 && der.size == 0))
        return reason_set(reason, OUTCOME_MALFORMED, "pcrPublicKey is not a public key in PEM");
    if (r == 0)
        r = bytes_dup((BytesView){(const uint8_t *)text, size}, &identity->pcr_public_key);
    return r;
}

static int read_report(struct json_object *value, Reason *reason, Identity *identity)
{
    int r = json_base64(value, &identity->report);

    if (r > 0 || (r == 0 && identity->report.size != IDENTITY_REPORT_BYTES))
        return reason_set(reason, OUTCOME_MALFORMED, "report is not a key of %zu bytes in base64",
                          IDENTITY_REPORT_BYTES);
    return r;
}

/* --- PCRs --- */

static int read_bank(struct json_object *bank, Reason *reason, TpmPcrs *pcrs)
{
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        struct json_object *value;
        char number[4];

        snprintf(number, sizeof(number), "%u", i);
        if (!json_object_object_get_ex(bank, number, &value))
            continue;
        if (!json_hex(value, pcrs->values[i], PCR_BYTES))
            return reason_set(reason, OUTCOME_MALFORMED, "the value of PCR %u is not 64 hex digits",
                              i);
        pcrs->mask |= UINT64_C(1) << i;
    }
    if (__builtin_popcountll(pcrs->mask) != json_object_object_length(bank))
        return reason_set(reason, OUTCOME_MALFORMED, "pcrs contains a PCR that does not exist");
    pcrs->given = pcrs->mask;
    pcrs->bank = TPM_ALGORITHM_SHA256;
    return 0;
}

static int read_pcrs(struct json_object *value, Reason *reason, Identity *identity)
{
    struct json_object *bank;

    if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) != 1 ||
        !json_object_object_get_ex(value, "sha256", &bank) ||
        !json_object_is_type(bank, json_type_object))
        return reason_set(reason, OUTCOME_MALFORMED,
                          "pcrs is not an object with only the member sha256");
    return read_bank(bank, reason, &identity->pcrs);
}

/* --- storage keys --- */

/* Returns the member of IDENTITY for KEY. */
static Bytes *slot_of(Identity *identity, const TpmStorageKey *key)
{
    if (key->role == TPM_STORAGE_SRK)
        return &identity->srk;
    return key->algorithm == TPM_ALGORITHM_ECC ? &identity->legacy_ecc : &identity->legacy_rsa;
}

int identity_add_key(Identity *identity, BytesView area, Reason *reason)
{
    TpmStorageKey key;
    Bytes copy;
    int r = tpm_storage_key_parse(area, reason, &key);

    if (r == 0)
        r = bytes_dup(area, &copy);
    if (r != 0)
        return r;
    bytes_done(slot_of(identity, &key));
    *slot_of(identity, &key) = copy;
    return 0;
}

/* Reads a key {name, public} into PLACE, and checks that it belongs there. */
static int read_key(struct json_object *value, const char *member, Reason *reason,
                    Identity *identity, Bytes *slot)
{
    _cleanup_(bytes_done) Bytes area = {0};
    struct json_object *name, *public;
    uint8_t expected[TPM_NAME_BYTES];
    TpmStorageKey key;
    int r;

    if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) != 2 ||
        !json_object_object_get_ex(value, "name", &name) || !json_text(name) ||
        !json_object_object_get_ex(value, "public", &public) || !json_text(public))
        return reason_set(reason, OUTCOME_MALFORMED,
                          "%s is not an object with the members name and public", member);
    r = json_base64(public, &area);
    if (r > 0 || area.size > TPM_PUBLIC_MAX_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED, "%s is not a TPM2B_PUBLIC in base64", member);
    if (r == 0)
        r = tpm_storage_key_parse(bytes_view(&area), reason, &key);
    if (r != 0)
        return reason_prefix(reason, r, "%s: ", member);
    if (slot_of(identity, &key) != slot)
        return reason_set(reason, OUTCOME_MALFORMED, "%s is another type of storage key", member);
    if (!json_hex(name, expected, sizeof(expected)) ||
        memcmp(expected, key.name, sizeof(expected)) != 0)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "%s is damaged: its name does not match the key", member);
    *slot = TAKE(area);
    return 0;
}

/* --- endorsement keys --- */

int identity_add_endorsement(Identity *identity, BytesView area, BytesView certificate,
                             Reason *reason)
{
    IdentityEndorsement *slot = &identity->endorsements[identity->endorsement_count];
    IdentityEndorsement added = {0};
    TpmStorageKey key;
    int r = tpm_endorsement_key_parse(area, reason, &key);

    if (r == 0 && identity->endorsement_count == IDENTITY_ENDORSEMENTS)
        r = reason_set(reason, OUTCOME_MALFORMED, "it has more than %zu endorsement keys",
                       IDENTITY_ENDORSEMENTS);
    if (r == 0)
        r = bytes_dup(area, &added.area);
    if (r == 0)
        r = bytes_dup(certificate, &added.certificate);
    if (r != 0) {
        bytes_done(&added.area);
        return r;
    }
    *slot = added;
    identity->endorsement_count++;
    return 0;
}

static int read_endorsement(struct json_object *value, Reason *reason, Identity *identity)
{
    _cleanup_(bytes_done) Bytes area = {0}, certificate = {0};
    struct json_object *public = NULL, *text = NULL;
    int r = OUTCOME_MALFORMED;

    json_object_object_get_ex(value, "public", &public);
    json_object_object_get_ex(value, "certificate", &text);
    if (json_object_is_type(value, json_type_object) &&
        json_object_object_length(value) == 1 + (text ? 1 : 0))
        r = json_base64(public, &area);
    if (r == 0 && text)
        r = json_base64(text, &certificate);
    if (r > 0 || (r == 0 && text && certificate.size == 0))
        return reason_set(reason, OUTCOME_MALFORMED,
                          "endorsement does not consist of objects with the member public, and "
                          "certificate, in base64");
    if (r == 0)
        r = identity_add_endorsement(identity, bytes_view(&area), bytes_view(&certificate), reason);
    return reason_prefix(reason, r, "endorsement: ");
}

static int read_endorsements(struct json_object *value, Reason *reason, Identity *identity)
{
    int r = json_length(value) > 0
                ? 0
                : reason_set(reason, OUTCOME_MALFORMED, "endorsement is not a list of keys");

    for (size_t i = 0; r == 0 && i < json_length(value); i++)
        r = read_endorsement(json_object_array_get_idx(value, i), reason, identity);
    return r;
}

/* --- the proof --- */

static const char *const trust_names[] = {
    [IDENTITY_BY_CERTIFICATE] = "certificate",
    [IDENTITY_BY_INVENTORY] = "inventory",
};

const char *identity_trust_name(IdentityTrust trust)
{
    return trust_names[trust];
}

IdentityTrust identity_trust_parse(const char *text)
{
    for (IdentityTrust i = IDENTITY_BY_CERTIFICATE; text && i <= IDENTITY_BY_INVENTORY; i++)
        if (strcmp(text, trust_names[i]) == 0)
            return i;
    return IDENTITY_UNPROVED;
}

static int read_proof(struct json_object *value, Reason *reason, Identity *identity)
{
    struct json_object *pcrs = NULL;
    IdentityProof *proof = &identity->proof;
    const char *time = json_text(json_object_object_get(value, "time"));
    bool good = json_object_is_type(value, json_type_object);
    int members = 4;

    proof->by = identity_trust_parse(json_text(json_object_object_get(value, "by")));
    if (json_object_object_get_ex(value, "pcrs", &pcrs)) {
        members++;
        good = json_text(pcrs) && tpm_pcr_mask_parse(json_text(pcrs), NULL, &proof->pcrs) == 0 &&
               proof->pcrs != 0;
    }
    if (good && proof->by != IDENTITY_UNPROVED && time && timestamp_parse_utc(time, &proof->time) &&
        json_hex(json_object_object_get(value, "endorsement"), proof->endorsement,
                 sizeof(proof->endorsement)) &&
        json_hex(json_object_object_get(value, "mac"), proof->mac, sizeof(proof->mac)) &&
        json_object_object_length(value) == members)
        return 0;
    return reason_set(reason, OUTCOME_MALFORMED, "proof is not what \"host verify\" writes");
}

/* --- the whole --- */

static int read_version(struct json_object *value, Reason *reason, Identity *)
{
    if (!json_object_is_type(value, json_type_int))
        return reason_set(reason, OUTCOME_MALFORMED, "version is not a number");
    if (json_object_get_int64(value) != VERSION)
        return reason_set(reason, OUTCOME_MALFORMED, "its version is not %d", VERSION);
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct json_object *value, Reason *reason, Identity *identity);
} members[] = {
    {"version", read_version},
    {"hostName", read_host_name},
    {"machineId", read_machine_id},
    {"pcrPublicKey", read_pcr_public_key},
    {"pcrs", read_pcrs},
    {"report", read_report},
    {"endorsement", read_endorsements},
    {"proof", read_proof},
};

static int read_member(const char *name, struct json_object *value, Reason *reason,
                       Identity *identity)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (strcmp(members[i].name, name) == 0)
            return members[i].read(value, reason, identity);
    for (size_t i = 0; i < IDENTITY_KEYS; i++)
        if (strcmp(identity_key_names[i], name) == 0)
            return read_key(value, name, reason, identity, &identity->keys[i]);
    return reason_set(reason, OUTCOME_MALFORMED, "unknown member \"%.*s\"", SHOWN_BYTES,
                      is_printable(name) ? name : "?");
}

static int parse_json(BytesView file, Reason *reason, Identity *identity)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    int r = json_parse(file, DEPTH, NULL, reason, &object);

    if (r != 0)
        return r;
    if (!json_object_is_type(object, json_type_object))
        return reason_set(reason, OUTCOME_MALFORMED, "it is not a JSON object");
    if (!json_object_object_get_ex(object, "version", NULL))
        return reason_set(reason, OUTCOME_MALFORMED, "it has no version");
    json_object_object_foreach(object, name, value)
    {
        r = read_member(name, value, reason, identity);
        if (r != 0)
            return r;
    }
    if (identity->srk.size + identity->legacy_ecc.size + identity->legacy_rsa.size == 0)
        return reason_set(reason, OUTCOME_MALFORMED, "it does not contain a storage key");
    return 0;
}

int identity_parse(BytesView file, Reason *reason, Identity *ret)
{
    _cleanup_(identity_done) Identity identity = {0};
    /* A TPM2B_PUBLIC begins with its size, 90 for P-256 and 282 for RSA. No text begins like that.
     */
    bool bare = file.size > 0 && file.data[0] <= TPM_PUBLIC_MAX_BYTES >> 8;
    int r;

    if (file.size > LIMIT_IDENTITY_BYTES)
        r = reason_set(reason, OUTCOME_TOO_LARGE, "it is larger than %zu bytes",
                       LIMIT_IDENTITY_BYTES);
    else
        r = bare ? identity_add_key(&identity, file, reason) : parse_json(file, reason, &identity);
    /* nothing exports a bare legacy primary */
    if (r == 0 && bare && identity.srk.size == 0)
        r = reason_set(reason, OUTCOME_MALFORMED,
                       "it is a storage key, but not a storage root key");
    if (r < 0)
        return reason_set(reason, r, "cannot read the host identity");
    if (r > 0)
        return OUTCOME_BAD_IDENTITY;
    *ret = TAKE(identity);
    return 0;
}

/* --- writing --- */

/* NULL also for a key that does not parse. */
static struct json_object *key_to_json(const Bytes *area)
{
    struct json_object *object;
    TpmStorageKey key;

    if (tpm_storage_key_parse(bytes_view(area), NULL, &key) != 0)
        return NULL;
    object = json_object_new_object();
    json_add_hex(object, "name", key.name, sizeof(key.name));
    json_add_base64(object, "public", bytes_view(area));
    return object;
}

static struct json_object *pcrs_to_json(const TpmPcrs *pcrs)
{
    struct json_object *banks = json_object_new_object(), *bank = json_object_new_object();
    char number[4];

    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        if (!(pcrs->mask & UINT64_C(1) << i))
            continue;
        snprintf(number, sizeof(number), "%u", i);
        json_add_hex(bank, number, pcrs->values[i], PCR_BYTES);
    }
    json_add(banks, "sha256", bank);
    return banks;
}

static struct json_object *endorsements_to_json(const Identity *identity)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < identity->endorsement_count; i++) {
        const IdentityEndorsement *endorsement = &identity->endorsements[i];
        struct json_object *key = json_object_new_object();

        json_add_base64(key, "public", bytes_view(&endorsement->area));
        if (endorsement->certificate.size > 0)
            json_add_base64(key, "certificate", bytes_view(&endorsement->certificate));
        json_append(list, key);
    }
    return list;
}

static struct json_object *proof_to_json(const IdentityProof *proof)
{
    struct json_object *object = json_object_new_object();
    char time[TIMESTAMP_UTC_BYTES], pcrs[TPM_PCR_TEXT_BYTES];

    timestamp_format_utc(proof->time, time);
    tpm_pcr_mask_format(proof->pcrs, pcrs);
    json_add_text(object, "by", identity_trust_name(proof->by));
    json_add_hex(object, "endorsement", proof->endorsement, sizeof(proof->endorsement));
    json_add_text(object, "time", time);
    if (proof->pcrs)
        json_add_text(object, "pcrs", pcrs);
    json_add_hex(object, "mac", proof->mac, sizeof(proof->mac));
    return object;
}

struct json_object *identity_to_json(const Identity *identity)
{
    struct json_object *object = json_object_new_object();

    json_add(object, "version", json_object_new_int(VERSION));
    if (identity->host_name[0])
        json_add_text(object, "hostName", identity->host_name);
    if (identity->machine_id[0])
        json_add_text(object, "machineId", identity->machine_id);
    for (size_t i = 0; i < IDENTITY_KEYS; i++)
        if (identity->keys[i].size > 0)
            json_add(object, identity_key_names[i], key_to_json(&identity->keys[i]));
    json_add_view(object, "pcrPublicKey", bytes_view(&identity->pcr_public_key));
    if (identity->pcrs.mask)
        json_add(object, "pcrs", pcrs_to_json(&identity->pcrs));
    if (identity->report.size > 0)
        json_add_base64(object, "report", bytes_view(&identity->report));
    if (identity->endorsement_count > 0)
        json_add(object, "endorsement", endorsements_to_json(identity));
    if (identity->proof.by != IDENTITY_UNPROVED)
        json_add(object, "proof", proof_to_json(&identity->proof));
    return object;
}

int identity_digest(const Identity *identity, uint8_t ret[IDENTITY_DIGEST_BYTES])
{
    Identity unproved = *identity; /* borrows */
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(bytes_done) Bytes text = {0};
    int r;

    unproved.proof = (IdentityProof){0};
    object = identity_to_json(&unproved);
    r = json_print(object, &text);
    if (r == 0)
        crypto_hash_sha256(ret, text.data, text.size);
    return r;
}
