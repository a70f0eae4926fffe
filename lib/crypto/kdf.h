/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The key of a credential from the parts that its kind has.
 */

#include "base/outcome.h"
#include "secret/secret.h"

/* HOST_KEY, as it is used: what SHA-256 is after it has taken in all of its 4 KiB, which then need
 * not be kept, and are not hashed again for every credential. */
int kdf_host_key(BytesView host_key, Reason *reason, Secret **ret);

/* HMAC-SHA256 of SCOPE, the description of a user (key/user_scope.h), keyed with KEY: the key of a
 * credential that is for this user alone. */
int kdf_scoped_key(const Secret *key, BytesView scope, Reason *reason, Secret **ret);

/* SHA256(host key ‖ TPM key), AEAD_KEY_BYTES; each may be NULL, and both are for the null key.
 * HOST_KEY is kdf_host_key()'s. */
int kdf_credential_key(const Secret *host_key, const Secret *tpm_key, Reason *reason, Secret **ret);
