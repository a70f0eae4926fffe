/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sealed key for another host. See offline.h.
 */

#include "credential/offline.h"

#include "tpm/policy.h"
#include "tpm/wrap.h"

#include <assert.h>
#include <string.h>

void offline_key_done(OfflineKey *key)
{
    secret_free(key->key);
    tpm_sealed_done(&key->sealed);
    *key = (OfflineKey){0};
}

/* The legacy key that the host itself would take: P-256 where it has that. */
static const Bytes *legacy_of(const Identity *identity)
{
    return identity->legacy_ecc.size > 0 ? &identity->legacy_ecc : &identity->legacy_rsa;
}

static int choose_parent(const OfflineRequest *request, Reason *reason, TpmStorageKey *ret)
{
    const Bytes *legacy = legacy_of(request->identity), *area = &request->identity->srk;

    if (request->form == OFFLINE_LEGACY || (request->form == OFFLINE_AUTO && legacy->size > 0))
        area = legacy;
    if (area->size == 0)
        return reason_set(reason, OUTCOME_USAGE,
                          "the host identity has no %s, which this form is sealed to",
                          area == legacy ? "legacy primary" : "storage root key");
    return tpm_storage_key_parse(bytes_view(area), reason, ret);
}

static int policy_of(const OfflineRequest *request, Reason *reason,
                     uint8_t ret_policy[TPM_POLICY_BYTES])
{
    const TpmPcrValues *pcrs = &request->identity->pcrs;
    uint64_t missing = request->pcr_mask & ~pcrs->mask;
    uint8_t joined[sizeof(pcrs->values)];
    char text[TPM_PCR_TEXT_BYTES];
    size_t size = 0;

    memset(ret_policy, 0, TPM_POLICY_BYTES);
    if (missing) {
        tpm_pcr_mask_format(missing & TPM_PCR_MASK_ALL, text);
        return reason_set(reason, OUTCOME_USAGE, "the host identity has no value of PCR %s", text);
    }
    if (request->pcr_mask == 0)
        return 0;
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        if (!(request->pcr_mask & UINT64_C(1) << i))
            continue;
        memcpy(joined + size, pcrs->values[i], sizeof(pcrs->values[i]));
        size += sizeof(pcrs->values[i]);
    }
    tpm_policy_pcr(request->pcr_mask, TPM_ALGORITHM_SHA256, (BytesView){joined, size}, ret_policy);
    return 0;
}

int offline_key_new(const Context *context, const OfflineRequest *request, Reason *reason,
                    OfflineKey *ret)
{
    _cleanup_(offline_key_done) OfflineKey key = {0};
    uint8_t policy[TPM_POLICY_BYTES];
    TpmStorageKey parent;
    int r;

    r = choose_parent(request, reason, &parent);
    if (r == 0)
        r = policy_of(request, reason, policy);
    if (r == 0)
        r = secret_new(TPM_KEY_BYTES, reason, &key.key);
    if (r != 0)
        return r;
    context->random(context, secret_borrow(key.key), TPM_KEY_BYTES);
    key.sealed.pcr_mask = request->pcr_mask;
    key.sealed.pcr_bank = TPM_ALGORITHM_SHA256;
    key.sealed.primary_alg = parent.algorithm;
    r = tpm_wrap(context, &parent, key.key, policy, reason, &key.sealed.blob);
    if (r == 0)
        r = bytes_dup((BytesView){policy, sizeof(policy)}, &key.sealed.policy_hash);
    if (r == 0 && parent.role == TPM_STORAGE_SRK)
        r = tpm_storage_key_pin(&parent, &key.sealed.srk);
    if (r != 0)
        return r;
    key.kind = kind_find_by_parts(KIND_TPM | (parent.role == TPM_STORAGE_SRK ? KIND_PINNED : 0U));
    assert(key.kind);
    *ret = key;
    key = (OfflineKey){0};
    return 0;
}
