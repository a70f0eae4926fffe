/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A sealed key for another host, of which only the identity is known: what tpm_seal() is for this
 * host. No TPM is asked.
 *
 * The host key is a secret of its host, so that a credential from elsewhere can have the TPM's key
 * alone.
 */

#include "base/context.h"
#include "credential/identity.h"
#include "credential/kinds.h"
#include "secret/secret.h"
#include "tpm/tpm.h"

typedef enum OfflineForm {
    OFFLINE_AUTO,   /* the legacy one where its key is known, for what it opens on; else pinned */
    OFFLINE_LEGACY, /* under the legacy primary: systemd 255 and later */
    OFFLINE_PINNED, /* under the storage root key, which stands in it: systemd 262 and later */
} OfflineForm;

typedef struct OfflineRequest {
    const Identity *identity;
    OfflineForm form;
    TpmPcrs pcrs;         /* sealed for these: for values that are given (SHA-256's), or else for
                             the identity's */
    BytesView public_key; /* PEM: and for what this key signs; empty: for no signature */
    uint64_t public_key_mask; /* with public_key: the PCRs that it signs for, at least one */
} OfflineRequest;

typedef struct OfflineKey {
    const Kind *kind;
    Secret *key;      /* fresh, from the context's randomness */
    TpmSealed sealed; /* what unseals it */
} OfflineKey;

void offline_key_done(OfflineKey *key); /* for _cleanup_ */

/* OUTCOME_USAGE if the identity lacks the key for the form, or a PCR; OUTCOME_MALFORMED for a
 * public key that is none; -EIO, -ENOMEM. */
int offline_key_new(const Context *context, const OfflineRequest *request, Reason *reason,
                    OfflineKey *ret);
