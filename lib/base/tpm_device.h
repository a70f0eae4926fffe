/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The name of a TPM, as --tpm2-device= and nspawn-creds.conf(5) take it: a path, or one of
 * tpm2-tss's transports (TCTIs) with its configuration, as in "swtpm:path=/run/swtpm/tpm".
 *
 * tpm2-tss itself would load any library for a transport, or run a command. Only the transports
 * listed here are taken, so a device name never causes code to run.
 *
 * Pure: the device is not looked at.
 */

#include "base/outcome.h"

#define TPM_DEFAULT_DEVICE "/dev/tpmrm0"

typedef struct TpmDevice {
    const char *transport;     /* "device", "swtpm", "mssim" or "tabrmd"; static */
    const char *configuration; /* what follows the colon, borrowed; NULL if nothing does */
} TpmDevice;

/* TEXT may be NULL, "auto" or "device" for TPM_DEFAULT_DEVICE. OUTCOME_USAGE. */
int tpm_device_parse(const char *text, Reason *reason, TpmDevice *ret);

/* The device file, or NULL if it is not one. */
const char *tpm_device_path(const TpmDevice *device);
