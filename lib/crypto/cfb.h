/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * AES-128-CFB with an IV of zeros, as TPMs encrypt what leaves them: each key is used once. It
 * authenticates nothing; an HMAC goes with it.
 */

#include "base/bytes.h"

#define CFB_KEY_BYTES ((size_t)16)

/* Encrypts TEXT to RET, which has room for as many bytes. -EIO if libcrypto fails. */
int cfb_encrypt(const uint8_t key[CFB_KEY_BYTES], BytesView text, uint8_t *ret);
