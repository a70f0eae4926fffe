/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Enrolment: an administrator learns that the storage keys of an identity are in a genuine TPM.
 *
 * 1. The host exports its identity with the public halves of its endorsement keys.
 * 2. The administrator takes one of these for a genuine TPM's, by its certificate or because they
 *    know it, and makes a challenge: a secret for each storage key of the identity, which only the
 *    TPM that has both keys can reveal (tpm/challenge.h); and one that it only reveals while its
 * PCRs have the values of the identity.
 * 3. The host answers with an HMAC of its identity for each secret.
 * 4. The administrator compares, and writes a proof into the identity.
 *
 * The administrator keeps one key and nothing else. The secrets are derived from it and from the
 * challenge, of which every member but the encrypted secrets counts. So an answer to another
 * challenge, one that has expired, or the answer for another identity does not fit. The proof has
 * an HMAC by the same key, since whoever can change an identity could also write "proved" into it.
 *
 * An answer proves that a genuine TPM has the keys, not which machine that is in. Pure but for
 * randomness and the time. docs/FLEET.md has the formats.
 */

#include "credential/identity.h"
#include "secret/secret.h"

#define ENROLMENT_KEY_BYTES ((size_t)32)

/* The secrets of a challenge: one for each storage key, and one for PCRs. */
#define ENROLMENT_PCRS      IDENTITY_KEYS
#define ENROLMENT_SECRETS   (IDENTITY_KEYS + 1)

typedef struct EnrolmentChallenge {
    uint8_t identity[IDENTITY_DIGEST_BYTES]; /* identity_digest() */
    uint8_t nonce[IDENTITY_DIGEST_BYTES];
    uint8_t endorsement[IDENTITY_DIGEST_BYTES]; /* SHA-256 of the endorsement key's TPM2B_PUBLIC */
    IdentityTrust by;
    uint64_t issued, expires; /* µs since 1970, whole seconds */
    uint64_t pcrs;            /* whose values are to be proved; a mask */
    uint8_t mac[IDENTITY_DIGEST_BYTES];
    Bytes
        secrets[ENROLMENT_SECRETS]; /* encrypted; empty for keys that the identity does not have */
} EnrolmentChallenge;

void enrolment_challenge_done(EnrolmentChallenge *challenge); /* for _cleanup_ */

typedef struct EnrolmentRequest {
    const Identity *identity;
    size_t endorsement; /* index in the identity */
    IdentityTrust by;
    uint64_t expires; /* µs since 1970 */
    uint64_t pcrs;    /* of the identity; a mask */
} EnrolmentRequest;

/* Makes a challenge with the administrator's KEY. OUTCOME_USAGE for PCRs without a value, and for a
 * time that is over; -EIO, -ENOMEM. */
int enrolment_challenge_new(const Context *context, const Secret *key,
                            const EnrolmentRequest *request, Reason *reason,
                            EnrolmentChallenge *ret);

/* OUTCOME_BAD_CHALLENGE; -ENOMEM. */
int enrolment_challenge_parse(BytesView file, Reason *reason, EnrolmentChallenge *ret);

/* Returns JSON, which the caller releases; NULL if there is no memory. */
struct json_object *enrolment_challenge_to_json(const EnrolmentChallenge *challenge);

/* The index of the endorsement key in IDENTITY whose SHA-256 is DIGEST; .endorsement_count if there
 * is none. */
size_t enrolment_endorsement_find(const Identity *identity,
                                  const uint8_t digest[IDENTITY_DIGEST_BYTES]);
void enrolment_endorsement_digest(const IdentityEndorsement *endorsement,
                                  uint8_t ret[IDENTITY_DIGEST_BYTES]);

/* "srk" and so on, or "pcrs". */
const char *enrolment_secret_name(size_t which);

/* --- answers --- */

typedef struct EnrolmentAnswer {
    uint8_t nonce[IDENTITY_DIGEST_BYTES]; /* of the challenge */
    bool given[ENROLMENT_SECRETS];
    uint8_t macs[ENROLMENT_SECRETS][IDENTITY_DIGEST_BYTES];
} EnrolmentAnswer;

/* Answers with the revealed SECRET, which is the one of index WHICH, of a challenge for the
 * identity with the digest IDENTITY. OUTCOME_BAD_CHALLENGE if it has the wrong size. */
int enrolment_answer_add(const Secret *secret, const uint8_t identity[IDENTITY_DIGEST_BYTES],
                         size_t which, Reason *reason, EnrolmentAnswer *answer);

/* OUTCOME_BAD_CHALLENGE; -ENOMEM. */
int enrolment_answer_parse(BytesView file, Reason *reason, EnrolmentAnswer *ret);

/* Returns JSON, which the caller releases; NULL if there is no memory. */
struct json_object *enrolment_answer_to_json(const EnrolmentAnswer *answer);

/* --- proofs --- */

/* Whether the administrator with KEY has made CHALLENGE for IDENTITY, and there is still time at
 * NOW. OUTCOME_OTHER_CHALLENGE, OUTCOME_IDENTITY_CHANGED, OUTCOME_CHALLENGE_EXPIRED, and
 * OUTCOME_CLOCK if it was made after NOW; -ENOMEM. */
int enrolment_challenge_check(uint64_t now, const Secret *key, const Identity *identity,
                              const EnrolmentChallenge *challenge, Reason *reason);

/* Checks ANSWER to CHALLENGE about IDENTITY at the time NOW, and writes the proof. OUTCOME_OTHER_…,
 * OUTCOME_IDENTITY_CHANGED, OUTCOME_CHALLENGE_EXPIRED, OUTCOME_CLOCK if it was made after NOW, and
 * OUTCOME_NOT_PROVED; -ENOMEM. */
int enrolment_verify(uint64_t now, const Secret *key, const Identity *identity,
                     const EnrolmentChallenge *challenge, const EnrolmentAnswer *answer,
                     Reason *reason, IdentityProof *ret);

/* Whether the administrator with KEY (NULL: none) has written the proof of IDENTITY.
 * OUTCOME_NOT_PROVED; -ENOMEM. */
int enrolment_check_proof(const Secret *key, const Identity *identity, Reason *reason);
