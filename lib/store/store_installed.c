/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store_installed.h"

#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int check(int directory, const char *path, Reason *reason)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    const struct group *group = getgrnam(BROKER_USER);
    struct stat status;

    if (fstat(directory, &status) < 0)
        return reason_set(reason, -errno, "cannot open the store %s", path);
    if (status.st_uid != 0 && !(user && status.st_uid == user->pw_uid))
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s belongs to user %u, not to root or " BROKER_USER, path,
                          status.st_uid);
    if (group && status.st_gid != group->gr_gid)
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s belongs to group %u, not to " BROKER_USER, path,
                          status.st_gid);
    if (status.st_mode & S_IWOTH)
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s is writable for everybody (mode %04o)", path,
                          status.st_mode & 07777U);
    return 0;
}

int store_directory_open(const char *path, Reason *reason, int *ret_fd)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

    if (fd < 0 && errno == ELOOP)
        return reason_set(reason, OUTCOME_STORE_UNSAFE,
                          "the store %s is reached through a symbolic link: set Path= to where it "
                          "really is",
                          path);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the store %s", path);
    *ret_fd = fd;
    return 0;
}

int store_open_installed(const char *path, Reason *reason, Store **ret)
{
    _cleanup_(closep) int directory = -1;
    int r = store_directory_open(path, reason, &directory);

    if (r == 0 && geteuid() == 0)
        r = check(directory, path, reason);
    return r == 0 ? store_new_from(&directory, path, reason, ret) : r;
}
