/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether the firmware uses a TPM. See firmware.h.
 */

#include "key/firmware.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <unistd.h>

static bool is_there(const Context *context, const char *name)
{
    _cleanup_(freep) char *path = NULL;

    if (asprintf(&path, "%s%s", context->root, name) < 0) {
        path = NULL;
        return false;
    }
    return access(path, F_OK) == 0;
}

bool firmware_has_tpm(const Context *context)
{
    return is_there(context, "/sys/firmware/efi") &&
           (is_there(context, "/sys/firmware/acpi/tables/TPM2") ||
            is_there(context, "/sys/kernel/security/tpm0/binary_bios_measurements"));
}
