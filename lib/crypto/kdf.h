/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Derives the key of a credential from its host key and TPM key.
 */

#include "base/outcome.h"
#include "secret/secret.h"

/* Turns HOST_KEY into the state of SHA-256 after its 4 KiB, so that the key itself does not stay in
 * memory and is not hashed again for every credential. */
int kdf_host_key(BytesView host_key, Reason *reason, Secret **ret);

/* The key of a credential for a single user: the HMAC-SHA256 of SCOPE, a description of the user
 * (key/user_scope.h), under KEY. */
int kdf_scoped_key(const Secret *key, BytesView scope, Reason *reason, Secret **ret);

/* SHA256(host key ‖ TPM key), AEAD_KEY_BYTES. Each may be NULL; both are for the null key. HOST_KEY
 * comes from kdf_host_key(). */
int kdf_credential_key(const Secret *host_key, const Secret *tpm_key, Reason *reason, Secret **ret);
