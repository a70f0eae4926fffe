/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A challenge to a TPM, made without one: TPM2_MakeCredential in software.
 *
 * A secret is encrypted to an endorsement key and bound to the name of another key. Only the TPM
 * that has both keys reveals it (tpm_activate(), tpm/endorsement.h). So whoever knows that the
 * endorsement key is a genuine TPM's, by its certificate or an inventory, learns that the other key
 * is in that TPM, too. TCG TPM 2.0 Library, Part 1, 24 (credential protection).
 */

#include "base/context.h"
#include "secret/secret.h"
#include "tpm/storage_key.h"

/* The largest secret, bytes: the smallest digest that endorsement keys are named by. */
#define TPM_CHALLENGE_SECRET_BYTES ((size_t)32)

/* Encrypts SECRET (at most TPM_CHALLENGE_SECRET_BYTES) to ENDORSEMENT, for the TPM that also has
 * the key NAME. Returns TPM2B_ID_OBJECT ‖ TPM2B_ENCRYPTED_SECRET. OUTCOME_MALFORMED if ENDORSEMENT
 * cannot be used for encryption; -EIO, -ENOMEM. */
int tpm_challenge_new(const Context *context, const TpmStorageKey *endorsement,
                      const uint8_t name[TPM_NAME_BYTES], const Secret *secret, Reason *reason,
                      Bytes *ret);

/* The parts of a challenge; borrowed. */
typedef struct TpmChallengeParts {
    BytesView object; /* the content of TPM2B_ID_OBJECT */
    BytesView secret; /* that of TPM2B_ENCRYPTED_SECRET */
} TpmChallengeParts;

/* OUTCOME_MALFORMED unless the parts of BLOB have the sizes of a challenge to ENDORSEMENT. Pure. */
int tpm_challenge_parse(BytesView blob, const TpmStorageKey *endorsement, Reason *reason,
                        TpmChallengeParts *ret);
