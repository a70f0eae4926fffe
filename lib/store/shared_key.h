/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A sealed key that is there already, to seal a further credential with.
 *
 * A credential carries the key that it is sealed with, sealed by the TPM. Nothing forbids that many
 * carry the same one, each with an IV of its own: 96 random bits, so that 2^32 credentials may have
 * it. All of a machine's then take one unsealing (server/tpm_job.h) instead of one each, and every
 * systemd-creds opens them as ever. With and without the host key it is the same sealed key.
 *
 * A key is taken only where nothing is lost by it: it must be sealed for the very policy that a
 * fresh one would get, in the same form, and by the TPM itself and not outside of it, where others
 * may know it; and the TPM must unseal it now, which shows that the PCRs are those of now. In a
 * store the last written credential comes first, so that a fresh key is the one that is shared from
 * then on.
 */

#include "credential/format.h"
#include "store/store.h"

/* What a credential is to be. */
typedef struct SharedKeyRequest {
    unsigned parts;                /* KeyTypes of its kind */
    const TpmSealRequest *request; /* what a fresh key would be sealed for */
    BytesView signatures; /* with KIND_PUBLIC_KEY: a file of them; empty if there is none */
} SharedKeyRequest;

typedef struct SharedKey {
    TpmSealed sealed;
    Secret *key;
} SharedKey;

void shared_key_done(SharedKey *key); /* for _cleanup_ */

/* The key of the credential FILE, in base64 or raw. OUTCOME_NOT_FOUND if it has none, or one that
 * is not as wished; every return of credential_decode(), credential_parse() and tpm_unseal(). */
int shared_key_of_file(Tpm *tpm, BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                       SharedKey *ret);

/* The same of MACHINE's credentials in the store, but still sealed: what is left is to have the TPM
 * unseal it. OUTCOME_NOT_FOUND; what store_list() returns. */
int shared_key_find(const Store *store, const char *machine, const SharedKeyRequest *wanted,
                    Reason *reason, TpmSealed *ret);

/* A key of MACHINE's credentials in the store. OUTCOME_NOT_FOUND if there is none as wished; else
 * why the last one that was tried could not be unsealed, or the store not be read. */
int shared_key_of_machine(Tpm *tpm, const Store *store, const char *machine,
                          const SharedKeyRequest *wanted, Reason *reason, SharedKey *ret);
