/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the modules of the TPM layer share: the connection, handles that let go of themselves, the
 * storage keys, sessions and the meaning of return codes. Not for other layers.
 *
 * Every object and session lives in a TpmHandle from the moment that the TPM hands it out, so that
 * each path out of a function gives it back.
 */

#include "tpm/export.h"
#include "tpm/signer.h"
#include "tpm/tpm.h"

#include <stdbool.h>
#include <tss2/tss2_esys.h>

/* Bits of a salted session's and a storage key's cipher (AES-CFB). */
#define TPM_AES_BITS     128U

/* How often a policy or a set of PCR values is read again because a PCR changed meanwhile. */
#define TPM_PCR_ATTEMPTS 30

/* A transport for tpm2-tss that sends commands again which the TPM has no time for (retry.c). */
typedef struct TpmRetry {
    TSS2_TCTI_CONTEXT_COMMON_V2 common; /* first: this is the transport */
    TSS2_TCTI_CONTEXT *tcti;            /* the real one */
    uint64_t patience_usec;             /* for an operation, LIMIT_TPM_PATIENCE_USEC */
    uint64_t left_usec;                 /* of that, for this operation */
    size_t command_size;
    size_t response_size; /* 0 until there is one */
    uint8_t command[TPM2_MAX_COMMAND_SIZE];
    uint8_t response[TPM2_MAX_RESPONSE_SIZE];
} TpmRetry;

struct Tpm {
    TpmRetry transport;
    ESYS_CONTEXT *esys; /* during an operation */
};

/* What ESYS allocates. */
static inline void esys_freep(void *pointer)
{
    Esys_Free(*(void **)pointer);
}

/* --- connection (tpm.c) --- */

/* Takes over TCTI, on failure too. For tests that listen in; programs call tpm_new(). */
int tpm_new_take_tcti(TSS2_TCTI_CONTEXT *tcti, Reason *reason, Tpm **ret);

/* Makes TPM's ESYS context anew, for one operation: one that has met a broken connection or an
 * answer that makes no sense refuses everything from then on. Sends nothing. */
int tpm_begin(Tpm *tpm, Reason *reason);

/* Whether TPM answers to how it is, and not that it has failed: it is not in failure mode. */
bool tpm_is_well(Tpm *tpm);

/* Overwrites the copies of BYTES that tpm2-tss keeps in its contexts, which it frees unwiped. */
void tpm_scrub(Tpm *tpm, BytesView bytes);

/* --- patience (retry.c) --- */

/* Puts RETRY between tpm2-tss and TCTI, which is borrowed. */
void tpm_retry_init(TpmRetry *retry, TSS2_TCTI_CONTEXT *tcti);

/* --- handles (handle.c) --- */

/* A zeroed one holds nothing. */
typedef struct TpmHandle {
    Tpm *tpm;
    ESYS_TR tr;
    bool persistent; /* stays in the TPM when we let go */
} TpmHandle;

/* Flushes what HANDLE holds, or lets go of it if it is persistent; for _cleanup_. */
void tpm_handle_done(TpmHandle *handle);

/* Forgets a session that the TPM has ended by itself: no command is sent. */
void tpm_handle_forget(TpmHandle *handle);

/* --- storage keys (primary.c) --- */

/* Makes the legacy primary with ALGORITHM (TPM_ALGORITHM_ECC or _RSA). OUTCOME_TPM_UNABLE if the
 * TPM does not take the template. */
int tpm_primary_new_legacy(Tpm *tpm, uint16_t algorithm, Reason *reason, TpmHandle *ret);

/* The pinned storage root key as SRK, the serialised handle, describes it; the TPM is not asked. */
int tpm_primary_new_pinned(Tpm *tpm, BytesView srk, Reason *reason, TpmHandle *ret);

/* The storage root key that the TPM has now, and its serialised handle for headers. It is read from
 * the TPM without authentication: whoever sits in between can put in his own, as he can for
 * systemd. OUTCOME_TPM_NO_SRK if there is none. */
int tpm_primary_new_srk(Tpm *tpm, Reason *reason, TpmHandle *ret, Bytes *ret_srk);

/* tpm_response() for a command that uses the storage root key, which seems to be missing as well if
 * the owner hierarchy is switched off. */
int tpm_primary_response(Tpm *tpm, TSS2_RC rc, const char *doing, Reason *reason);

/* --- sessions (session.c) --- */

/* Starts a session whose key is salted for PRIMARY, so that only this TPM and we know it.
 * TYPE is TPM2_SE_HMAC or TPM2_SE_POLICY, ATTRIBUTES the TPMA_SESSION_… of its next use. */
int tpm_session_start(const TpmHandle *primary, TPM2_SE type, TPMA_SESSION attributes,
                      Reason *reason, TpmHandle *ret);

int tpm_session_set_attributes(const TpmHandle *session, TPMA_SESSION attributes, Reason *reason);

/* tpm_response() for a command that the session authorises: where others have a wrong password,
 * this has another session key, or messages that were changed. */
int tpm_session_response(TSS2_RC rc, const char *doing, Reason *reason);

/* --- sealing (seal.c) --- */

/* tpm_seal() of KEY under any storage key; REQUEST's .pinned does not matter. */
int tpm_seal_under(const TpmHandle *primary, const Secret *key, const TpmSealRequest *request,
                   Reason *reason, TpmSealed *ret);

/* --- PCRs (pcr_read.c) --- */

/* MASK of BANK as the TPM's structure. */
void tpm_pcr_selection(uint64_t mask, uint16_t bank, TPML_PCR_SELECTION *ret);

/* The PCRs of MASK in BANK as they are now, all of one moment. SESSION (HMAC, attribute audit) lets
 * nobody on the way change them. OUTCOME_TPM_UNABLE if the TPM does not have them. */
int tpm_pcr_read(const TpmHandle *session, uint64_t mask, uint16_t bank, Reason *reason,
                 TpmPcrs *ret);

/* The same without a session: to explain things, not to seal. */
int tpm_pcr_peek(Tpm *tpm, uint64_t mask, uint16_t bank, Reason *reason, TpmPcrs *ret);

/* PCRS (which may be none) with all values given: those that are not are read. RET's bank is
 * PCRS' own, or the first that has these PCRs and those of ALSO. OUTCOME_TPM_UNABLE if none has. */
int tpm_pcr_complete(const TpmHandle *session, const TpmPcrs *pcrs, uint64_t also, Reason *reason,
                     TpmPcrs *ret);

/* Says that the TPM does not have the PCRs of MASK in BANK, OUTCOME_TPM_UNABLE. */
int tpm_pcr_unable(uint64_t mask, uint16_t bank, Reason *reason);

/* --- PCRs that have changed (mismatch.c) --- */

/* OUTCOME_TPM_PCR_MISMATCH: says in REASON which of the literal PCRs of SEALED differ, as far as
 * that can be known, and what usually changes them. OUTCOME_TPM_UNABLE if the TPM does not have the
 * PCRs in that bank. */
int tpm_pcr_mismatch(Tpm *tpm, const TpmSealedView *sealed, Reason *reason);

/* Appends to REASON what usually changes the PCRs of MASK. */
void tpm_pcr_append_causes(uint64_t mask, Reason *reason);

/* --- signed policies (authorize.c) --- */

/* Fulfils the signed part of SEALED's policy, which must be the first part, in SESSION: PolicyPCR,
 * and PolicyAuthorize by a signature of what came out. SIGNER is SEALED's public key.
 * OUTCOME_TPM_NO_SIGNATURE, _PCR_MISMATCH. */
int tpm_authorize(const TpmHandle *session, const TpmSealedView *sealed, const TpmSigner *signer,
                  Reason *reason);

/* --- return codes (response.c) --- */

/* RC's outcome, or -ENOMEM; DOING ("loading the sealed key") and a sentence go into REASON. RC is
 * not success. */
int tpm_response(TSS2_RC rc, const char *doing, Reason *reason);

/* RC without the number of the handle, session or parameter that it speaks of, for comparison with
 * TPM2_RC_…; 0 if it is not the TPM's own. */
TSS2_RC tpm_response_base(TSS2_RC rc);

/* The number of the parameter, from 1, that RC speaks of; 0 if it is about none. */
unsigned tpm_response_parameter(TSS2_RC rc);
