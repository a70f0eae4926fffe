/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opening a credential: the order is parse (credential/format.h), get the keys that its kind has
 * (key/host_key.h, tpm/tpm.h), open. The caller gets the keys, so that it decides how to wait.
 */

#include "base/context.h"
#include "credential/format.h"
#include "key/user_scope.h"
#include "secret/secret.h"

typedef struct OpenRequest {
    const CredentialSections *parts;
    const Secret *host_key; /* KIND_HOST; else NULL */
    const Secret *tpm_key;  /* KIND_TPM; else NULL */
    const UserScope *scope; /* KIND_SCOPED: whom it must be sealed for; NULL: for nobody special */
    const char *name;       /* the name that it must be sealed under; NULL for any */
    bool allow_unnamed;     /* with NAME: take one that is sealed without a name, too */
    bool allow_null;        /* take the null key, which protects nothing */
    uint64_t now;           /* µs since 1970; USEC_INFINITY: do not check not-after */
} OpenRequest;

/* Whether this version can open such a credential at all: 0, OUTCOME_UNSUPPORTED, or
 * OUTCOME_MALFORMED for a PCR bank that is none. */
int credential_openable(const CredentialSections *parts, Reason *reason);

/* Whether .scope of REQUEST fits the kind, before any key is fetched in vain:
 * OUTCOME_SCOPE_MISMATCH. Takes .parts and .scope. */
int credential_scope_fits(const OpenRequest *request, Reason *reason);

/* OUTCOME_UNSUPPORTED, _UNPROTECTED, _NOT_AUTHENTIC, _MALFORMED, _NAME_MISMATCH, _EXPIRED,
 * _SCOPE_MISMATCH.
 * RET_METADATA may be NULL. */
int credential_open(const OpenRequest *request, Reason *reason, CredentialMetadata *ret_metadata,
                    Secret **ret_plaintext);
