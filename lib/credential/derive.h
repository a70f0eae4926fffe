/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Derives the key that encrypts a credential, from the keys of its kind. Sealing and opening both
 * use it.
 */

#include "key/user_scope.h"
#include "secret/secret.h"

/* SHA256(host key ‖ TPM key), AEAD_KEY_BYTES; with SCOPE the HMAC-SHA256 of the scope with that as
 * its key. HOST_KEY is from host_key_state(). Each may be NULL, if the kind is without it. */
int credential_derive_key(const Secret *host_key, const Secret *tpm_key, const UserScope *scope,
                          Reason *reason, Secret **ret);
