/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "manager/live_mount.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Whether a bind mount is at the mount point of the live mount: "Bind=SOURCE:PATH" or with
 * ":OPTIONS". */
static bool is_live_bind(const char *setting)
{
    const char *path = strstr(setting, ":" LIVE_MOUNT_INSIDE);

    return path && strchr(": \t\n", path[strlen(":" LIVE_MOUNT_INSIDE)]);
}

static LiveMountSettings read_settings(const char *file)
{
    static const char *const settings[] = {"Bind", "Inaccessible", "Overlay",
                                           "TemporaryFileSystem"};
    _cleanup_(fclosep) FILE *stream = fopen(file, "re");
    _cleanup_(freep) char *line = NULL;
    LiveMountSettings found = LIVE_MOUNT_NOT_SAID;
    size_t room = 0;

    while (stream && getline(&line, &room, stream) >= 0) {
        const char *setting = line + strspn(line, " \t");

        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
            if (strncmp(setting, settings[i], strlen(settings[i])) == 0)
                found = LIVE_MOUNT_DISPLACED;
        if (strncmp(setting, "Bind", strlen("Bind")) == 0 && is_live_bind(setting))
            return LIVE_MOUNT_BOUND;
    }
    return found;
}

bool live_mount_file(const char *machine, char ret[PATH_MAX])
{
    static const char *const directories[] = {"/etc/systemd/nspawn", "/run/systemd/nspawn"};

    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        snprintf(ret, PATH_MAX, "%s/%s.nspawn", directories[i], machine);
        if (access(ret, F_OK) == 0)
            return true;
    }
    return false;
}

LiveMountSettings live_mount_settings(const char *machine, char ret_file[PATH_MAX])
{
    return live_mount_file(machine, ret_file) ? read_settings(ret_file) : LIVE_MOUNT_NOT_SAID;
}

int live_mount_is_bound(pid_t leader, const char *machine, bool *ret)
{
    _cleanup_(fclosep) FILE *mounts = NULL;
    _cleanup_(freep) char *line = NULL;
    /* the directory in its file system, and the mount point: columns 4 and 5 of
     * proc_pid_mountinfo(5) */
    char path[64], expected[PATH_MAX];
    size_t room = 0;

    snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)leader);
    snprintf(expected, sizeof(expected), "/nspawn-creds/machines/%s " LIVE_MOUNT_INSIDE " ",
             machine);
    mounts = fopen(path, "re");
    if (!mounts)
        return -errno;
    *ret = false;
    while (getline(&line, &room, mounts) >= 0)
        *ret = *ret || strstr(line, expected);
    return ferror(mounts) ? -EIO : 0;
}

/* A socket of another type cannot connect, but the errno says whether somebody listens. */
int live_mount_check(const char *machine)
{
    _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof(address.sun_path),
                          LIVE_MOUNT_FOLDER "/%s" LIVE_MOUNT_SOCKET, machine);

    if (fd < 0)
        return -errno;
    if (length >= (int)sizeof(address.sun_path))
        return -ENAMETOOLONG;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return -EPROTOTYPE;
    return errno == EPROTOTYPE ? 0 : -errno;
}
