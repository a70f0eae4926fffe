/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A secret that is made when it is first asked for.
 *
 * It is sealed with what this host has: the host key, the TPM, or both. With a TPM that is a key
 * which the machine's other credentials have, if it can be unsealed, else a fresh one for all that
 * are made meanwhile. Then it is put into the store, unless one is there by now: whoever is first
 * is right. Nobody is given what was made, but only what then is read from the store: so that
 * whenever the broker is killed, no two different values are handed out.
 *
 *     generated_secret_begin ──► generated_secret_request ──► generated_secret_make
 *                            ▲      └── the key cannot be had ──┐
 *                            └─────────────── generated_secret_retry ─┘
 */

#include "base/json.h"
#include "request/host_resources.h"
#include "request/resolution.h"

/* What a request waits for. None is set: nothing. */
typedef struct TpmKeyRequest {
    const TpmSealedView *sealed;   /* a key of the TPM's, sealed to this */
    const char *fresh_for;         /* a fresh one, for this machine */
    struct json_object *commit;    /* a commit with these parameters (request/commit.h), */
    const CredentialName *created; /* which creates this */
} TpmKeyRequest;

typedef struct GeneratedSecret {
    unsigned key_types;         /* KeyTypes of the credential to be */
    bool shares;                /* with the key that others have: */
    TpmSealed shared;           /* which is sealed to this */
    TpmSealedView view;         /* of it */
    struct json_object *commit; /* what has been made, as parameters of Commit; NULL until then */
} GeneratedSecret;

void generated_secret_done(GeneratedSecret *generated); /* for _cleanup_ */

/* OUTCOME_HOST_KEY_MISSING if there is neither a host key nor a TPM; why the host key cannot be
 * loaded; what store_list() returns. */
int generated_secret_begin(HostResources *resources, const CredentialName *name, Reason *reason,
                           GeneratedSecret *ret);

/* Borrowed. */
TpmKeyRequest generated_secret_request(const GeneratedSecret *generated,
                                       const CredentialName *name);

/* After the wanted could not be fulfilled: whether there is another one. */
bool generated_secret_retry(GeneratedSecret *generated);

/* Makes PART's secret, seals it, with TPM_KEY and what it is SEALED to if that was requested (else
 * NULL), and prepares a commit that adds it to the store, with its public half if it has one. */
int generated_secret_make(HostResources *resources, GeneratedSecret *generated,
                          const Ingredient *ingredient, const TpmSealedView *sealed,
                          const Secret *tpm_key, Reason *reason);

/* A commit that puts the public half of VALUE, which PART is, beside it; NULL if it has none or it
 * is there, or there is no memory: it is tried again the next time. DIGEST is that of the sealed
 * file. */
struct json_object *generated_secret_publish(HostResources *resources, const Ingredient *ingredient,
                                             const Secret *value, const char *digest);
