/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/signature.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/limits.h"

#include <sodium.h>
#include <string.h>

/* Banks, entries, members, PCRs. */
#define JSON_DEPTH 8

_Static_assert(SIGNER_FINGERPRINT_BYTES == TPM_POLICY_BYTES, "both are SHA-256 digests");

/* An element of a bank's list. */
typedef struct Entry {
    bool complete; /* it has all members */
    uint64_t mask;
    uint8_t fingerprint[SIGNER_FINGERPRINT_BYTES];
    uint8_t policy[TPM_POLICY_BYTES];
    TpmSignature signature;
} Entry;

static bool parse_pcrs(struct json_object *list, uint64_t *ret)
{
    uint64_t mask = 0;

    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        int64_t pcr;

        if (!json_number(json_object_array_get_idx(list, i), 0, TPM_PCR_COUNT - 1, &pcr))
            return false;
        mask |= UINT64_C(1) << pcr;
    }
    *ret = mask;
    return true;
}

static bool parse_digest(struct json_object *value, uint8_t ret[TPM_POLICY_BYTES])
{
    const char *text = json_text(value);

    return text && hex_decode(text_view(text), ret, TPM_POLICY_BYTES);
}

static bool parse_signature(struct json_object *value, TpmSignature *ret)
{
    const char *text = json_text(value);

    return text &&
           sodium_base642bin(ret->bytes, sizeof(ret->bytes), text, strlen(text), NULL, &ret->size,
                             NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           ret->size > 0;
}

/* Returns NULL, or which member is not valid. */
static const char *parse_entry(struct json_object *object, Entry *ret)
{
    struct json_object *pcrs, *fingerprint, *policy, *signature;

    if (!json_object_is_type(object, json_type_object))
        return "an entry is not an object";
    ret->complete = json_object_object_get_ex(object, "pcrs", &pcrs) &&
                    json_object_object_get_ex(object, "pkfp", &fingerprint) &&
                    json_object_object_get_ex(object, "pol", &policy) &&
                    json_object_object_get_ex(object, "sig", &signature);
    if (!ret->complete)
        return NULL;
    if (!parse_pcrs(pcrs, &ret->mask))
        return "\"pcrs\" is not a list of PCRs";
    if (!parse_digest(fingerprint, ret->fingerprint))
        return "\"pkfp\" is not 64 hexadecimal digits";
    if (!parse_digest(policy, ret->policy))
        return "\"pol\" is not 64 hexadecimal digits";
    if (!parse_signature(signature, &ret->signature))
        return "\"sig\" is not a signature in base64";
    return NULL;
}

/* What a list contains for a query. */
typedef struct Search {
    unsigned others; /* by this signer, for other values of these PCRs */
    bool found;
    TpmSignature signature;
} Search;

/* Returns NULL, or what is wrong. Checks all entries, so that a file is valid or not as a whole. */
static const char *search(struct json_object *list, const TpmSignatureQuery *query, Search *ret)
{
    if (!json_object_is_type(list, json_type_array))
        return "a bank is not a list";
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        Entry entry;
        const char *wrong = parse_entry(json_object_array_get_idx(list, i), &entry);

        if (wrong)
            return wrong;
        if (!entry.complete || entry.mask != query->mask ||
            memcmp(entry.fingerprint, query->fingerprint, sizeof(entry.fingerprint)) != 0)
            continue;
        if (memcmp(entry.policy, query->policy, sizeof(entry.policy)) != 0) {
            ret->others++;
        } else if (!ret->found) {
            ret->found = true;
            ret->signature = entry.signature;
        }
    }
    return NULL;
}

/* Explains why FOUND has no signature for QUERY. */
static int not_found(const TpmSignatureQuery *query, const Search *found, Reason *reason)
{
    char pcrs[TPM_PCR_TEXT_BYTES];

    tpm_pcr_mask_format(query->mask, pcrs);
    if (found->others == 0)
        return reason_set(reason, OUTCOME_TPM_NO_SIGNATURE,
                          "there is no signature by the credential's key for PCR %s (%s)", pcrs,
                          tpm_bank_name(query->bank));
    return reason_set(reason, OUTCOME_TPM_PCR_MISMATCH,
                      "none of the %u signatures by the credential's key is for the current value "
                      "of PCR %s (%s)",
                      found->others, pcrs, tpm_bank_name(query->bank));
}

int tpm_signature_find(BytesView json, const TpmSignatureQuery *query, Reason *reason,
                       TpmSignature *ret)
{
    _cleanup_(json_object_putp) struct json_object *root = NULL;
    struct json_object *list = NULL;
    const char *wrong = NULL;
    Search found = {0};
    Reason detail = {0};
    int r;

    if (json.size > LIMIT_SIGNATURE_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the PCR signatures have %zu bytes, but at most %zu are allowed",
                          json.size, LIMIT_SIGNATURE_BYTES);
    r = json_parse(json, JSON_DEPTH, NULL, &detail, &root);
    if (r != 0)
        return reason_set(reason, r, "the PCR signatures: %.200s", detail.text);
    if (!json_object_is_type(root, json_type_object))
        wrong = "they are not a JSON object";
    else if (json_object_object_get_ex(root, tpm_bank_name(query->bank), &list))
        wrong = search(list, query, &found);
    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED, "the PCR signatures: %s", wrong);
    if (!found.found)
        return not_found(query, &found, reason);
    *ret = found.signature;
    return 0;
}
