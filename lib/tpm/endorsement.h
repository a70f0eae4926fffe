/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The endorsement key of a TPM, and its answer to a challenge (tpm/challenge.h).
 *
 * The key is created from its template for each use: a TPM makes the same one every time. With a
 * password of the endorsement hierarchy a persistent key of the high range serves, if there is one.
 */

#include "secret/secret.h"
#include "tpm/storage_key.h"
#include "tpm/tpm.h"

/* The largest certificate that is read from NV, bytes. They have about 1 KiB. */
#define TPM_CERTIFICATE_BYTES_MAX ((size_t)4096)

typedef struct TpmEndorsement {
    Bytes area;        /* TPM2B_PUBLIC, as tpm_endorsement_key_parse() takes it */
    Bytes certificate; /* X.509 in DER, not checked; empty if NV has none for this template */
} TpmEndorsement;

void tpm_endorsement_done(TpmEndorsement *endorsement); /* for _cleanup_ */

/* Whether NV has a certificate for the endorsement key of KIND: making the key can take a chip many
 * seconds. OUTCOME_TPM_…. */
int tpm_endorsement_has_certificate(Tpm *tpm, TpmEndorsementKind kind, Reason *reason, bool *ret);

/* Reads the TPM's endorsement key of KIND, and its certificate. OUTCOME_TPM_UNABLE if the TPM does
 * not accept the template, or has one of its own that is not in the profile; OUTCOME_TPM_PASSWORD
 * if the endorsement hierarchy has a password, unless KIND is of the high range and the TPM has a
 * persistent key of it; any other OUTCOME_TPM_…. */
int tpm_endorsement_read(Tpm *tpm, TpmEndorsementKind kind, Reason *reason, TpmEndorsement *ret);

/* A challenge, as it arrives. */
typedef struct TpmChallenge {
    BytesView endorsement; /* TPM2B_PUBLIC */
    BytesView key;         /* TPM2B_PUBLIC of the storage key that it asks about */
    BytesView blob;        /* TPM2B_ID_OBJECT ‖ TPM2B_ENCRYPTED_SECRET */
} TpmChallenge;

/* Reveals the secret of CHALLENGE. OUTCOME_MALFORMED for invalid parts; OUTCOME_TPM_FOREIGN if this
 * TPM does not have one of the keys, or the challenge was made for others than it says; any other
 * OUTCOME_TPM_…. */
int tpm_activate(Tpm *tpm, const TpmChallenge *challenge, Reason *reason, Secret **ret);
