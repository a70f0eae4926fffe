/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens a credential. The caller first parses it (credential/format.h) and gets the keys for its
 * kind (key/host_key.h, tpm/tpm.h), so that the caller decides how to wait for them.
 */

#include "base/context.h"
#include "credential/format.h"
#include "key/user_scope.h"
#include "secret/secret.h"

typedef struct OpenRequest {
    const CredentialSections *sections;
    const Secret *host_key; /* KIND_HOST; else NULL */
    const Secret *tpm_key;  /* KIND_TPM; else NULL */
    const UserScope
        *scope;         /* KIND_SCOPED: the user that it must be sealed for; NULL: for no user */
    const char *name;   /* the name that it must be sealed under; NULL for any */
    bool allow_unnamed; /* with NAME: also accept one without a name */
    bool allow_null;    /* accept the null key, which protects nothing */
    uint64_t now;       /* µs since 1970; USEC_INFINITY: do not check not-after */
} OpenRequest;

/* Whether this version can open such a credential at all: 0, OUTCOME_UNSUPPORTED, or
 * OUTCOME_MALFORMED for an invalid PCR bank. */
int credential_openable(const CredentialSections *sections, Reason *reason);

/* Whether .scope of REQUEST fits the kind of .sections, so that no key is fetched in vain:
 * OUTCOME_SCOPE_MISMATCH. */
int credential_scope_fits(const OpenRequest *request, Reason *reason);

/* OUTCOME_UNSUPPORTED, _UNPROTECTED, _NOT_AUTHENTIC, _MALFORMED, _NAME_MISMATCH, _EXPIRED,
 * _SCOPE_MISMATCH.
 * RET_METADATA may be NULL. */
int credential_open(const OpenRequest *request, Reason *reason, CredentialMetadata *ret_metadata,
                    Secret **ret_plaintext);
