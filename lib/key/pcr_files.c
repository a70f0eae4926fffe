/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key/pcr_files.h"

#include "base/fsutil.h"
#include "base/limits.h"
#include "base/trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

static const char *const folders[] = {
    "/etc/systemd",
    "/run/systemd",
    "/usr/local/lib/systemd",
    "/usr/lib/systemd",
};

static int load_default(const Context *context, const char *name, size_t limit, Reason *reason,
                        Bytes *ret)
{
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char path[PATH_MAX];
        _cleanup_(closep) int fd = -1;
        int r;

        snprintf(path, sizeof(path), "%s/%s", folders[i], name);
        r = trusted_file_open(context, path, reason, &fd);
        if (r == 0)
            return file_read_fd(fd, path, limit, reason, ret);
        if (r != OUTCOME_NOT_FOUND && r != -ENOTDIR)
            return r;
    }
    return reason_set(reason, OUTCOME_NOT_FOUND,
                      "there is no %s in /etc/systemd, /run/systemd, /usr/local/lib/systemd or "
                      "/usr/lib/systemd",
                      name);
}

int pcr_public_key_load(const Context *context, const char *path, Reason *reason, Bytes *ret)
{
    return path ? file_read(path, LIMIT_FIELD_BYTES, reason, ret)
                : load_default(context, PCR_PUBLIC_KEY_NAME, LIMIT_FIELD_BYTES, reason, ret);
}

int pcr_signatures_load(const Context *context, const char *path, Reason *reason, Bytes *ret)
{
    return path ? file_read(path, LIMIT_SIGNATURE_BYTES, reason, ret)
                : load_default(context, PCR_SIGNATURE_NAME, LIMIT_SIGNATURE_BYTES, reason, ret);
}
