/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The PCRs as they are now. See tpm_internal.h.
 *
 * A TPM answers with at most eight values a time, so that several answers may be needed; its update
 * counter tells whether they are all of one moment. The session authenticates the answers: sealing
 * for values that somebody on the way made up would seal for his system, not for this one.
 *
 * TCG TPM 2.0 Library, Part 3, 22.4.
 */

#include "tpm/policy.h"
#include "tpm/tpm_internal.h"

#include <string.h>

#define SELECT_BYTES 3U

typedef struct PcrValues {
    uint64_t mask;                                 /* which have been read */
    uint32_t counter;                              /* the TPM's update counter then */
    uint8_t bytes[TPM_PCR_COUNT][sizeof(TPMU_HA)]; /* by number */
} PcrValues;

void tpm_pcr_selection(uint64_t mask, uint16_t bank, TPML_PCR_SELECTION *ret)
{
    *ret = (TPML_PCR_SELECTION){
        .count = 1,
        .pcrSelections[0] = {.hash = bank, .sizeofSelect = SELECT_BYTES},
    };
    for (unsigned i = 0; i < SELECT_BYTES; i++)
        ret->pcrSelections[0].pcrSelect[i] = (BYTE)(mask >> (8 * i));
}

/* The mask in an answer; PCRs of another bank are none. */
static uint64_t selected(const TPML_PCR_SELECTION *selection, uint16_t bank)
{
    const TPMS_PCR_SELECTION *first = &selection->pcrSelections[0];
    uint64_t mask = 0;

    if (selection->count != 1 || first->hash != bank)
        return 0;
    for (unsigned i = 0; i < first->sizeofSelect && i < SELECT_BYTES; i++)
        mask |= (uint64_t)first->pcrSelect[i] << (8 * i);
    return mask;
}

/* Adds the values of the answer to VALUES; false if selection and digests do not fit together. */
static bool add_values(uint64_t mask, const TPML_DIGEST *digests, size_t digest_bytes,
                       PcrValues *values)
{
    uint32_t used = 0;

    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        if (!(mask & UINT64_C(1) << i))
            continue;
        if (used >= digests->count || digests->digests[used].size != digest_bytes)
            return false;
        memcpy(values->bytes[i], digests->digests[used++].buffer, digest_bytes);
    }
    values->mask |= mask;
    return used == digests->count;
}

/* Reads what of MASK is still missing in VALUES, as far as the TPM gives it in one answer. 0 with
 * VALUES as it was: the bank has no such PCRs. */
static int read_some(const TpmHandle *session, uint64_t mask, uint16_t bank, Reason *reason,
                     PcrValues *values)
{
    _cleanup_(esys_freep) TPML_PCR_SELECTION *answered = NULL;
    _cleanup_(esys_freep) TPML_DIGEST *digests = NULL;
    uint64_t missing = mask & ~values->mask, got;
    TPML_PCR_SELECTION wanted;
    uint32_t counter;
    TSS2_RC rc;

    tpm_pcr_selection(missing, bank, &wanted);
    rc = Esys_PCR_Read(session->tpm->esys, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, &wanted,
                       &counter, &answered, &digests);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_session_response(rc, "reading the PCRs", reason);
    got = selected(answered, bank);
    if (values->mask != 0 && counter != values->counter) {
        /* A PCR changed between two answers: what was read before is not of this moment. */
        *values = (PcrValues){0};
        return 0;
    }
    values->counter = counter;
    if ((got & ~missing) != 0 || !add_values(got, digests, tpm_bank_digest_bytes(bank), values))
        return reason_set(reason, OUTCOME_TPM_FAILED,
                          "reading the PCRs: the answer makes no sense");
    return 0;
}

int tpm_pcr_unable(uint64_t mask, uint16_t bank, Reason *reason)
{
    char numbers[TPM_PCR_TEXT_BYTES];

    tpm_pcr_mask_format(mask, numbers);
    return reason_set(reason, OUTCOME_TPM_UNABLE, "the TPM has no PCR %s in a bank of %s", numbers,
                      tpm_bank_name(bank));
}

/* All PCRs of MASK in BANK. OUTCOME_TPM_UNABLE if the bank does not have them. */
static int read_all(const TpmHandle *session, uint64_t mask, uint16_t bank, Reason *reason,
                    PcrValues *ret)
{
    PcrValues values = {0};
    uint64_t before;
    int r;

    for (int attempts = 0; values.mask != mask; attempts++) {
        if (attempts == TPM_PCR_ATTEMPTS)
            return reason_set(reason, OUTCOME_TPM_BUSY, "reading the PCRs: they keep changing");
        before = values.mask;
        r = read_some(session, mask, bank, reason, &values);
        if (r != 0)
            return r;
        if (values.mask == before)
            return tpm_pcr_unable(mask, bank, reason);
    }
    *ret = values;
    return 0;
}

/* Takes the values of those PCRs that are to have the present ones from VALUES. */
static void extend_policy(const TpmPcrs *pcrs, const PcrValues *values, uint16_t bank,
                          uint8_t policy[TPM_POLICY_BYTES])
{
    uint8_t joined[sizeof(values->bytes)];
    size_t digest_bytes = tpm_bank_digest_bytes(bank), size = 0;

    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        if (!(pcrs->mask & UINT64_C(1) << i))
            continue;
        memcpy(joined + size, pcrs->given & UINT64_C(1) << i ? pcrs->values[i] : values->bytes[i],
               digest_bytes);
        size += digest_bytes;
    }
    if (pcrs->mask != 0)
        tpm_policy_extend_pcr(pcrs->mask, bank, (BytesView){joined, size}, policy);
}

int tpm_pcr_extend_policy(const TpmHandle *session, const TpmPcrs *pcrs, uint64_t also,
                          Reason *reason, uint16_t *ret_bank, uint8_t policy[TPM_POLICY_BYTES])
{
    /* In order of preference. SHA-1 is for TPMs that have nothing better, as it is in systemd. */
    static const uint16_t preferred[] = {TPM_ALGORITHM_SHA256, TPM_ALGORITHM_SHA1};
    const uint16_t *banks = pcrs->bank != 0 ? &pcrs->bank : preferred;
    size_t count = pcrs->bank != 0 ? 1 : sizeof(preferred) / sizeof(preferred[0]);
    uint64_t mask = (pcrs->mask & ~pcrs->given) | also;
    PcrValues values;
    int r = OUTCOME_TPM_UNABLE;

    /* For no PCRs no bank is used, but systemd wants to read one that it knows. */
    for (size_t i = 0; r == OUTCOME_TPM_UNABLE && i < count; i++) {
        r = read_all(session, mask, banks[i], reason, &values);
        if (r == 0) {
            extend_policy(pcrs, &values, banks[i], policy);
            *ret_bank = banks[i];
        }
    }
    return r;
}

int tpm_pcr_read_bank(Tpm *tpm, uint64_t mask, uint16_t bank, Reason *reason, TpmPcrs *ret)
{
    TpmHandle no_session = {.tpm = tpm, .tr = ESYS_TR_NONE};
    TpmPcrs pcrs = {.mask = mask, .given = mask, .bank = bank};
    PcrValues values;
    int r = read_all(&no_session, mask, bank, reason, &values);

    if (r != 0)
        return r;
    _Static_assert(sizeof(pcrs.values[0]) <= sizeof(values.bytes[0]), "a value fits");
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        memcpy(pcrs.values[i], values.bytes[i], sizeof(pcrs.values[i]));
    *ret = pcrs;
    return 0;
}

void tpm_pcr_policy_of(const TpmPcrs *pcrs, uint8_t policy[TPM_POLICY_BYTES])
{
    extend_policy(pcrs, NULL, pcrs->bank, policy);
}

int tpm_pcr_read(const TpmHandle *session, uint64_t mask, Reason *reason, TpmPcrValues *ret)
{
    TpmPcrValues result = {.mask = mask};
    PcrValues values;
    int r = read_all(session, mask, TPM_ALGORITHM_SHA256, reason, &values);

    if (r != 0)
        return r;
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        memcpy(result.values[i], values.bytes[i], sizeof(result.values[i]));
    *ret = result;
    return 0;
}
