/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A TPM, with its two operations: seal a fresh key, and unseal one.
 *
 * Objects have systemd's format (docs/FORMAT.md, "TPM objects"), so that systemd and we read each
 * other's. No call leaves a handle or a session behind, on any path. The sealed key crosses the bus
 * only under session encryption, salted with the storage key.
 *
 * Calls block for as long as the chip takes, so programs make them in a child process, see
 * tpm_child.h.
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/observer.h"
#include "base/outcome.h"
#include "base/tpm_device.h"
#include "secret/secret.h"

#include <stdbool.h>

/* Size of a sealed key, and of a policy digest. */
#define TPM_KEY_BYTES    ((size_t)32)
#define TPM_POLICY_BYTES ((size_t)32)

/* Size of the name of a key: nameAlg, then the SHA-256 of its public area. */
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

/* Size of the largest PCR value (SHA-512). */
#define TPM_PCR_BYTES_MAX ((size_t)64)

/* PCRs, and values for some of them. */
typedef struct TpmPcrs {
    uint64_t mask;
    uint64_t given; /* the part of MASK with a value below; the others have their current values */
    uint16_t bank;  /* TPM_ALGORITHM_SHA…; 0: SHA-256, or SHA-1 if the TPM has nothing better */
    uint8_t values[TPM_PCR_COUNT][TPM_PCR_BYTES_MAX]; /* by number */
} TpmPcrs;

struct json_object;

typedef struct Tpm Tpm;

/* Connects to DEVICE, a name as tpm_device_parse() takes it; a path must be a character device.
 * OUTCOME_USAGE; OUTCOME_TPM_UNREACHABLE if nobody answers. */
int tpm_new(const char *device, Reason *reason, Tpm **ret);
Tpm *tpm_free(Tpm *tpm);
DEFINE_CLEANUP(Tpm *, tpm_free);

/* A sealed key and everything needed to unseal it: the TPM sections of a credential's header, and
 * data of this system. All fields are borrowed. */
typedef struct TpmSealedView {
    uint64_t pcr_mask;
    uint16_t pcr_bank;        /* TPM_ALGORITHM_SHA… */
    uint16_t primary_alg;     /* TPM_ALGORITHM_ECC or _RSA; which legacy primary, if not pinned */
    BytesView blob;           /* TPM2B_PRIVATE ‖ TPM2B_PUBLIC [‖ TPM2B_ENCRYPTED_SECRET] */
    BytesView policy_hash;    /* TPM_POLICY_BYTES */
    BytesView srk;            /* pinned storage root key from Esys_TR_Serialize(), or empty */
    BytesView public_key;     /* PEM: the signer of the PCR policy, or empty */
    uint64_t public_key_mask; /* with public_key: the PCRs that the signature covers */

    /* not from the header */
    BytesView signatures;    /* with public_key: a file of signatures; empty if there is none */
    const TpmPcrs *expected; /* expected values, to explain which PCR differs if the policy is
                                not met; NULL if unknown */
} TpmSealedView;

/* Whether A and B are the same sealed key under the same policy, byte by byte. */
bool tpm_sealed_view_equal(const TpmSealedView *a, const TpmSealedView *b);

/* A name for a sealed key that may be shown: the first digits of a digest of its blob.
 * It is the same for all credentials that share the key, and another one after resealing with a
 * fresh key. */
#define TPM_FINGERPRINT_BYTES ((size_t)17)
typedef struct TpmKeyLabel {
    char fingerprint[TPM_FINGERPRINT_BYTES]; /* "" if there is no key */
    bool outside; /* sealed outside the TPM, so by anybody who knows its storage key */
} TpmKeyLabel;

TpmKeyLabel tpm_key_label(const TpmSealedView *sealed);

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
bool tpm_sealed_is(const TpmSealed *sealed, const TpmSealedView *view);

/* What to seal a key for. All zeros: for this TPM, in any state. */
typedef struct TpmSealRequest {
    TpmPcrs pcrs;             /* with given or current values */
    BytesView public_key;     /* PEM: also seal for what this key signs; empty: no signed policy */
    uint64_t public_key_mask; /* with public_key: the PCRs that it signs for, not 0 */
    bool pinned;              /* under the storage root key (systemd 262) instead of the legacy
                                 primary, which systemd 252 to 262 support */
} TpmSealRequest;

/* Makes a fresh key from CONTEXT's randomness and seals it. OUTCOME_USAGE for PCRs that do not
 * exist, OUTCOME_MALFORMED for an invalid public key, OUTCOME_TPM_…: _UNABLE if the TPM lacks the
 * PCRs in the bank, _NO_SRK if .pinned is set and there is no storage root key. */
int tpm_seal(Tpm *tpm, const Context *context, const TpmSealRequest *request, Reason *reason,
             TpmSealed *ret, Secret **ret_key);

/* Notes what makes the PCR policy of a key weak that was just sealed for REQUEST, in BANK: SHA-1,
 * which the request does not name, and PCRs into which nothing was measured. systemd warns of both,
 * too. */
void tpm_note_weak_pcrs(Tpm *tpm, const TpmSealRequest *request, uint16_t bank,
                        const Observer *observer);

/* Whether the TPM has a storage root key, which pinned keys need. OUTCOME_TPM_…. */
int tpm_has_srk(Tpm *tpm, Reason *reason, bool *ret);

/* The dictionary attack lockout, which also counts power cuts, and the passwords without which
 * whoever can open the device may clear the TPM (lockout) or evict its storage root key (owner). */
typedef struct TpmHealth {
    bool has_lockout_password;
    bool has_owner_password;
    bool locked_out;
    uint32_t failures;     /* failures counted so far */
    uint32_t failures_max; /* failures that lock the TPM */
    uint32_t interval;     /* seconds after which one failure is forgotten; 0: never */
    uint16_t pcr_bank; /* of the PCRs that firmware measures into: TPM_ALGORITHM_SHA256, or _SHA1
                          if the TPM has nothing better; 0: none */
    bool measured;     /* something was measured into them */
} TpmHealth;

/* OUTCOME_TPM_…: _NEEDS_REBOOT if it is in failure mode. */
int tpm_health(Tpm *tpm, Reason *reason, TpmHealth *ret);

/* What others need to seal for this TPM. None of it is secret.
 *
 * The PCRs are read through a session that is salted with the storage key, so that they come from
 * the TPM that has the key. We have to believe that this key belongs to the TPM: an interposer
 * could substitute its own, just as when the key is created. */
typedef struct TpmExport {
    Bytes srk;    /* TPM2B_PUBLIC of the key at 0x81000001; empty if there is none */
    Bytes legacy; /* TPM2B_PUBLIC of the legacy primary that systemd would use */
    TpmPcrs pcrs; /* those in the SHA-256 bank, all with values */
} TpmExport;

void tpm_export_done(TpmExport *export); /* for _cleanup_ */

/* OUTCOME_TPM_… as for tpm_seal(). */
int tpm_export(Tpm *tpm, Reason *reason, TpmExport *ret);

/* Unseals. OUTCOME_UNSUPPORTED if the header does not describe the policy, OUTCOME_MALFORMED for an
 * invalid blob, public key or signature file, and any OUTCOME_TPM_…: _PCR_MISMATCH names the PCRs.
 */
int tpm_unseal(Tpm *tpm, const TpmSealedView *sealed, Reason *reason, Secret **ret_key);

/* Whether the TPM itself sealed the key. Keys sealed outside (tpm/wrap.h) may be known to others.
 * False if BLOB is not a sealed key. */
bool tpm_sealed_is_native(const TpmSealedView *sealed);

/* Parses "7", "0+2+4+7" (systemd 252 to 262) or "" (none), also with "," instead of "+". Anything
 * else is OUTCOME_USAGE. */
int tpm_pcr_mask_parse(const char *text, Reason *reason, uint64_t *ret);

/* The same, with an optional bank and value for each, as in systemd-cryptenroll: "7:sha256=HEX+4",
 * "0+7:sha1". All must use the same bank. */
int tpm_pcrs_parse(const char *text, Reason *reason, TpmPcrs *ret);

/* Whether something was measured into at least one PCR of MASK, all of which have values in PCRS:
 * one that is neither all zeros nor all ones. */
bool tpm_pcrs_measured(const TpmPcrs *pcrs, uint64_t mask);

/* Notes that nothing was, so that sealing for PCRS does not protect. Nothing if MASK is empty. */
void tpm_note_unmeasured_pcrs(const TpmPcrs *pcrs, uint64_t mask, const Observer *observer);

/* Copies the given values of FROM to PCRS, which must have the same bank. */
void tpm_pcrs_take(const TpmPcrs *from, TpmPcrs *pcrs);

/* Writes "0+2+4+7" ("" for none) into TEXT. */
#define TPM_PCR_TEXT_BYTES ((size_t)80)
void tpm_pcr_mask_format(uint64_t mask, char text[TPM_PCR_TEXT_BYTES]);

/* Returns [0, 2, 4, 7]; NULL if there is no memory. */
struct json_object *tpm_pcr_mask_to_json(uint64_t mask);

/* "sha256" and the like; "unknown" for others. */
const char *tpm_bank_name(uint16_t bank);

/* Size of a PCR in BANK; 0 for an unknown bank. */
size_t tpm_bank_digest_bytes(uint16_t bank);
