/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine id. See machine_id.h.
 */

#include "key/machine_id.h"

#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Limit for /etc/machine-id, which has 32 digits and a newline. */
#define MACHINE_ID_FILE_BYTES ((size_t)64)

int machine_id_read(const Context *context, Reason *reason, sd_id128_t *ret)
{
    _cleanup_(freep) char *path = NULL;
    _cleanup_(bytes_done) Bytes file = {0};
    char digits[SD_ID128_STRING_MAX];
    int r;

    if (asprintf(&path, "%s/etc/machine-id", context->root) < 0)
        return reason_set(reason, -ENOMEM, "cannot read the machine id");
    r = file_read(path, MACHINE_ID_FILE_BYTES, reason, &file);
    if (r != 0)
        return r;
    if (file.size < sizeof(digits) - 1)
        return reason_set(reason, -ENOMEDIUM, "%s does not contain a machine id", path);
    memcpy(digits, file.data, sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    if (sd_id128_from_string(digits, ret) < 0)
        return reason_set(reason, -ENOMEDIUM, "%s does not contain a machine id", path);
    return 0;
}
