/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Storage keys: the public part that a host publishes so that others can seal for its TPM, and the
 * pinned storage root key in a header. Pure.
 *
 * tpm_storage_key_parse() parses what sealing needs, and refuses everything but the two keys that
 * systemd makes: sealing for another key seals for nobody, or for everybody. The keys are P-256 or
 * RSA-2048, named by SHA-256, with AES-128-CFB, an empty policy and the attributes of systemd's
 * templates. The caller must know that the key belongs to the right host.
 *
 * A changed bit in a P-256 key is detected, since its point is then off the curve. In an RSA key it
 * is not, which is why identities also contain the name (credential/identity.h). TCG TPM 2.0
 * Library, Part 2, 12.2; docs/FORMAT.md, "TPM objects".
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "crypto/ecdh.h"
#include "tpm/tpm.h"

/* The handle of the storage root key (TCG TPM v2.0 Provisioning Guidance, 7.5.1). */
#define TPM_SRK_HANDLE                  UINT32_C(0x81000001)

/* The attributes of systemd's template for the legacy primary. */
#define TPM_LEGACY_ATTRIBUTES           UINT32_C(0x00030072)

/* The attributes of endorsement keys' templates, of the low and the high range: TPMs use the former
 * only in a session that meets the policy, the latter also with their empty password. */
#define TPM_ENDORSEMENT_LOW_ATTRIBUTES  UINT32_C(0x000300b2)
#define TPM_ENDORSEMENT_HIGH_ATTRIBUTES UINT32_C(0x000300f2)

/* Key size of storage keys and salted sessions (AES-CFB), bits. */
#define TPM_AES_BITS                    128U

/* Limit for the TPM2B_PUBLIC of a storage key, bytes; RSA-2048 has 284. */
#define TPM_PUBLIC_MAX_BYTES            ((size_t)512)

typedef enum TpmStorageRole {
    TPM_STORAGE_SRK,    /* persistent at 0x81000001; works during a lockout */
    TPM_STORAGE_LEGACY, /* created for each use; systemd since 248 */
    /* endorsement keys, for which nothing is sealed, by the range of their template */
    TPM_ENDORSEMENT_LOW,
    TPM_ENDORSEMENT_HIGH,
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

/* Parses the TPM2B_PUBLIC of an endorsement key: P-256 or RSA-2048, by the templates L-1, L-2, H-1
 * or H-2 of the TCG EK Credential Profile, and nothing else, because only a restricted key that
 * cannot leave its TPM proves anything. The other sizes of the high range, which are named by
 * SHA-384, are refused, too. OUTCOME_MALFORMED; -EIO, -ENOMEM. */
int tpm_endorsement_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret);

/* The policy of the endorsement keys of ROLE. */
BytesView tpm_endorsement_policy(TpmStorageRole role);

/* A pinned storage root key, as it is in a header: the output of Esys_TR_Serialize() for a storage
 * key at TPM_SRK_HANDLE. Borrowed. */
typedef struct TpmSrk {
    uint16_t algorithm; /* TPM_ALGORITHM_ECC or _RSA */
    BytesView name;     /* algorithm and digest */
    BytesView public;   /* TPM2B_PUBLIC */
} TpmSrk;

/* OUTCOME_MALFORMED unless SRK is such a key, of any size that TPMs support, and its name is the
 * digest of its public area. */
int tpm_srk_parse(BytesView srk, Reason *reason, TpmSrk *ret);

/* Formats the key for pinned credentials. -ENOMEM. */
int tpm_storage_key_pin(const TpmStorageKey *key, Bytes *ret);
