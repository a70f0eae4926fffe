/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/memory_mount.h"

#include "base/fsutil.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

bool memory_has_swap(void)
{
    _cleanup_(bytes_done) Bytes swaps = {0};
    int r = file_read("/proc/swaps", LIMIT_PLAINTEXT_BYTES, NULL, &swaps);
    const uint8_t *heading = r == 0 ? memchr(swaps.data, '\n', swaps.size) : NULL;

    /* a kernel without swap has no such file */
    return r != -ENOENT && (!heading || heading + 1 < swaps.data + swaps.size);
}

/* A ramfs is never swapped, but has no limit. A tmpfs has one, and from Linux 6.4 on an option that
 * keeps it out of swap. */
int memory_mount_new(const char *size, Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int context = fsopen(size ? "tmpfs" : "ramfs", FSOPEN_CLOEXEC);
    int fd;

    if (context < 0 && errno == EPERM)
        return reason_set(reason, -EPERM, "only root can create a file system in memory");
    if (context < 0)
        return reason_set(reason, -errno, "cannot create a file system in memory");
    if (size && fsconfig(context, FSCONFIG_SET_FLAG, "noswap", NULL, 0) < 0 && memory_has_swap())
        return reason_set(reason, -EOPNOTSUPP,
                          "cannot keep the file out of swap (switch swap off in the meantime, "
                          "swapoff -a, or use Linux 6.4)");
    if (fsconfig(context, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
        (size && fsconfig(context, FSCONFIG_SET_STRING, "size", size, 0) < 0) ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return reason_set(reason, -errno, "cannot create a file system in memory");
    fd =
        fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot mount a file system in memory");
    *ret_fd = fd;
    return 0;
}
