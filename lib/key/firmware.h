/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether this machine's firmware uses a TPM.
 */

#include "base/context.h"

#include <stdbool.h>

/* Whether the firmware is UEFI and knows of a TPM, according to /sys below the context's root. If
 * not, nothing was measured at boot, and no policy on the PCRs of the boot can be met. This is
 * systemd's check, too ("+firmware" of systemd-analyze has-tpm2). */
bool firmware_has_tpm(const Context *context);
