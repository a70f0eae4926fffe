/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * AES-256-GCM, in place, on libcrypto (which has a fallback for CPUs without AES instructions, and
 * is faster than libsodium's where there are some).
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "secret/secret.h"

#define AEAD_KEY_BYTES    ((size_t)32)
#define AEAD_TAG_BYTES    ((size_t)16)
/* The longest IV that credentials have, bytes. */
#define AEAD_IV_MAX_BYTES ((size_t)16)

/* Encrypts TEXT to RET_CIPHERTEXT, which has room for as many bytes. -EIO if libcrypto fails. */
int aead_encrypt(const Secret *key, BytesView iv, BytesView aad, BytesView text,
                 uint8_t *ret_ciphertext, uint8_t ret_tag[AEAD_TAG_BYTES]);

/* Decrypts. OUTCOME_NOT_AUTHENTIC unless key, IV, AAD, ciphertext and tag belong together; then
 * nothing is returned. */
int aead_decrypt(const Secret *key, BytesView iv, BytesView aad, BytesView ciphertext,
                 BytesView tag, Secret **ret_text);
