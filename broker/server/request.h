/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One request's way from a name to a plaintext, without the connection: load the file, find out
 * which keys it takes, open it. In between the caller gets the TPM's key if it takes one.
 */

#include "credential/open.h"
#include "server/vault.h"

typedef struct Request {
    Bytes sealed;           /* raw */
    CredentialParts parts;  /* of it */
    const Secret *host_key; /* the vault's, or NULL if it takes none */
} Request;

void request_done(Request *request); /* for _cleanup_ */

/* Reads NAME's file and takes it apart; every return of store_read(), credential_decode(),
 * _parse(), _openable() and host_key_load_passed(). */
int request_load(Vault *vault, const CredentialName *name, Reason *reason, Request *ret);

static inline bool request_needs_tpm(const Request *request)
{
    return kind_has(request->parts.kind, KIND_TPM);
}

/* credential_open(): only what was sealed as MACHINE@ID and is under a key; OUTCOME_EMPTY for a
 * secret of size 0, which the peer could not tell from a failed delivery. NOW in µs since 1970. */
int request_open(const Request *request, const CredentialName *name, const Secret *tpm_key,
                 uint64_t now, Reason *reason, Secret **ret_plaintext);
