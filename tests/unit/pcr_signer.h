/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Signers of PCR policies, for tests: what systemd-measure(1) is to a real system.
 */

#include "tpm/signer.h"
#include "tpm/tpm.h"

#include <openssl/evp.h>

typedef struct PcrSigner {
    EVP_PKEY *key;
    Bytes pem;
    char fingerprint[2 * SIGNER_FINGERPRINT_BYTES + 1];
} PcrSigner;

PcrSigner pcr_signer_new(void);
void pcr_signer_done(PcrSigner *signer); /* for _cleanup_ */

/* A file with one entry: the PCR as it is now, said to be by SIGNER, signed with BY. */
Bytes pcr_sign(Tpm *tpm, const PcrSigner *signer, const PcrSigner *by, unsigned pcr, uint16_t bank);
