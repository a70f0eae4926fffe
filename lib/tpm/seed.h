/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Protects bytes for one TPM, of which only the public part of a key is needed. Pure except for
 * randomness.
 *
 * A fresh seed is shared with the key, by ECDH or OAEP. The keys that encrypt the bytes, and
 * authenticate them together with an object's name, are derived from the seed. The TPM takes the
 * result apart in TPM2_Import() (tpm/wrap.h) and TPM2_ActivateCredential() (tpm/challenge.h); a
 * label keeps the two apart. TCG TPM 2.0 Library, Part 1, 23.3, 24 and Annex B and C.
 */

#include "base/context.h"
#include "secret/secret.h"
#include "tpm/storage_key.h"

/* The most that tpm_seed_protect() takes, bytes. */
#define TPM_PROTECTED_BYTES_MAX ((size_t)128)

/* Makes a seed for the purpose LABEL and writes it to SECRET, encrypted to KEY, as
 * TPM2B_ENCRYPTED_SECRET. OUTCOME_MALFORMED if KEY cannot be used for encryption; -EIO, -ENOMEM. */
int tpm_seed_share(const Context *context, const TpmStorageKey *key, const char *label,
                   Writer *secret, TcgKey *ret_seed);

/* Writes BYTES, encrypted, with an HMAC of them and NAME: a TPM2B_PRIVATE or TPM2B_ID_OBJECT. SEED
 * is shared with a key by TEMPLATE, which says how. -EIO. */
int tpm_seed_protect(const TpmKeyTemplate *template, const TcgKey *seed,
                     const uint8_t name[TPM_NAME_BYTES], BytesView bytes, Writer *writer);
