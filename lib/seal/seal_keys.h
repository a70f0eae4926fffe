/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys with which a credential is sealed, for this host or for another one, and sealing.
 */

#include "key/user_scope.h"
#include "seal/seal_spec.h"
#include "secret/secret.h"

typedef struct SealKeys {
    const Kind *kind;
    Secret *host; /* NULL if the kind does not use it */
    Secret *tpm;
    TpmSealed tpm_sealed; /* unseals .tpm */
    UserScope scope;      /* the user, if the kind is scoped */
} SealKeys;

/* The user, if the kind of KEYS is scoped; else NULL. */
static inline const UserScope *seal_keys_scope(const SealKeys *keys)
{
    return kind_has(keys->kind, KIND_SCOPED) ? &keys->scope : NULL;
}

void seal_keys_done(SealKeys *keys); /* for _cleanup_ */

/* Determines the kind of TARGET, if it is not known yet: auto depends on whether there is a TPM,
 * and the pinned form on its storage root key. Notes say what is left out. SUBJECT is the
 * credential, for the observer. */
int seal_resolve(const SealContext *seal, const char *subject, Reason *reason, SealTarget *target);

/* Gets the keys for TARGET, which is resolved over the same connection to the TPM if necessary.
 * Creates the host key if it is needed and missing, unless credentials need the old one. The TPM's
 * key is a copy of OTHER's (may be NULL), else a shared one according to the spec, else a fresh
 * one. A note says why no key could be shared. */
int seal_keys_make(const SealContext *seal, const char *subject, const SealKeys *other,
                   Reason *reason, SealTarget *target, SealKeys *ret);

/* Seals with KEYS. Returns base64, or raw bytes if RAW. */
int seal_keys_seal(const Context *context, const SealKeys *keys, const Secret *plaintext,
                   const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret);

/* All of the above for a new value, in two steps. The first one can do without the value: whatever
 * can fail has failed before anybody is asked for it. It gets the keys according to the spec of
 * SEAL; what the spec leaves open is taken from LIKE (may be NULL). OUTCOME_USAGE if the value
 * would expire before it is sealed, and every return of seal_target_make() and seal_keys_make(). */
int seal_prepare(const SealContext *seal, const CredentialSections *like, Reason *reason,
                 SealKeys *ret);

/* The second one: seals PLAINTEXT with these KEYS. */
int seal_value(const SealContext *seal, const SealKeys *keys, const Secret *plaintext,
               Reason *reason, Bytes *ret);
