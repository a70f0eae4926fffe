/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sealing a key to a TPM that is not here: all that is needed is its storage key's public part.
 *
 * Pure, but for randomness. The result is what TPM2_Import() takes; systemd 255 and later and
 * tpm_unseal() import what has a seed behind the public area. TCG TPM 2.0 Library, Part 1, 23.3
 * (duplication) and Annex B and C (secret sharing with RSA and ECDH); docs/FORMAT.md, "Sealing
 * offline".
 */

#include "base/context.h"
#include "secret/secret.h"
#include "tpm/storage_key.h"
#include "tpm/tpm.h"

/* Attributes of the objects that are made: only noDA. One that may not leave its TPM cannot come
 * from outside of it, and one with userWithAuth opens without its policy. */
#define TPM_WRAPPED_ATTRIBUTES UINT32_C(0x00000400)

/* Seals KEY (TPM_KEY_BYTES) for PARENT's TPM so that POLICY alone opens it: TPM2B_PRIVATE ‖
 * TPM2B_PUBLIC ‖ TPM2B_ENCRYPTED_SECRET. -EIO, -ENOMEM; OUTCOME_MALFORMED if nobody can encrypt to
 * PARENT. */
int tpm_wrap(const Context *context, const TpmStorageKey *parent, const Secret *key,
             const uint8_t policy[TPM_POLICY_BYTES], Reason *reason, Bytes *ret);
