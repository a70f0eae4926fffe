/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The codec of a sealed key.
 *
 * Pure: no TPM, no keys. It comes from a header that is not authenticated until the key is
 * unsealed. So everything in it is checked here, to the last byte, before tpm2-tss or the TPM see
 * it. TCG TPM 2.0 Library, Part 2: 12.2 (public areas), 12.3.7 (TPM2B_PRIVATE), 11.4.33
 * (TPM2B_ENCRYPTED_SECRET).
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "tpm/tpm.h"

#include <tss2/tss2_tpm2_types.h>

/* Attributes of the objects that tpm_seal() makes: those that systemd 257 and 262 write and 252
 * reads. Never userWithAuth, which with an empty password would bypass the policy. */
#define TPM_SEALED_ATTRIBUTES (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA)

typedef struct TpmBlob {
    TPM2B_PRIVATE private_part; /* encrypted by the storage key, or with the seed if there is one */
    TPM2B_PUBLIC public_part;
    TPM2B_ENCRYPTED_SECRET seed; /* sealed outside the TPM; size 0: the TPM made it */
} TpmBlob;

/* OUTCOME_MALFORMED unless BLOB is a sealed key that opens with the policy POLICY_HASH and in no
 * other way. */
int tpm_blob_parse(BytesView blob, BytesView policy_hash, Reason *reason, TpmBlob *ret);

/* Writes a key without a seed. OUTCOME_TPM_FAILED if tpm2-tss cannot marshal it; -ENOMEM. */
int tpm_blob_write(const TPM2B_PRIVATE *private_part, const TPM2B_PUBLIC *public_part,
                   Reason *reason, Bytes *ret);

/* Read and write a TPM2B of any type: its size, then as many bytes. */
BytesView tpm_2b_read(Reader *reader);
void tpm_2b_write(BytesView view, Writer *writer);

/* Computes the name of an object from its public area, TPMT_PUBLIC. */
void tpm_name_of(BytesView area, uint8_t ret_name[TPM_NAME_BYTES]);
