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
#include "base/tpm_device.h"
#include "secret/secret.h"

#include <stdbool.h>

/* Bytes of a sealed key, and of a policy digest. */
#define TPM_KEY_BYTES    ((size_t)32)
#define TPM_POLICY_BYTES ((size_t)32)

/* Bytes of the name of a key: nameAlg, then the SHA-256 of its public area. */
#define TPM_NAME_BYTES   ((size_t)34)

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
#define TPM_PCR_COUNT     24U
#define TPM_PCR_MASK_ALL  ((UINT64_C(1) << TPM_PCR_COUNT) - 1)

/* The largest value of a PCR, bytes (SHA-512). */
#define TPM_PCR_BYTES_MAX ((size_t)64)

/* PCRs, and the values that some of them have or are to have. */
typedef struct TpmPcrs {
    uint64_t mask;
    uint64_t given; /* of MASK: those whose values stand below; the others' are the present ones */
    uint16_t bank;  /* TPM_ALGORITHM_SHA…; 0: SHA-256, or SHA-1 where the TPM has no better */
    uint8_t values[TPM_PCR_COUNT][TPM_PCR_BYTES_MAX]; /* by number */
} TpmPcrs;

struct json_object;

typedef struct Tpm Tpm;

/* Connects to DEVICE, a name as tpm_device_parse() takes it; a path must be a character device.
 * OUTCOME_USAGE; OUTCOME_TPM_UNREACHABLE if nobody answers. */
int tpm_new(const char *device, Reason *reason, Tpm **ret);
Tpm *tpm_free(Tpm *tpm);
DEFINE_CLEANUP(Tpm *, tpm_free);

/* A sealed key and what is needed to unseal it: the TPM parts of a credential's header, and what
 * the system has to offer. All fields are borrowed. */
typedef struct TpmSealedView {
    uint64_t pcr_mask;
    uint16_t pcr_bank;     /* TPM_ALGORITHM_SHA… */
    uint16_t primary_alg;  /* TPM_ALGORITHM_ECC or _RSA; which legacy primary, if not pinned */
    BytesView blob;        /* TPM2B_PRIVATE ‖ TPM2B_PUBLIC [‖ TPM2B_ENCRYPTED_SECRET] */
    BytesView policy_hash; /* TPM_POLICY_BYTES */
    BytesView srk;         /* pinned storage root key as Esys_TR_Serialize() gives it; or empty */
    BytesView public_key;  /* PEM: whoever signs the PCRs' policy; empty if nobody has to */
    uint64_t public_key_mask; /* with public_key: the PCRs that the signature speaks of */

    /* not of the header */
    BytesView signatures;    /* with public_key: a file that holds one; empty if there is none */
    const TpmPcrs *expected; /* values that are thought to be right, to tell which PCR differs if
                                the policy is not fulfilled; NULL if nothing is known */
} TpmSealedView;

/* Whether A and B are the same sealed key under the same policy: every field and every byte. */
bool tpm_sealed_view_equal(const TpmSealedView *a, const TpmSealedView *b);

/* Which sealed key it is, in a word that may be shown: the first digits of a digest of its blob.
 * All credentials that share it say the same, and one that is sealed anew says another. */
#define TPM_FINGERPRINT_BYTES ((size_t)17)
void tpm_sealed_fingerprint(const TpmSealedView *sealed, char text[TPM_FINGERPRINT_BYTES]);

/* The same, owned. */
typedef struct TpmSealed {
    uint64_t pcr_mask;
    uint16_t pcr_bank;
    uint16_t primary_alg;
    Bytes blob;
    Bytes policy_hash;
    Bytes srk;
    Bytes public_key;
    uint64_t public_key_mask;
} TpmSealed;

void tpm_sealed_done(TpmSealed *sealed); /* for _cleanup_ */
TpmSealedView tpm_sealed_view(const TpmSealed *sealed);
int tpm_sealed_dup(const TpmSealedView *view, TpmSealed *ret); /* -ENOMEM */

/* What a key is to be sealed for. All zeros: for this TPM, in whatever state. */
typedef struct TpmSealRequest {
    TpmPcrs pcrs;             /* with values that are given, or present ones */
    BytesView public_key;     /* PEM: and for what this key signs; empty: for no signature */
    uint64_t public_key_mask; /* with public_key: the PCRs that it signs for, at least one */
    bool pinned;              /* under the TPM's storage root key (systemd 262), not the legacy
                                 primary, under which systemd 252 to 262 unseal it */
} TpmSealRequest;

/* Makes a fresh key from CONTEXT's randomness and seals it. OUTCOME_USAGE for PCRs that there are
 * not, OUTCOME_MALFORMED for a public key that is none, OUTCOME_TPM_…: _UNABLE if the TPM does not
 * have the PCRs in the bank, _NO_SRK if it is to be pinned and there is none. */
int tpm_seal(Tpm *tpm, const Context *context, const TpmSealRequest *request, Reason *reason,
             TpmSealed *ret, Secret **ret_key);

/* Whether the TPM has a storage root key, which a pinned key is sealed under. OUTCOME_TPM_…. */
int tpm_has_srk(Tpm *tpm, Reason *reason, bool *ret);

/* Its protection against guessing, which also counts power cuts (dictionary attack lockout). */
typedef struct TpmHealth {
    bool locked_out;
    uint32_t failures;     /* that are remembered, */
    uint32_t failures_max; /* of which so many lock it, */
    uint32_t interval;     /* and one of which it forgets after so many seconds; 0: never */
} TpmHealth;

/* OUTCOME_TPM_…: _NEEDS_REBOOT if it is in failure mode. */
int tpm_health(Tpm *tpm, Reason *reason, TpmHealth *ret);

/* Unseals. OUTCOME_UNSUPPORTED if the policy is none that the header describes, OUTCOME_MALFORMED
 * for a blob, a public key or signatures that are not as they must be, and any OUTCOME_TPM_…:
 * _PCR_MISMATCH with the PCRs' numbers. */
int tpm_unseal(Tpm *tpm, const TpmSealedView *sealed, Reason *reason, Secret **ret_key);

/* Whether the key was sealed by the TPM that can unseal it, and not outside of it (tpm/wrap.h),
 * where others may know it. False for what is no sealed key. */
bool tpm_sealed_is_native(const TpmSealedView *sealed);

/* Parses "7", "0+2+4+7" (systemd 252 to 262) or "" (none), also with "," for "+": OUTCOME_USAGE if
 * it is anything else. */
int tpm_pcr_mask_parse(const char *text, Reason *reason, uint64_t *ret);

/* The same, each with a bank and a value if it is not to be the present one, as systemd-cryptenroll
 * has it: "7:sha256=HEX+4", "0+7:sha1". All are of one bank. */
int tpm_pcrs_parse(const char *text, Reason *reason, TpmPcrs *ret);

/* Puts those values that are given in FROM into PCRS, which has them in the same bank. */
void tpm_pcrs_take(const TpmPcrs *from, TpmPcrs *pcrs);

/* Writes "0+2+4+7" ("" for none) into TEXT. */
#define TPM_PCR_TEXT_BYTES ((size_t)80)
void tpm_pcr_mask_format(uint64_t mask, char text[TPM_PCR_TEXT_BYTES]);

/* [0, 2, 4, 7]; NULL if there is no memory. */
struct json_object *tpm_pcr_mask_to_json(uint64_t mask);

/* "sha256" and the like; "unknown" for others. */
const char *tpm_bank_name(uint16_t bank);

/* Bytes of a PCR in BANK; 0 if it is none that we know. */
size_t tpm_bank_digest_bytes(uint16_t bank);

/* The name (algorithm and digest) inside a pinned storage root key, borrowed. OUTCOME_MALFORMED if
 * it is none. */
int tpm_srk_name(BytesView srk, Reason *reason, BytesView *ret);
