/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host's public identity, with which you can seal for that host elsewhere.
 *
 * This is a pure codec. The format is a JSON object that `nspawn-creds host export` prints:
 *
 *     version            1
 *     hostName           informational
 *     machineId          32 hex digits; informational
 *     srk, legacyEcc, legacyRsa
 *                        storage keys, each {name, public}: the TPM name in hex, TPM2B_PUBLIC in
 *                        base64. The name is a digest of the key, so that damage is detected
 *     pcrPublicKey       PEM of the key that signs PCR policies for this host
 *     pcrs               {sha256: {"0": 64 hex digits, …}}
 *     report             the public half of the key that signs the host's reports to fleets
 *                        (fleet/report.h), in base64
 *     endorsement        [{public, certificate}, …]: the TPM's endorsement keys, TPM2B_PUBLIC and,
 * if there is one, X.509 in DER, both in base64 proof              {by, endorsement, time, pcrs,
 * mac}: an administrator's note that the keys are in a genuine TPM (credential/enrolment.h)
 *
 * The version and at least one storage key are required, everything else is optional. Anything
 * else, including an unknown member, is refused. The bare TPM2B_PUBLIC of a storage root key, as
 * written by `systemd-analyze srk` and in tpm2-srk-public-key.tpm2b_public, is also an identity.
 *
 * An identity is not secret, and by itself proves nothing: whoever can change it can read what is
 * sealed with it. Transfer it over a channel that is as trustworthy as the secrets need, or enrol
 * the host. A proof only means something to whoever has the key of its "mac".
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"
#include "tpm/storage_key.h"
#include "tpm/tpm.h"

#define IDENTITY_MACHINE_ID_SIZE ((size_t)32)
#define IDENTITY_KEYS            ((size_t)3)
#define IDENTITY_REPORT_BYTES    ((size_t)32)
/* Endorsement keys: more than TPMs have certificates for. */
#define IDENTITY_ENDORSEMENTS    ((size_t)8)
#define IDENTITY_DIGEST_BYTES    ((size_t)32)

struct json_object;

/* Why an endorsement key is taken for a genuine TPM's. */
typedef enum IdentityTrust {
    IDENTITY_UNPROVED,
    IDENTITY_BY_CERTIFICATE,
    IDENTITY_BY_INVENTORY, /* the administrator knows the key */
} IdentityTrust;

typedef struct IdentityProof {
    IdentityTrust by;
    uint8_t endorsement[IDENTITY_DIGEST_BYTES]; /* SHA-256 of the endorsement key's TPM2B_PUBLIC */
    uint64_t time;                              /* µs since 1970, whole seconds */
    uint64_t pcrs;                              /* whose values are proved, too; a mask */
    uint8_t mac[IDENTITY_DIGEST_BYTES];
} IdentityProof;

typedef struct IdentityEndorsement {
    Bytes area;        /* TPM2B_PUBLIC, validated */
    Bytes certificate; /* X.509 in DER, not checked; or empty */
} IdentityEndorsement;

typedef struct Identity {
    char host_name[LIMIT_MACHINE_BYTES + 1];       /* "" if missing, like the next */
    char machine_id[IDENTITY_MACHINE_ID_SIZE + 1]; /* lower-case hex */
    union {                                        /* TPM2B_PUBLIC, validated; empty if missing */
        struct {
            Bytes srk, legacy_ecc, legacy_rsa;
        };
        Bytes keys[IDENTITY_KEYS];
    };
    Bytes pcr_public_key; /* PEM, or empty */
    TpmPcrs pcrs;         /* SHA-256 bank, all with values */
    Bytes report;         /* an Ed25519 key, of IDENTITY_REPORT_BYTES; or empty */
    IdentityEndorsement endorsements[IDENTITY_ENDORSEMENTS];
    size_t endorsement_count;
    IdentityProof proof; /* .by is IDENTITY_UNPROVED if there is none */
} Identity;

/* The members of storage keys, in the order of .keys: "srk" and so on. */
extern const char *const identity_key_names[IDENTITY_KEYS];

void identity_done(Identity *identity); /* for _cleanup_ */

/* Parses JSON or a bare TPM2B_PUBLIC. OUTCOME_BAD_IDENTITY; -ENOMEM, -EIO. */
int identity_parse(BytesView file, Reason *reason, Identity *ret);

/* Adds the storage key AREA (TPM2B_PUBLIC), as the SRK or as a legacy primary. OUTCOME_MALFORMED
 * like tpm_storage_key_parse(). */
int identity_add_key(Identity *identity, BytesView area, Reason *reason);

/* Adds the endorsement key AREA (TPM2B_PUBLIC) and its CERTIFICATE, or an empty one.
 * OUTCOME_MALFORMED like tpm_endorsement_key_parse(), and for more than IDENTITY_ENDORSEMENTS. */
int identity_add_endorsement(Identity *identity, BytesView area, BytesView certificate,
                             Reason *reason);

/* Digests all but the proof: two identities with the same digest have the same content. -ENOMEM. */
int identity_digest(const Identity *identity, uint8_t ret[IDENTITY_DIGEST_BYTES]);

/* "certificate" or "inventory". */
const char *identity_trust_name(IdentityTrust trust);
/* IDENTITY_UNPROVED for anything else, and NULL. */
IdentityTrust identity_trust_parse(const char *text);

/* Returns JSON, which the caller releases; NULL if there is no memory. */
struct json_object *identity_to_json(const Identity *identity);
