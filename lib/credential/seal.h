/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Seals a credential with keys from the caller.
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
    TpmSealedView tpm;       /* KIND_TPM: unseals tpm_key */
    CredentialMetadata metadata;
} SealRequest;

/* Returns raw bytes. Each call uses a fresh IV. OUTCOME_TOO_LARGE. */
int credential_seal(const Context *context, const SealRequest *request, Reason *reason, Bytes *ret);
