/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens credentials with this host's keys, one or many. The TPM unseals each distinct key once,
 * however many credentials share it, and one that it does not unseal is not tried again.
 *
 * The connection to the TPM is not held in between: some TPMs serve one program at a time.
 */

#include "base/context.h"
#include "credential/open.h"
#include "options.h"

typedef struct UnsealedKey UnsealedKey;

/* The caller sets the first three; the rest is zero at first. */
typedef struct Unsealer {
    const Context *context;
    const Options *options;
    const TpmPcrs *expected; /* values that PCRs should have, to tell which one differs; or NULL */
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
