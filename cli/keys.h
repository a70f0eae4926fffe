/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys that a credential is sealed or opened with, fetched from this host.
 */

#include "base/context.h"
#include "credential/open.h"
#include "key/host_key.h"
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
} Keys;

void keys_done(Keys *keys); /* for _cleanup_ */

/* What --with-key= asks for; with auto the host key and the TPM where there is one, else the host
 * key alone. Makes the host key if there is none. */
int keys_for_sealing(const Context *context, const Options *options, Reason *reason, Keys *ret);

/* What the credential needs. */
int keys_for_opening(const Context *context, const Options *options, const CredentialParts *parts,
                     Reason *reason, Keys *ret);
