/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys of a TPM that are accepted, and no others: the storage keys that systemd makes, and the
 * endorsement keys of the TCG EK Credential Profile for TPM Family 2.0 (version 2.6, Annex B). A
 * row says everything about a public area but the key itself. Pure.
 *
 * Of the profile's templates, H-4 (P-521) and H-5 (SM2) are missing.
 */

#include "base/bytes.h"
#include "crypto/ecdh.h"
#include "crypto/tcg.h"

/* The attributes of systemd's template for the legacy primary. */
#define TPM_LEGACY_ATTRIBUTES UINT32_C(0x00030072)

/* Key size of storage keys and salted sessions (AES-CFB), bits. */
#define TPM_AES_BITS          128U

typedef enum TpmStorageRole {
    TPM_STORAGE_SRK,    /* persistent at 0x81000001; works during a lockout */
    TPM_STORAGE_LEGACY, /* created for each use; systemd since 248 */
    /* Endorsement keys, for which nothing is sealed, by the range of their template. TPMs use the
     * former only in a session that meets the policy, the latter also with their empty password. */
    TPM_ENDORSEMENT_LOW,
    TPM_ENDORSEMENT_HIGH,
} TpmStorageRole;

typedef struct TpmKeyTemplate {
    const char *words;  /* "RSA-2048" */
    uint16_t algorithm; /* TPM_ALGORITHM_ECC or _RSA */
    TpmStorageRole role;
    uint16_t bits; /* of the modulus, or of a coordinate */
    EcdhCurve curve;
    TcgHash hash;         /* by which it is named */
    uint16_t cipher_bits; /* AES-CFB */
    uint32_t attributes;
    BytesView policy;
} TpmKeyTemplate;

/* The templates of endorsement keys, by their names in the profile. */
typedef enum TpmEndorsementKind {
    TPM_ENDORSEMENT_L1, /* RSA-2048 */
    TPM_ENDORSEMENT_L2, /* P-256 */
    TPM_ENDORSEMENT_H1, /* RSA-2048 */
    TPM_ENDORSEMENT_H2, /* P-256 */
    TPM_ENDORSEMENT_H3, /* P-384 */
    TPM_ENDORSEMENT_H6, /* RSA-3072 */
    TPM_ENDORSEMENT_H7, /* RSA-4096 */
    _TPM_ENDORSEMENT_MAX,
} TpmEndorsementKind;

extern const TpmKeyTemplate tpm_endorsement_templates[_TPM_ENDORSEMENT_MAX];

#define TPM_STORAGE_TEMPLATES ((size_t)4)
extern const TpmKeyTemplate tpm_storage_templates[TPM_STORAGE_TEMPLATES];
