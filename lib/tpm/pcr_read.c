/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the current PCRs. See tpm_internal.h.
 *
 * A TPM returns at most eight values at a time, so that several responses may be needed. Its update
 * counter tells whether they belong to the same moment. The session authenticates the responses:
 * sealing for values that an interposer made up would seal for its system, not for this one.
 *
 * TCG TPM 2.0 Library, Part 3, 22.4.
 */

#include "tpm/tpm_internal.h"

#include <string.h>

#define SELECT_BYTES 3U

typedef struct Reading {
    TpmPcrs pcrs;     /* given: those already read */
    uint32_t counter; /* the TPM's update counter at that time */
} Reading;

static void make_selection(uint64_t mask, uint16_t bank, TPML_PCR_SELECTION *ret)
{
    *ret = (TPML_PCR_SELECTION){
        .count = 1,
        .pcrSelections[0] = {.hash = bank, .sizeofSelect = SELECT_BYTES},
    };
    for (unsigned i = 0; i < SELECT_BYTES; i++)
        ret->pcrSelections[0].pcrSelect[i] = (BYTE)(mask >> (8 * i));
}

TSS2_RC tpm_pcr_policy(const TpmHandle *session, uint64_t mask, uint16_t bank)
{
    static const TPM2B_DIGEST current_values = {0};
    TPML_PCR_SELECTION selection;

    make_selection(mask, bank, &selection);
    return Esys_PolicyPCR(session->tpm->esys, session->tr, NO_SESSIONS, &current_values,
                          &selection);
}

/* The mask in a response; PCRs of other banks do not count. */
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

/* Adds the values of the response to PCRS; false if selection and digests do not match. */
static bool add_values(uint64_t mask, const TPML_DIGEST *digests, TpmPcrs *pcrs)
{
    size_t size = tpm_bank_digest_bytes(pcrs->bank);
    uint32_t used = 0;

    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        if (!(mask & UINT64_C(1) << i))
            continue;
        if (used >= digests->count || digests->digests[used].size != size)
            return false;
        memcpy(pcrs->values[i], digests->digests[used++].buffer, size);
    }
    pcrs->given |= mask;
    return used == digests->count;
}

/* Reads missing values of READING, as many as the TPM returns in one response. If this returns 0
 * and READING is unchanged, the bank lacks these PCRs. */
static int read_some(const TpmHandle *session, Reason *reason, Reading *reading)
{
    _cleanup_(esys_freep) TPML_PCR_SELECTION *answered = NULL;
    _cleanup_(esys_freep) TPML_DIGEST *digests = NULL;
    TpmPcrs *pcrs = &reading->pcrs;
    uint64_t missing = pcrs->mask & ~pcrs->given, got;
    TPML_PCR_SELECTION wanted;
    uint32_t counter;
    TSS2_RC rc;

    make_selection(missing, pcrs->bank, &wanted);
    rc = Esys_PCR_Read(session->tpm->esys, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, &wanted,
                       &counter, &answered, &digests);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_session_response(rc, "reading the PCRs", reason);
    got = selected(answered, pcrs->bank);
    if (pcrs->given != 0 && counter != reading->counter) {
        /* A PCR changed between two responses: the earlier values are of another moment. */
        pcrs->given = 0;
        return 0;
    }
    reading->counter = counter;
    if ((got & ~missing) != 0 || !add_values(got, digests, pcrs))
        return reason_set(reason, OUTCOME_TPM_FAILED,
                          "reading the PCRs: the response is not valid");
    return 0;
}

int tpm_pcr_unable(uint64_t mask, uint16_t bank, Reason *reason)
{
    char numbers[TPM_PCR_TEXT_BYTES];

    tpm_pcr_mask_format(mask, numbers);
    return reason_set(reason, OUTCOME_TPM_UNABLE, "the TPM has no PCR %s in a bank of %s", numbers,
                      tpm_bank_name(bank));
}

int tpm_pcr_read(const TpmHandle *session, uint64_t mask, uint16_t bank, Reason *reason,
                 TpmPcrs *ret)
{
    Reading reading = {.pcrs = {.mask = mask, .bank = bank}};
    uint64_t before;
    int r;

    for (int attempts = 0; reading.pcrs.given != mask; attempts++) {
        if (attempts == TPM_PCR_ATTEMPTS)
            return reason_set(reason, OUTCOME_TPM_BUSY, "reading the PCRs: they keep changing");
        before = reading.pcrs.given;
        r = read_some(session, reason, &reading);
        if (r != 0)
            return r;
        if (reading.pcrs.given == before)
            return tpm_pcr_unable(mask, bank, reason);
    }
    *ret = reading.pcrs;
    return 0;
}

int tpm_pcr_peek(Tpm *tpm, uint64_t mask, uint16_t bank, Reason *reason, TpmPcrs *ret)
{
    return tpm_pcr_read(&(TpmHandle){.tpm = tpm, .tr = ESYS_TR_NONE}, mask, bank, reason, ret);
}

int tpm_pcr_complete(const TpmHandle *session, const TpmPcrs *pcrs, uint64_t also, Reason *reason,
                     TpmPcrs *ret)
{
    /* In order of preference. SHA-1 is for TPMs that have nothing better, as it is in systemd. */
    static const uint16_t preferred[] = {TPM_ALGORITHM_SHA256, TPM_ALGORITHM_SHA1};
    const uint16_t *banks = pcrs->bank != 0 ? &pcrs->bank : preferred;
    size_t count = pcrs->bank != 0 ? 1 : sizeof(preferred) / sizeof(preferred[0]);
    uint64_t mask = (pcrs->mask & ~pcrs->given) | also;
    TpmPcrs complete;
    int r = OUTCOME_TPM_UNABLE;

    /* Without PCRs no bank is used, but systemd expects one that it knows. */
    for (size_t i = 0; r == OUTCOME_TPM_UNABLE && i < count; i++)
        r = tpm_pcr_read(session, mask, banks[i], reason, &complete);
    if (r != 0)
        return r;
    tpm_pcrs_take(pcrs, &complete);
    complete.mask = pcrs->mask;
    *ret = complete;
    return 0;
}

void tpm_note_weak_pcrs(Tpm *tpm, const TpmSealRequest *request, uint16_t bank,
                        const Observer *observer)
{
    uint64_t mask = request->pcrs.mask | request->public_key_mask;
    char numbers[TPM_PCR_TEXT_BYTES];
    TpmPcrs present;

    if (mask == 0)
        return;
    tpm_pcr_mask_format(mask, numbers);
    if (bank == TPM_ALGORITHM_SHA1 && request->pcrs.bank == 0)
        observer_note(observer,
                      "The TPM has no PCR %s in a bank of sha256: sealing for sha1, which is much "
                      "weaker.",
                      numbers);
    mask = (request->pcrs.mask & ~request->pcrs.given) | request->public_key_mask;
    if (tpm_begin(tpm, NULL) == 0 && tpm_pcr_peek(tpm, mask, bank, NULL, &present) == 0)
        tpm_note_unmeasured_pcrs(&present, mask, observer);
}
