/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Seals a key for another host's TPM, of which only the public part of the storage key is needed.
 *
 * Pure except for randomness. The result is input for TPM2_Import(). systemd 255 and later, and
 * tpm_unseal(), import objects with a seed after the public area. TCG TPM 2.0 Library, Part 1, 23.3
 * (duplication) and Annex B and C (secret sharing with RSA and ECDH); docs/FORMAT.md, "Sealing
 * offline".
 */

#include "base/context.h"
#include "secret/secret.h"
#include "tpm/storage_key.h"
#include "tpm/tpm.h"

/* Attributes of these objects: only noDA. An object that may not leave its TPM cannot come from
 * outside, and one with userWithAuth opens without its policy. */
#define TPM_WRAPPED_ATTRIBUTES UINT32_C(0x00000400)

/* Seals KEY (TPM_KEY_BYTES) for PARENT's TPM, so that it only opens with POLICY. Returns
 * TPM2B_PRIVATE ‖ TPM2B_PUBLIC ‖ TPM2B_ENCRYPTED_SECRET. -EIO, -ENOMEM; OUTCOME_MALFORMED if PARENT
 * cannot be used for encryption. */
int tpm_wrap(const Context *context, const TpmStorageKey *parent, const Secret *key,
             const uint8_t policy[TPM_POLICY_BYTES], Reason *reason, Bytes *ret);
