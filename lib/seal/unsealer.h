/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens credentials with this host's keys, one or many. The TPM unseals each distinct key once,
 * however many credentials share it, and one that it does not unseal is not tried again.
 *
 * The connection to the TPM is not held in between: some TPMs serve one program at a time.
 */

#include "base/context.h"
#include "base/observer.h"
#include "credential/open.h"
#include "tpm/tpm.h"

typedef struct UnsealedKey UnsealedKey;

/* What opening needs besides the credential; all zeros is a valid one. Everything is borrowed. */
typedef struct OpenSpec {
    const char *tpm_device; /* see tpm_new() */
    const char *signatures; /* file with signatures of PCR policies; NULL: the default places */
    const char *uid;        /* as user_scope_load(): whose it is; NULL: nobody special */
    bool allow_null;        /* open what is sealed with the null key */
    uint64_t now;           /* when, µs; 0: now; USEC_INFINITY: also what has expired */
} OpenSpec;

/* The caller sets those above the line; the rest is zero at first. */
typedef struct Unsealer {
    const Context *context;
    OpenSpec spec;
    const Observer *observer;
    const TpmPcrs *expected; /* values that PCRs should have, to tell which one differs; or NULL */
    const char *subject; /* what is opened, for the observer, where it is given no name; or NULL */
    /* --- */
    Secret *host_key;
    UserScope *scope;
    UnsealedKey *keys;
    size_t key_count;
} Unsealer;

void unsealer_done(Unsealer *unsealer); /* for _cleanup_ */

/* NAME is the one that it must be sealed under, if any; NULL: whatever. Every return of
 * credential_open(), host_key_load() and tpm_unseal(). */
int unsealer_open(Unsealer *unsealer, const CredentialSections *parts, const char *name,
                  Reason *reason, CredentialMetadata *ret_metadata, Secret **ret_plaintext);
