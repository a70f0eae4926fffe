/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the broker wants of the TPM. Tests put other functions in place of these. They are called in
 * a process of their own (tpm/tpm_child.h), and wait as long as it takes.
 */

#include "tpm/tpm.h"

typedef int (*TpmUnseal)(const char *device, const TpmSealedView *sealed, Reason *reason,
                         Secret **ret_key);
typedef int (*TpmSealFresh)(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key);

/* Unseals with DEVICE, and with this system's signatures of PCR policies if SEALED wants one. */
int tpm_calls_unseal(const char *device, const TpmSealedView *sealed, Reason *reason,
                     Secret **ret_key);

/* Seals a fresh key for DEVICE, whatever its PCRs are, in the form that every systemd from 252 on
 * opens. */
int tpm_calls_seal_fresh(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key);
