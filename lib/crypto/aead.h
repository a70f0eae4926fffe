/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * AES-256-GCM with libcrypto, which supports CPUs without AES instructions, and is faster than
 * libsodium on CPUs with them.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "secret/secret.h"

#define AEAD_KEY_BYTES    ((size_t)32)
#define AEAD_TAG_BYTES    ((size_t)16)
/* The longest IV in credentials, bytes. */
#define AEAD_IV_MAX_BYTES ((size_t)16)

/* Encrypts TEXT to RET_CIPHERTEXT, which must have the same size. -EIO if libcrypto fails. */
int aead_encrypt(const Secret *key, BytesView iv, BytesView aad, BytesView text,
                 uint8_t *ret_ciphertext, uint8_t ret_tag[AEAD_TAG_BYTES]);

/* Decrypts. OUTCOME_NOT_AUTHENTIC, with no text, unless key, IV, AAD, ciphertext and tag belong
 * together. */
int aead_decrypt(const Secret *key, BytesView iv, BytesView aad, BytesView ciphertext,
                 BytesView tag, Secret **ret_text);
