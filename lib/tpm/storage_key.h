/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The public part of a storage key, as a host hands it out so that others can seal to its TPM.
 *
 * Pure. What sealing needs of such a key is read out of it, and whatever is not one of the two keys
 * that systemd makes is refused: whoever seals to something else seals to nobody, or to everybody.
 * The keys are P-256 or RSA-2048, named by SHA-256, with AES-128-CFB, an empty policy, and the
 * attributes of systemd's templates. That the key is the right host's is for the caller to know.
 *
 * A P-256 key with a changed bit is found out, since its point is off the curve; one of RSA is not,
 * which is why identities give the name along (credential/identity.h). TCG TPM 2.0 Library, Part 2,
 * 12.2; docs/FORMAT.md, "TPM objects".
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "crypto/ecdh.h"
#include "tpm/tpm.h"

/* A TPM2B_PUBLIC of a storage key, bytes: RSA-2048's has 284. */
#define TPM_PUBLIC_MAX_BYTES ((size_t)512)

typedef enum TpmStorageRole {
    TPM_STORAGE_SRK,    /* persistent at 0x81000001; a lockout does not stop it */
    TPM_STORAGE_LEGACY, /* made anew for each use, as systemd does since 248 */
} TpmStorageRole;

typedef struct TpmStorageKey {
    uint16_t algorithm; /* TPM_ALGORITHM_ECC or _RSA */
    TpmStorageRole role;
    EcdhPoint point;   /* ECC */
    BytesView modulus; /* RSA; borrowed, big-endian */
    uint32_t exponent; /* RSA */
    BytesView area;    /* TPMT_PUBLIC, borrowed */
    uint8_t name[TPM_NAME_BYTES];
} TpmStorageKey;

/* Reads a TPM2B_PUBLIC. OUTCOME_MALFORMED, with what is wrong; -EIO, -ENOMEM from libcrypto. */
int tpm_storage_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret);

/* The key as pinned credentials have it: what Esys_TR_Serialize() gives for it at TPM_SRK_HANDLE.
 * -ENOMEM. */
int tpm_storage_key_pin(const TpmStorageKey *key, Bytes *ret);
