/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The broker's TPM operations. They run in a child process (tpm/tpm_child.h) and may block. Tests
 * replace them.
 */

#include "tpm/tpm.h"

typedef int (*TpmUnseal)(const char *device, const TpmSealedView *sealed, Reason *reason,
                         Secret **ret_key);
typedef int (*TpmSealFresh)(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key);

/* Unseals with DEVICE; uses the system's signatures of PCR policies if SEALED needs one. */
int tpm_calls_unseal(const char *device, const TpmSealedView *sealed, Reason *reason,
                     Secret **ret_key);

/* Seals a fresh key with DEVICE, without PCRs, in the form that systemd 252 and later open. */
int tpm_calls_seal_fresh(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key);
