/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What this machine's firmware says of a TPM.
 */

#include "base/context.h"

#include <stdbool.h>

/* Whether the firmware, below the context's root, is UEFI and knows of a TPM. Where it does not,
 * nothing was measured at boot, and a policy about PCRs of the boot is never fulfilled. systemd
 * asks the same ("+firmware" of systemd-analyze has-tpm2). */
bool firmware_has_tpm(const Context *context);
