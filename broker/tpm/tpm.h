/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A TPM, and the two things that are done with it: seal a fresh key, and unseal one.
 *
 * Objects are as systemd makes and loads them (docs/FORMAT.md, "TPM objects"), so that either reads
 * what the other wrote. Each call leaves no handle and no session behind, on any path. The sealed
 * key crosses the bus only under session encryption, salted with the storage key.
 *
 * Calls block for as long as the chip takes: a daemon makes them in a process of its own, see
 * server/tpm_job.h.
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"
#include "secret/secret.h"

/* The default TCTI: the kernel's resource manager. */
#define TPM_DEFAULT_DEVICE "/dev/tpmrm0"

/* Bytes of a sealed key, and of a policy digest. */
#define TPM_KEY_BYTES      ((size_t)32)
#define TPM_POLICY_BYTES   ((size_t)32)

/* TPM_ALG_ID values that occur in credential headers. */
enum {
    TPM_ALGORITHM_RSA = 0x0001,
    TPM_ALGORITHM_SHA1 = 0x0004,
    TPM_ALGORITHM_SHA256 = 0x000b,
    TPM_ALGORITHM_SHA384 = 0x000c,
    TPM_ALGORITHM_SHA512 = 0x000d,
    TPM_ALGORITHM_ECC = 0x0023,
};

/* PCR numbers in a mask: bit N is PCR N. */
#define TPM_PCR_COUNT    24U
#define TPM_PCR_MASK_ALL ((UINT64_C(1) << TPM_PCR_COUNT) - 1)

typedef struct Tpm Tpm;

/* Connects. DEVICE is a path ("/dev/tpmrm0"), a TCTI with its configuration
 * ("swtpm:host=127.0.0.1,port=2321"), or NULL or "auto" for TPM_DEFAULT_DEVICE.
 * OUTCOME_TPM_UNREACHABLE if nobody answers. */
int tpm_new(const char *device, Reason *reason, Tpm **ret);
Tpm *tpm_free(Tpm *tpm);
DEFINE_CLEANUP(Tpm *, tpm_free);

/* A sealed key and what is needed to unseal it: the TPM part of a credential's header. All fields
 * are borrowed. */
typedef struct TpmSealedView {
    uint64_t pcr_mask;
    uint16_t pcr_bank;     /* TPM_ALGORITHM_SHA… */
    uint16_t primary_alg;  /* TPM_ALGORITHM_ECC or _RSA; which legacy primary, if not pinned */
    BytesView blob;        /* TPM2B_PRIVATE ‖ TPM2B_PUBLIC [‖ TPM2B_ENCRYPTED_SECRET] */
    BytesView policy_hash; /* TPM_POLICY_BYTES */
    BytesView
        srk; /* pinned storage root key as Esys_TR_Serialize() gives it; empty if not pinned */
} TpmSealedView;

/* The same, owned. */
typedef struct TpmSealed {
    uint64_t pcr_mask;
    uint16_t pcr_bank;
    uint16_t primary_alg;
    Bytes blob;
    Bytes policy_hash;
    Bytes srk;
} TpmSealed;

void tpm_sealed_done(TpmSealed *sealed); /* for _cleanup_ */
TpmSealedView tpm_sealed_view(const TpmSealed *sealed);

/* Makes a fresh key from CONTEXT's randomness and seals it for the PCRs of PCR_MASK (0: none) as
 * they are now, in SHA256's bank, or SHA1's where the TPM has no other, under the legacy primary,
 * so that systemd 252 to 262 unseal it. */
int tpm_seal(Tpm *tpm, const Context *context, uint64_t pcr_mask, Reason *reason, TpmSealed *ret,
             Secret **ret_key);

/* Unseals. For kinds without a public key: the header does not describe other policies than PCRs.
 * OUTCOME_UNSUPPORTED if the policy is another one. OUTCOME_TPM_FOREIGN, _PCR_MISMATCH (with the
 * PCRs' numbers), _LOCKOUT, _BUSY, _NO_SRK, _UNREACHABLE, _FAILED, OUTCOME_MALFORMED for a blob
 * that is not one. */
int tpm_unseal(Tpm *tpm, const TpmSealedView *sealed, Reason *reason, Secret **ret_key);

/* Parses "7", "0+2+4+7" (systemd 252 to 262) or "" (none), also with "," for "+": OUTCOME_USAGE if
 * it is anything else. */
int tpm_pcr_mask_parse(const char *text, Reason *reason, uint64_t *ret);

/* Writes "0+2+4+7" ("" for none) into TEXT. */
#define TPM_PCR_TEXT_BYTES ((size_t)80)
void tpm_pcr_mask_format(uint64_t mask, char text[TPM_PCR_TEXT_BYTES]);

/* "sha256" and the like; "unknown" for others. */
const char *tpm_bank_name(uint16_t bank);

/* The name (algorithm and digest) inside a pinned storage root key, borrowed. OUTCOME_MALFORMED if
 * it is none. */
int tpm_srk_name(BytesView srk, Reason *reason, BytesView *ret);
