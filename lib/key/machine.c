/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key/machine.h"

#include "base/fsutil.h"

#include <errno.h>
#include <limits.h>

/* Limit for /etc/machine-id, which has 32 digits and a newline. */
#define MACHINE_ID_FILE_BYTES ((size_t)64)

int machine_id_read(const Context *context, Reason *reason, sd_id128_t *ret)
{
    char path[PATH_MAX];
    _cleanup_(bytes_done) Bytes file = {0};
    char digits[SD_ID128_STRING_MAX];
    int r;

    snprintf(path, sizeof(path), "%s/etc/machine-id", context->root);
    r = file_read(path, MACHINE_ID_FILE_BYTES, reason, &file);
    if (r != 0)
        return r;
    snprintf(digits, sizeof(digits), "%.*s", (int)file.size, (const char *)file.data);
    if (sd_id128_from_string(digits, ret) < 0)
        return reason_set(reason, -ENOMEDIUM, "%s does not contain a machine id", path);
    return 0;
}

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
