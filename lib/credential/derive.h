/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Derives the key that encrypts a credential, from the keys of its kind. Sealing and opening both
 * use it.
 */

#include "credential/kinds.h"
#include "key/user_scope.h"
#include "secret/secret.h"

typedef struct CredentialKeys {
    const Secret *host_key; /* KIND_HOST, from host_key_state(); else NULL */
    const Secret *tpm_key;  /* KIND_TPM; else NULL */
    const UserScope *scope; /* KIND_SCOPED; else NULL */
} CredentialKeys;

/* SHA256(host key ‖ TPM key), AEAD_KEY_BYTES; for one user the HMAC-SHA256 of the scope with that
 * as its key. */
int credential_derive_key(const CredentialKeys *keys, Reason *reason, Secret **ret);
