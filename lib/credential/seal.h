/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sealing a credential, with keys that the caller got.
 */

#include "base/context.h"
#include "credential/format.h"
#include "key/user_scope.h"
#include "secret/secret.h"

typedef struct SealRequest {
    const Kind *kind;
    const Secret *plaintext; /* at most LIMIT_PLAINTEXT_BYTES */
    const Secret *host_key;  /* KIND_HOST; else NULL */
    const Secret *tpm_key;   /* KIND_TPM; else NULL */
    const UserScope *scope;  /* KIND_SCOPED; else NULL */
    TpmSealedView tpm;       /* KIND_TPM: what unseals tpm_key */
    CredentialMetadata metadata;
} SealRequest;

/* Raw bytes; a fresh IV each time. OUTCOME_TOO_LARGE. */
int credential_seal(const Context *context, const SealRequest *request, Reason *reason, Bytes *ret);
