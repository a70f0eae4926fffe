/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens any number of credentials with this host's keys. The TPM unseals each distinct key once,
 * however many credentials share it. A key that failed is not tried again.
 *
 * The connection to the TPM is closed in between, because some TPMs serve one program at a time.
 */

#include "base/context.h"
#include "base/observer.h"
#include "credential/open.h"
#include "key/user_scope.h"
#include "tpm/tpm.h"

typedef struct UnsealedKey UnsealedKey;

/* Everything that opening needs besides the credential. All zeros is valid. Everything is borrowed.
 */
typedef struct OpenSpec {
    const char *tpm_device; /* see tpm_new() */
    const char *signatures; /* file with signatures of PCR policies; NULL: search for it */
    const char *uid;        /* the user, see user_scope_load(); NULL: none */
    bool allow_null;        /* accept the null key */
    bool allow_unnamed;     /* accept a credential without a name instead of one with the name */
    uint64_t now;           /* time of opening, µs; 0: now; USEC_INFINITY: ignore expiry */
} OpenSpec;

/* The caller sets those above the line; the rest is zero at first. */
typedef struct Unsealer {
    const Context *context;
    OpenSpec spec;
    const Observer *observer;
    const TpmPcrs *expected; /* expected PCR values, to explain a mismatch; or NULL */
    const char *subject;     /* the subject for the observer if no name is given; or NULL */
    /* --- */
    Secret *host_key;
    UserScope scope;
    bool has_scope;
    UnsealedKey *keys;
    size_t key_count;
} Unsealer;

void unsealer_done(Unsealer *unsealer); /* for _cleanup_ */

/* NAME is the name that it must be sealed under; NULL: any. Every return of credential_open(),
 * host_key_load() and tpm_unseal(). */
int unsealer_open(Unsealer *unsealer, const CredentialSections *sections, const char *name,
                  Reason *reason, CredentialMetadata *ret_metadata, Secret **ret_plaintext);
