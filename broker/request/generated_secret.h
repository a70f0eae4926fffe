/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Generated secrets, which the broker makes when they are first requested.
 *
 * A generated secret is sealed with the keys that this host has: the host key, the TPM, or both.
 * With a TPM it gets the key of the machine's other credentials if that can be unsealed, else a
 * fresh one, which all secrets share that are generated for the machine meanwhile. A commit adds it
 * to the store, unless one exists by then. Every request is answered from the store, so that no two
 * different values are ever delivered, whenever the broker is killed.
 *
 *     generated_secret_begin ──► generated_secret_request ──► generated_secret_make
 *                            ▲      ├── a search has ended: generated_secret_give_search ─┐
 *                            │      └── the TPM has failed: generated_secret_retry ───────┤
 *                            └───────────────────────────────────────────────────────────┘
 */

#include "base/json.h"
#include "request/host_resources.h"

/* The thing that a request waits for; all members are NULL if it need not wait. */
typedef struct TpmKeyRequest {
    const TpmSealedView *sealed;   /* the key that the TPM unseals from this */
    const char *fresh_for;         /* a fresh key for this machine */
    const char *search_in;         /* a search for a key to share (request/store_job.h) */
    struct json_object *commit;    /* a commit with these parameters (request/store_job.h) */
    const CredentialName *created; /* the credential that is to be generated */
} TpmKeyRequest;

typedef struct GeneratedSecret {
    const CredentialName *name; /* borrowed; NULL until it has begun */
    const Recipe *recipe;       /* borrowed from the policy */
    unsigned key_types;         /* KeyTypes of the credential to be */
    bool searched;              /* for a key to share */
    bool shares;                /* it uses the key of other credentials */
    TpmSealed shared;           /* that key, sealed */
    TpmSealedView view;         /* of .shared */
    struct json_object *commit; /* parameters of Commit; NULL until the secret is made */
} GeneratedSecret;

void generated_secret_done(GeneratedSecret *generated); /* for _cleanup_ */

/* Chooses NAME's key types: those that the policy requires for CREDENTIAL, or all that this host
 * has. Returns 0, OUTCOME_HOST_KEY_MISSING if there is neither a host key nor a TPM, or why the
 * host key cannot be loaded. */
int generated_secret_begin(HostResources *resources, const CredentialName *name,
                           const PolicyCredential *credential, Reason *reason,
                           GeneratedSecret *ret);

/* The search that was requested has ended with RC and FOUND. Returns 0, or RC if the store could
 * not be searched. */
int generated_secret_give_search(HostResources *resources, GeneratedSecret *generated, int rc,
                                 const CredentialName *found, Reason *reason);

/* The search or the key of the TPM that it needs next, borrowed. */
TpmKeyRequest generated_secret_request(const GeneratedSecret *generated);

/* The TPM has failed. Returns whether to try again, with a fresh key instead of a shared one. */
bool generated_secret_retry(GeneratedSecret *generated);

/* Makes the secret, seals it, and prepares a commit that adds it to the store, with the
 * public half of a key pair. TPM_KEY and its SEALED form are NULL unless they were requested. */
int generated_secret_make(HostResources *resources, GeneratedSecret *generated,
                          const TpmSealedView *sealed, const Secret *tpm_key, Reason *reason);

/* Prepares a commit that adds the public half of NAME, made by RECIPE, whose private half is VALUE.
 * Returns NULL if it is not a key pair, the public half exists, or there is no memory; the next
 * request tries again. DIGEST is the sealed file's. */
struct json_object *generated_secret_publish(HostResources *resources, const CredentialName *name,
                                             const Recipe *recipe, const Secret *value,
                                             const char *digest);
