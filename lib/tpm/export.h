/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Exports what others need to seal for this TPM: the public parts of its storage keys, and its
 * PCRs. None of it is secret.
 *
 * The PCRs are read through a session that is salted with the storage key, so that they come from
 * the TPM that has the key. We have to believe that this key belongs to the TPM: an interposer
 * could substitute its own, just as when the key is created.
 */

#include "tpm/tpm.h"

typedef struct TpmExport {
    Bytes srk;    /* TPM2B_PUBLIC of the key at 0x81000001; empty if there is none */
    Bytes legacy; /* TPM2B_PUBLIC of the legacy primary that systemd would use */
    TpmPcrs pcrs; /* those in the SHA-256 bank, all with values */
} TpmExport;

void tpm_export_done(TpmExport *export); /* for _cleanup_ */

/* OUTCOME_TPM_… as for tpm_seal(). */
int tpm_export(Tpm *tpm, Reason *reason, TpmExport *ret);
