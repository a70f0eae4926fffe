/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Facts about this machine, read below the context's root: its id, and whether its firmware uses a
 * TPM.
 */

#include "base/context.h"
#include "base/outcome.h"

#include <stdbool.h>
#include <systemd/sd-id128.h>

/* Reads /etc/machine-id. -ENOMEDIUM if the file does not contain one. */
int machine_id_read(const Context *context, Reason *reason, sd_id128_t *ret);

/* Whether the firmware is UEFI and knows of a TPM, according to /sys below the context's root. If
 * not, nothing was measured at boot, and no policy on the PCRs of the boot can be met. This is
 * systemd's check, too ("+firmware" of systemd-analyze has-tpm2). */
bool firmware_has_tpm(const Context *context);
