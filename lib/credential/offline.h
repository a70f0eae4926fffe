/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Makes a sealed key for another host from that host's identity, as tpm_seal() does for this host.
 * It needs no TPM.
 *
 * The host key never leaves its host, so credentials from elsewhere can only use the TPM.
 */

#include "base/context.h"
#include "credential/identity.h"
#include "credential/kinds.h"
#include "secret/secret.h"
#include "tpm/tpm.h"

typedef enum OfflineForm {
    OFFLINE_AUTO,   /* legacy if its key is known, because more versions open it; else pinned */
    OFFLINE_LEGACY, /* under the legacy primary: systemd 255 and later */
    OFFLINE_PINNED, /* under the storage root key, which the file contains: systemd 262 and later */
} OfflineForm;

typedef struct OfflineRequest {
    const Identity *identity;
    OfflineForm form;
    TpmPcrs pcrs;             /* PCRs to seal for: with given values (SHA-256), or with those of the
                                 identity */
    BytesView public_key;     /* PEM: also seal for what this key signs; empty: no signed policy */
    uint64_t public_key_mask; /* with public_key: the PCRs that it signs for, not 0 */
    const Secret *key;        /* the key to seal, of TPM_KEY_BYTES; NULL: a fresh one */
} OfflineRequest;

typedef struct OfflineKey {
    const Kind *kind;
    Secret *key;      /* fresh, from the Context's randomness, or that of the request */
    TpmSealed sealed; /* unseals the key */
} OfflineKey;

void offline_key_done(OfflineKey *key); /* for _cleanup_ */

/* The kind of what offline_key_new() would make, and whether it can; makes no key. Returns as it.
 */
int offline_kind(const OfflineRequest *request, Reason *reason, const Kind **ret);

/* What offline_key_new() would make, except for .key and the blob that it is sealed in: what the
 * host needs, besides the blob, to unseal it. Returns as it. */
int offline_describe(const OfflineRequest *request, Reason *reason, OfflineKey *ret);

/* OUTCOME_USAGE if the identity lacks the key for the form, or a PCR; OUTCOME_MALFORMED if
 * .public_key is not valid; -EIO, -ENOMEM. */
int offline_key_new(const Context *context, const OfflineRequest *request, Reason *reason,
                    OfflineKey *ret);
