/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential/offline.h"

#include "tpm/policy.h"
#include "tpm/wrap.h"

#include <assert.h>

void offline_key_done(OfflineKey *key)
{
    secret_free(key->key);
    tpm_sealed_done(&key->sealed);
    *key = (OfflineKey){0};
}

static int choose_parent(const OfflineRequest *request, Reason *reason, TpmStorageKey *ret)
{
    const Identity *host = request->identity;
    /* the one that the host itself would use: P-256 if it has that */
    const Bytes *legacy = host->legacy_ecc.size > 0 ? &host->legacy_ecc : &host->legacy_rsa;
    const Bytes *area = &host->srk;

    if (request->form == OFFLINE_LEGACY || (request->form == OFFLINE_AUTO && legacy->size > 0))
        area = legacy;
    if (area->size == 0)
        return reason_set(reason, OUTCOME_USAGE,
                          "the host identity has no %s, which this form requires",
                          area == legacy ? "legacy primary" : "storage root key");
    return tpm_storage_key_parse(bytes_view(area), reason, ret);
}

/* Completes the request's PCRs with values from the identity. */
static int complete_pcrs(const OfflineRequest *request, Reason *reason, TpmPcrs *ret)
{
    TpmPcrs pcrs = request->identity->pcrs;
    char text[TPM_PCR_TEXT_BYTES];
    uint64_t missing;

    if (request->pcrs.given != 0 && request->pcrs.bank != TPM_ALGORITHM_SHA256)
        return reason_set(reason, OUTCOME_USAGE, "PCR values must be given for bank sha256, not %s",
                          tpm_bank_name(request->pcrs.bank));
    tpm_pcrs_take(&request->pcrs, &pcrs);
    missing = request->pcrs.mask & ~pcrs.given;
    if (missing) {
        tpm_pcr_mask_format(missing & TPM_PCR_MASK_ALL, text);
        return reason_set(reason, OUTCOME_USAGE, "the host identity has no value for PCR %s", text);
    }
    pcrs.mask = request->pcrs.mask;
    pcrs.bank = TPM_ALGORITHM_SHA256;
    *ret = pcrs;
    return 0;
}

static const Kind *kind_of(const OfflineRequest *request, const TpmStorageKey *parent)
{
    unsigned key_types = KIND_TPM;

    if (parent->role == TPM_STORAGE_SRK)
        key_types |= KIND_PINNED;
    if (request->public_key.size > 0)
        key_types |= KIND_PUBLIC_KEY;
    return kind_find_by_key_types(key_types);
}

/* Everything but the key itself: which storage key it is for, and its policy. */
static int prepare(const OfflineRequest *request, Reason *reason, TpmStorageKey *ret_parent,
                   TpmSealed *sealed)
{
    TpmPcrs pcrs;
    int r = choose_parent(request, reason, ret_parent);

    if (r == 0)
        r = complete_pcrs(request, reason, &pcrs);
    return r == 0 ? tpm_policy_describe(&pcrs, request->public_key, request->public_key_mask,
                                        reason, sealed)
                  : r;
}

static int describe(const OfflineRequest *request, Reason *reason, TpmStorageKey *ret_parent,
                    OfflineKey *key)
{
    int r = prepare(request, reason, ret_parent, &key->sealed);

    if (r == 0 && ret_parent->role == TPM_STORAGE_SRK)
        r = tpm_storage_key_pin(ret_parent, &key->sealed.srk);
    if (r != 0)
        return r;
    key->sealed.primary_alg = ret_parent->algorithm;
    key->kind = kind_of(request, ret_parent);
    assert(key->kind);
    return 0;
}

int offline_describe(const OfflineRequest *request, Reason *reason, OfflineKey *ret)
{
    _cleanup_(offline_key_done) OfflineKey key = {0};
    TpmStorageKey parent;
    int r = describe(request, reason, &parent, &key);

    if (r == 0)
        *ret = TAKE(key);
    return r;
}

int offline_kind(const OfflineRequest *request, Reason *reason, const Kind **ret)
{
    _cleanup_(offline_key_done) OfflineKey key = {0};
    int r = offline_describe(request, reason, &key);

    if (r == 0)
        *ret = key.kind;
    return r;
}

int offline_key_new(const Context *context, const OfflineRequest *request, Reason *reason,
                    OfflineKey *ret)
{
    _cleanup_(offline_key_done) OfflineKey key = {0};
    TpmStorageKey parent;
    int r = describe(request, reason, &parent, &key);

    if (r == 0)
        r = request->key ? secret_new_from(secret_view(request->key), reason, &key.key)
                         : secret_new_random(context, TPM_KEY_BYTES, reason, &key.key);
    if (r == 0)
        r = tpm_wrap(context, &parent, key.key, key.sealed.policy_hash.data, reason,
                     &key.sealed.blob);
    if (r == 0)
        *ret = TAKE(key);
    return r;
}
