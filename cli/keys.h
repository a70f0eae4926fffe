/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys that a credential is sealed or opened with, fetched from this host.
 */

#include "base/context.h"
#include "credential/open.h"
#include "key/host_key.h"
#include "key/user_scope.h"
#include "options.h"
#include "secret/secret.h"
#include "tpm/tpm.h"

/* Where the host key is: $SYSTEMD_CREDENTIAL_SECRET, as for systemd, or HOST_KEY_PATH. */
const char *keys_host_path(void);

/* Keys of one credential. */
typedef struct Keys {
    const Kind *kind;
    Secret *host; /* NULL if the kind has none */
    Secret *tpm;
    TpmSealed tpm_sealed; /* for sealing: what unseals .tpm */
    UserScope scope;      /* whose it is, if the kind is scoped */
} Keys;

/* The user that the kind of KEYS asks for, or NULL. */
static inline const UserScope *keys_scope(const Keys *keys)
{
    return kind_has(keys->kind, KIND_SCOPED) ? &keys->scope : NULL;
}

void keys_done(Keys *keys); /* for _cleanup_ */

/* What --with-key= asks for, in the newest form that --for-systemd= opens; with auto what that
 * version would choose: the host key and the TPM, with a signed PCR policy if this host has a
 * public key for one; where there is no TPM the host key alone; where the host key would not
 * outlast a reboot the TPM alone, or OUTCOME_TPM_UNREACHABLE. Makes the host key if there is none.
 * The TPM's key is one that other credentials have if there is one (cli/sharing.h). */
int keys_for_sealing(const Context *context, const Options *options, Reason *reason, Keys *ret);

/* What the credential needs. */
int keys_for_opening(const Context *context, const Options *options, const CredentialParts *parts,
                     Reason *reason, Keys *ret);
