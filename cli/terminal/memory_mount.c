/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/memory_mount.h"

#include "base/fsutil.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

bool memory_has_swap(void)
{
    _cleanup_(bytes_done) Bytes swaps = {0};
    int r = file_read("/proc/swaps", LIMIT_PLAINTEXT_BYTES, NULL, &swaps);
    const uint8_t *heading = r == 0 ? memchr(swaps.data, '\n', swaps.size) : NULL;

    /* a kernel without swap has no such file */
    return r != -ENOENT && (!heading || heading + 1 < swaps.data + swaps.size);
}

static int write_file(const char *path, const char *text)
{
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd < 0 ? -errno : file_write_fd(fd, text_view(text));
}

/* Maps ID to itself. */
static int write_map(const char *path, unsigned id)
{
    char text[64];

    snprintf(text, sizeof(text), "%u %u 1\n", id, id);
    return write_file(path, text);
}

int memory_mount_prepare(Reason *reason)
{
    unsigned user = geteuid(), group = getegid();
    int r = 0;

    if (user == 0)
        return 0;
    /* A process that nobody may trace cannot map its own user. It has no secrets yet. */
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        r = -errno;
    if (r == 0)
        r = write_file("/proc/self/setgroups", "deny");
    if (r == 0)
        r = write_map("/proc/self/uid_map", user);
    if (r == 0)
        r = write_map("/proc/self/gid_map", group);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 && r == 0)
        r = -errno;
    return r == 0 ? 0
                  : reason_set(reason, r,
                               "only root can create a file system in memory here, since this "
                               "system forbids user namespaces");
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
                          "swapoff -a, or be root on Linux 6.4)");
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
