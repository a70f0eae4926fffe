/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys that a credential is sealed with, from this host, or made for another one.
 */

#include "base/context.h"
#include "credential/format.h"
#include "key/host_key.h"
#include "key/user_scope.h"
#include "options.h"
#include "seal/plan.h"
#include "secret/secret.h"
#include "tpm/tpm.h"

/* Where the host key is: $SYSTEMD_CREDENTIAL_SECRET, as for systemd, or HOST_KEY_PATH. */
const char *keys_host_path(void);

/* Has a broker that runs take the host key that was just made, which it only gets at its start.
 * That there is none is no failure. */
void keys_announce(void);

/* Keys of one credential. */
typedef struct Keys {
    const Kind *kind;
    Secret *host; /* NULL if the kind has none */
    Secret *tpm;
    TpmSealed tpm_sealed; /* what unseals .tpm */
    UserScope scope;      /* whose it is, if the kind is scoped */
} Keys;

/* The user that the kind of KEYS asks for, or NULL. */
static inline const UserScope *keys_scope(const Keys *keys)
{
    return kind_has(keys->kind, KIND_SCOPED) ? &keys->scope : NULL;
}

void keys_done(Keys *keys); /* for _cleanup_ */

/* Finds out what kind PLAN comes to: auto looks for a TPM, and the pinned form needs a storage root
 * key in it. Notes say what is left out. */
int keys_settle(const Context *context, const Options *options, Reason *reason, Plan *plan);

/* The keys for a settled PLAN. Makes the host key if it is needed and there is none. The TPM's key
 * is a copy of OTHER's (NULL: nobody's); else, if SEARCH, one that other credentials have, if there
 * is one (sharing.h); else a fresh one. */
int keys_make(const Context *context, const Options *options, const Plan *plan, const Keys *other,
              bool search, Reason *reason, Keys *ret);

/* Seals with KEYS: raw bytes, or base64 unless RAW. */
int keys_seal(const Context *context, const Keys *keys, const Secret *plaintext,
              const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret);
