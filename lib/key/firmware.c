/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the firmware uses a TPM. See firmware.h.
 */

#include "key/firmware.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static bool is_there(const Context *context, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s%s", context->root, name);
    return access(path, F_OK) == 0;
}

bool firmware_has_tpm(const Context *context)
{
    return is_there(context, "/sys/firmware/efi") &&
           (is_there(context, "/sys/firmware/acpi/tables/TPM2") ||
            is_there(context, "/sys/kernel/security/tpm0/binary_bios_measurements"));
}
