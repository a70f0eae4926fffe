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
#include "tpm/key_template.h"
#include "tpm/tpm.h"

/* The handle of the storage root key (TCG TPM v2.0 Provisioning Guidance, 7.5.1). */
#define TPM_SRK_HANDLE            UINT32_C(0x81000001)

/* Limit for the TPM2B_PUBLIC of a storage key, bytes; RSA-2048 has 284. */
#define TPM_PUBLIC_MAX_BYTES      ((size_t)512)

/* Limit for the TPM2B_PUBLIC of an endorsement key, bytes; RSA-4096 has 586. */
#define TPM_ENDORSEMENT_MAX_BYTES ((size_t)640)

typedef struct TpmStorageKey {
    uint16_t algorithm;  /* TPM_ALGORITHM_ECC or _RSA */
    TpmStorageRole role; /* these two are also in TEMPLATE */
    const TpmKeyTemplate *template;
    EcdhPoint point;              /* ECC */
    BytesView modulus;            /* RSA; borrowed, big-endian */
    uint32_t exponent;            /* RSA */
    BytesView area;               /* TPMT_PUBLIC, borrowed */
    uint8_t name[TPM_NAME_BYTES]; /* zeros if it is by SHA-384, since nothing needs that one */
} TpmStorageKey;

/* Parses a TPM2B_PUBLIC. OUTCOME_MALFORMED; -EIO, -ENOMEM from libcrypto. */
int tpm_storage_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret);

/* Parses the TPM2B_PUBLIC of an endorsement key by one of tpm_endorsement_templates, and nothing
 * else, because only a restricted key that cannot leave its TPM proves anything. OUTCOME_MALFORMED;
 * -EIO, -ENOMEM. */
int tpm_endorsement_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret);

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
