/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys that a credential is sealed with, from this host, or made for another one.
 */

#include "key/user_scope.h"
#include "seal/seal_spec.h"
#include "secret/secret.h"

typedef struct SealKeys {
    const Kind *kind;
    Secret *host; /* NULL if the kind has none */
    Secret *tpm;
    TpmSealed tpm_sealed; /* what unseals .tpm */
    UserScope scope;      /* whose it is, if the kind is scoped */
} SealKeys;

/* The user that the kind of KEYS asks for, or NULL. */
static inline const UserScope *seal_keys_scope(const SealKeys *keys)
{
    return kind_has(keys->kind, KIND_SCOPED) ? &keys->scope : NULL;
}

void seal_keys_done(SealKeys *keys); /* for _cleanup_ */

/* Finds out what kind TARGET comes to, if it is not known yet: with auto it looks for a TPM, and
 * the pinned form needs a storage root key in it. Notes say what is left out. SUBJECT is who is
 * sealed, for the observer. */
int seal_resolve(const SealContext *seal, const char *subject, Reason *reason, SealTarget *target);

/* The keys for TARGET, which is resolved with the same connection to the TPM if it has to be. Makes
 * the host key if it is needed and there is none. The TPM's key is a copy of OTHER's (NULL:
 * nobody's); else one that is shared as the spec says; else a fresh one. That there is none to
 * share, though there could have been, is a note. */
int seal_keys_make(const SealContext *seal, const char *subject, const SealKeys *other,
                   Reason *reason, SealTarget *target, SealKeys *ret);

/* Seals with KEYS: raw bytes, or base64 unless RAW. */
int seal_keys_seal(const Context *context, const SealKeys *keys, const Secret *plaintext,
                   const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret);
