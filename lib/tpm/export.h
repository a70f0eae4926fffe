/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a TPM tells about itself so that others can seal to it: the public parts of its storage
 * keys, and its PCRs. Nothing of it is secret.
 *
 * The PCRs are read through a session that is salted with the storage key, so that they are of the
 * TPM that has the key. That the key is this TPM's is believed: who sits between us and the chip
 * can name his own, as he can when it is made.
 */

#include "tpm/tpm.h"

typedef struct TpmExport {
    Bytes srk;    /* TPM2B_PUBLIC of the key at 0x81000001; empty if there is none */
    Bytes legacy; /* TPM2B_PUBLIC of the legacy primary that systemd would choose */
    TpmPcrs pcrs; /* those that the TPM has in SHA-256's bank, all given */
} TpmExport;

void tpm_export_done(TpmExport *export); /* for _cleanup_ */

/* OUTCOME_TPM_… as tpm_seal(). */
int tpm_export(Tpm *tpm, Reason *reason, TpmExport *ret);
