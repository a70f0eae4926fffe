/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared keys: the sealed key of an existing credential, used for another one.
 *
 * A sealed file contains its own key, sealed by the TPM. Many files may contain the same one, each
 * with its own IV of 96 random bits, which is enough for 2^32 files. All credentials of a machine
 * then need one unsealing (broker/request/tpm_job.h) instead of one each, and every systemd-creds
 * still opens them. Files with and without the host key can share a sealed key.
 *
 * A shared key must be as good as a fresh one: sealed for the same policy and in the same form, and
 * by the TPM itself, because others may know a key that was made elsewhere. The TPM must unseal it
 * now, which proves that the PCRs have their present values. The most recent credential is tried
 * first, so that a fresh key is shared from then on.
 *
 * Whoever takes over the broker can unseal every key in the store, and plant files with others. No
 * such key may last. So a new value never keeps the key of the old one: it shares a key that came
 * into the store after the old value, or gets a fresh one. If all values of a machine are replaced
 * one after the other, the first gets a fresh key, which the others share; and after two new values
 * each, no key from before is left. Files whose time of writing was set ahead do not count, because
 * they would stay the most recent ones.
 */

#include "credential/format.h"
#include "store/store.h"
#include "tpm/tpm_child.h"

/* What the new credential needs. */
typedef struct SharedKeyRequest {
    unsigned key_types;            /* KeyTypes of its kind */
    bool any_form;                 /* with or without KIND_PINNED */
    const TpmSealRequest *request; /* the policy of a fresh key */
    BytesView signatures; /* with KIND_PUBLIC_KEY: a file of signatures; empty without one */
} SharedKeyRequest;

/* Suitable sealed keys, without duplicates. */
typedef struct SharedKeys {
    TpmSealed keys[LIMIT_SHARED_KEYS];
    unsigned count;
} SharedKeys;

void shared_keys_done(SharedKeys *keys); /* for _cleanup_ */

/* Gets the key of the sealed FILE, in base64 or raw. Returns 0, OUTCOME_NOT_FOUND if it has none or
 * one that is not suitable, or what credential_unpack() returns. */
int shared_keys_of_file(BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                        SharedKeys *ret);

/* Gets the keys that a new value of NAME can share with other credentials of its machine, most
 * recent first. Returns 0, OUTCOME_NOT_FOUND if none is suitable, or what store_list() returns. */
int shared_keys_of_machine(const Store *store, const CredentialName *name,
                           const SharedKeyRequest *wanted, Reason *reason, SharedKeys *ret);

/* Finds a credential of MACHINE with the key that a new credential can share, and reads no further
 * files. */
int shared_key_find(const Store *store, const char *machine, const SharedKeyRequest *wanted,
                    Reason *reason, CredentialName *ret);

/* Unseals the first of KEYS that has WANTED's form and that the TPM can unseal: sets .sealed and
 * .key. Returns 0, OUTCOME_NOT_FOUND if none has that form, or why the last one that was tried
 * failed. */
int shared_keys_unseal(Tpm *tpm, const SharedKeys *keys, const SharedKeyRequest *wanted,
                       Reason *reason, TpmResult *ret);
