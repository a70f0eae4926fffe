/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * AES-128-CFB with a zero IV, as TPMs use it for objects that leave them: each key is used once. It
 * does not authenticate; callers add an HMAC.
 */

#include "base/bytes.h"

#define CFB_KEY_BYTES ((size_t)16)

/* Encrypts TEXT to RET, which must have the same size. -EIO if libcrypto fails. */
int cfb_encrypt(const uint8_t key[CFB_KEY_BYTES], BytesView text, uint8_t *ret);
