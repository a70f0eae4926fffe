/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The public part of a storage key, which a host publishes so that others can seal for its TPM.
 *
 * Pure. Parses what sealing needs, and refuses everything but the two keys that systemd makes:
 * sealing for another key seals for nobody, or for everybody. The keys are P-256 or RSA-2048, named
 * by SHA-256, with AES-128-CFB, an empty policy and the attributes of systemd's templates. The
 * caller must know that the key belongs to the right host.
 *
 * A changed bit in a P-256 key is detected, since its point is then off the curve. In an RSA key it
 * is not, which is why identities also contain the name (credential/identity.h). TCG TPM 2.0
 * Library, Part 2, 12.2; docs/FORMAT.md, "TPM objects".
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "crypto/ecdh.h"
#include "tpm/tpm.h"

/* Limit for the TPM2B_PUBLIC of a storage key, bytes; RSA-2048 has 284. */
#define TPM_PUBLIC_MAX_BYTES ((size_t)512)

typedef enum TpmStorageRole {
    TPM_STORAGE_SRK,    /* persistent at 0x81000001; works during a lockout */
    TPM_STORAGE_LEGACY, /* created for each use; systemd since 248 */
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

/* Parses a TPM2B_PUBLIC. OUTCOME_MALFORMED; -EIO, -ENOMEM from libcrypto. */
int tpm_storage_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret);

/* Formats the key for pinned credentials: the output of Esys_TR_Serialize() for it at
 * TPM_SRK_HANDLE. -ENOMEM. */
int tpm_storage_key_pin(const TpmStorageKey *key, Bytes *ret);
