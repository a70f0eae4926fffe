/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the modules of the TPM layer: the connection, handles that release themselves, storage
 * keys, sessions and the meaning of return codes. Not for other layers.
 *
 * Every object and session is in a TpmHandle as soon as the TPM has created it, so that every path
 * out of a function releases it.
 */

#include "tpm/signer.h"
#include "tpm/storage_key.h"
#include "tpm/tpm.h"

#include <stdbool.h>
#include <tss2/tss2_esys.h>

/* How often a policy or a set of PCR values is read again because a PCR changed in the meantime. */
#define TPM_PCR_ATTEMPTS 30

/* A transport for tpm2-tss that repeats commands while the TPM is busy (retry.c). */
typedef struct TpmRetry {
    TSS2_TCTI_CONTEXT_COMMON_V2 common; /* must be first: this is the transport */
    TSS2_TCTI_CONTEXT *tcti;            /* the real one */
    uint64_t patience_usec;             /* per operation, LIMIT_TPM_PATIENCE_USEC */
    uint64_t left_usec;                 /* left for this operation */
    size_t command_size;
    size_t response_size; /* 0 until there is one */
    uint8_t command[TPM2_MAX_COMMAND_SIZE];
    uint8_t response[TPM2_MAX_RESPONSE_SIZE];
} TpmRetry;

struct Tpm {
    TpmRetry transport;
    ESYS_CONTEXT *esys; /* during an operation */
};

/* The arguments of a command that no session authorises, encrypts or audits. */
#define NO_SESSIONS ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE

/* Frees what ESYS allocated. */
static inline void esys_freep(void *pointer)
{
    Esys_Free(*(void **)pointer);
}

/* --- connection (tpm.c) --- */

/* Takes over TCTI, even on failure. For tests that intercept commands; programs call tpm_new(). */
int tpm_new_take_tcti(TSS2_TCTI_CONTEXT *tcti, Reason *reason, Tpm **ret);

/* Creates a new ESYS context for one operation, because a context refuses all further commands
 * after a broken connection or an invalid response. Sends nothing. */
int tpm_begin(Tpm *tpm, Reason *reason);

/* Whether TPM reports its status, which it does unless it is in failure mode. */
bool tpm_is_well(Tpm *tpm);

/* Overwrites copies of BYTES in the contexts of tpm2-tss, which frees them without wiping. */
void tpm_scrub(Tpm *tpm, BytesView bytes);

/* --- patience (retry.c) --- */

/* Puts RETRY between tpm2-tss and TCTI, which is borrowed. */
void tpm_retry_init(TpmRetry *retry, TSS2_TCTI_CONTEXT *tcti);

/* --- handles (session.c) --- */

/* Empty if zeroed. */
typedef struct TpmHandle {
    Tpm *tpm;
    ESYS_TR tr;
    bool persistent; /* not flushed */
} TpmHandle;

/* Flushes the object of HANDLE, or only releases it if it is persistent; for _cleanup_. */
void tpm_handle_done(TpmHandle *handle);

/* Forgets a session that the TPM has ended, without sending a command. */
void tpm_handle_forget(TpmHandle *handle);

/* Opens the persistent object or NV index NUMBER. */
TSS2_RC tpm_handle_open(Tpm *tpm, TPM2_HANDLE number, TpmHandle *ret);

/* Writes AREA as TPM2B_PUBLIC; reads that of the object of HANDLE. */
int tpm_public_write(const TPM2B_PUBLIC *area, Reason *reason, Bytes *ret);
int tpm_public_read(const TpmHandle *handle, const char *doing, Reason *reason, Bytes *ret);

/* --- primary keys (primary.c) --- */

/* The public area that the TPM gets to create a key of TEMPLATE. */
TPMT_PUBLIC tpm_template_area(const TpmKeyTemplate *template);

/* Creates a primary key in HIERARCHY. RET_AREA, which ESYS allocates, may be NULL. */
TSS2_RC tpm_primary_create(Tpm *tpm, ESYS_TR hierarchy, const TPMT_PUBLIC *template, TpmHandle *ret,
                           TPM2B_PUBLIC **ret_area);

/* Whether RC is tpm_primary_create()'s for an area that the TPM does not accept. */
bool tpm_primary_is_refused(TSS2_RC rc);

/* Creates the legacy primary with ALGORITHM (TPM_ALGORITHM_ECC or _RSA). OUTCOME_TPM_UNABLE if the
 * TPM does not accept the template. */
int tpm_primary_new_legacy(Tpm *tpm, uint16_t algorithm, Reason *reason, TpmHandle *ret);

/* The same with P-256 if the TPM accepts that, else RSA, like systemd. */
int tpm_primary_new_default(Tpm *tpm, Reason *reason, TpmHandle *ret, uint16_t *ret_algorithm);

/* Loads the pinned storage root key from SRK, its serialised handle, without asking the TPM. */
int tpm_primary_new_pinned(Tpm *tpm, BytesView srk, Reason *reason, TpmHandle *ret);

/* Reads the storage root key from the TPM, and its serialised handle for headers. This is not
 * authenticated: an interposer can substitute its own key, as it can for systemd.
 * OUTCOME_TPM_NO_SRK if there is none. */
int tpm_primary_new_srk(Tpm *tpm, Reason *reason, TpmHandle *ret, Bytes *ret_srk,
                        uint16_t *ret_algorithm);

/* tpm_response() for a command that uses the storage root key or an NV index, which also seem to be
 * missing if the owner hierarchy is switched off. OUTCOME_TPM_NO_SRK if they are missing. */
int tpm_primary_response(Tpm *tpm, TSS2_RC rc, const char *doing, Reason *reason);

/* --- endorsement keys (endorsement_key.c) --- */

/* Takes the unique part of the template in NV, a TPMT_PUBLIC and perhaps more, to AREA. False if it
 * differs from AREA in anything else. Pure. */
bool tpm_endorsement_adopt(BytesView nv, TPMT_PUBLIC *area);

/* The size of the certificate at the start of NV, since vendors fill the rest of the index; 0 if
 * there is none. Pure. */
size_t tpm_certificate_size(BytesView nv);

/* Creates the endorsement key of TEMPLATE, or finds a persistent one of the high range if the
 * endorsement hierarchy has a password, and returns its TPM2B_PUBLIC. OUTCOME_TPM_UNABLE if the TPM
 * does not accept the template, or has another one in NV. */
int tpm_endorsement_new(Tpm *tpm, const TpmKeyTemplate *template, Reason *reason, TpmHandle *ret,
                        Bytes *ret_area);

/* tpm_response() for a command that the endorsement hierarchy authorises. OUTCOME_TPM_PASSWORD,
 * OUTCOME_TPM_DISABLED. */
int tpm_endorsement_response(TSS2_RC rc, const char *doing, Reason *reason);

/* --- NV indices (nv.c) --- */

/* Reads the NV index NUMBER with its empty password. Leaves RET alone if there is none, or nobody
 * wrote to it. OUTCOME_TOO_LARGE if it has more than MAX bytes. */
int tpm_nv_read(Tpm *tpm, TPM2_HANDLE number, size_t max, const char *doing, Reason *reason,
                Bytes *ret);

/* --- sessions (session.c) --- */

/* Starts a session that is salted with PRIMARY, so that only this TPM and we know its key. TYPE is
 * TPM2_SE_HMAC, to read PCRs, or TPM2_SE_POLICY, to unseal. */
int tpm_session_start(const TpmHandle *primary, TPM2_SE type, Reason *reason, TpmHandle *ret);

int tpm_session_set_attributes(const TpmHandle *session, TPMA_SESSION attributes, Reason *reason);

/* tpm_response() for a command that the session authorises: an authorisation failure then means
 * another session key, or modified messages, instead of a wrong password. */
int tpm_session_response(TSS2_RC rc, const char *doing, Reason *reason);

/* --- PCRs (pcr_read.c) --- */

/* Runs TPM2_PolicyPCR for the current values of MASK in BANK. */
TSS2_RC tpm_pcr_policy(const TpmHandle *session, uint64_t mask, uint16_t bank);

/* Reads the current PCRs of MASK in BANK, all of the same moment. SESSION (HMAC, attribute audit)
 * prevents changes on the way. OUTCOME_TPM_UNABLE if the TPM does not have them. */
int tpm_pcr_read(const TpmHandle *session, uint64_t mask, uint16_t bank, Reason *reason,
                 TpmPcrs *ret);

/* The same without a session. Only for explanations, not for sealing. */
int tpm_pcr_peek(Tpm *tpm, uint64_t mask, uint16_t bank, Reason *reason, TpmPcrs *ret);

/* Completes PCRS (there may be none) with current values. RET's bank is that of PCRS, or the first
 * that has these PCRs and those of ALSO. OUTCOME_TPM_UNABLE if none has. */
int tpm_pcr_complete(const TpmHandle *session, const TpmPcrs *pcrs, uint64_t also, Reason *reason,
                     TpmPcrs *ret);

/* Reports that the TPM lacks the PCRs of MASK in BANK. Returns OUTCOME_TPM_UNABLE. */
int tpm_pcr_unable(uint64_t mask, uint16_t bank, Reason *reason);

/* --- PCRs that have changed (mismatch.c) --- */

/* Writes to REASON which literal PCRs of SEALED differ, if that can be known, and what usually
 * changes them. Returns OUTCOME_TPM_PCR_MISMATCH, or OUTCOME_TPM_UNABLE if the TPM lacks the PCRs
 * in that bank. */
int tpm_pcr_mismatch(Tpm *tpm, const TpmSealedView *sealed, Reason *reason);

/* Appends to REASON what usually changes the PCRs of MASK. */
void tpm_pcr_append_causes(uint64_t mask, Reason *reason);

/* --- signed policies (authorize.c) --- */

/* Meets the signed part of SEALED's policy, which must be the first part, in SESSION: PolicyPCR,
 * then PolicyAuthorize with a signature of the result. SIGNER is SEALED's public key.
 * OUTCOME_TPM_NO_SIGNATURE, _PCR_MISMATCH. */
int tpm_authorize(const TpmHandle *session, const TpmSealedView *sealed, const TpmSigner *signer,
                  Reason *reason);

/* --- return codes (response.c) --- */

/* Returns the outcome of RC, 0 for success, or -ENOMEM. Writes DOING ("loading the sealed
 * key") and a sentence to REASON. */
int tpm_response(TSS2_RC rc, const char *doing, Reason *reason);

/* RC without the number of its handle, session or parameter, for comparison with TPM2_RC_…; 0 if
 * the code is not the TPM's own. */
TSS2_RC tpm_response_base(TSS2_RC rc);

/* The parameter number in RC, from 1; 0 if there is none. */
unsigned tpm_response_parameter(TSS2_RC rc);
