/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A sealed key that is there already, to seal a further credential with.
 *
 * A credential carries the key that it is sealed with, sealed by the TPM. Nothing forbids that many
 * carry the same one, each with an IV of its own: 96 random bits, so that 2^32 credentials may have
 * it. All of a machine's then take one unsealing (broker/request/tpm_job.h) instead of one each,
 * and every systemd-creds opens them as ever. With and without the host key it is the same sealed
 * key.
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
    unsigned key_types;            /* KeyTypes of its kind */
    bool any_form;                 /* whether with KIND_PINNED or without is not known yet */
    const TpmSealRequest *request; /* what a fresh key would be sealed for */
    BytesView signatures; /* with KIND_PUBLIC_KEY: a file of them; empty if there is none */
} SharedKeyRequest;

/* Keys as wished, still sealed, each once. */
typedef struct SharedKeys {
    TpmSealed keys[LIMIT_SHARED_KEYS];
    unsigned count;
} SharedKeys;

void shared_keys_done(SharedKeys *keys); /* for _cleanup_ */

/* The key of the credential FILE, in base64 or raw. OUTCOME_NOT_FOUND if it has none, or one that
 * is not as wished; returns of credential_decode() and credential_parse(). */
int shared_keys_of_file(BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                        SharedKeys *ret);

/* The keys of MACHINE's credentials in the store, the last written first. OUTCOME_NOT_FOUND if
 * there is none as wished; what store_list() returns. */
int shared_keys_of_machine(const Store *store, const char *machine, const SharedKeyRequest *wanted,
                           Reason *reason, SharedKeys *ret);

/* The first of them alone; other files are not read. */
int shared_key_find(const Store *store, const char *machine, const SharedKeyRequest *wanted,
                    Reason *reason, TpmSealed *ret);

typedef struct SharedKey {
    TpmSealed sealed;
    Secret *key;
} SharedKey;

void shared_key_done(SharedKey *key); /* for _cleanup_ */

/* The first of KEYS in WANTED's form that the TPM unseals. OUTCOME_NOT_FOUND if none is in that
 * form; else why the last one that was tried could not be unsealed. */
int shared_keys_unseal(Tpm *tpm, const SharedKeys *keys, const SharedKeyRequest *wanted,
                       Reason *reason, SharedKey *ret);
