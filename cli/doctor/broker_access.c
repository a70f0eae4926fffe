/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "doctor/broker_access.h"

#include "base/fsutil.h"
#include "base/shell_word.h"
#include "store/store.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* Whether the sandbox of its unit hides PATH from the broker. */
static bool is_hidden(const char *path)
{
    /* ProtectHome= and PrivateTmp= */
    static const char *const hidden[] = {"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"};

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (strncmp(path, hidden[i], strlen(hidden[i])) == 0)
            return true;
    return false;
}

/* Whether the broker's user has all of the permissions WANTED, of 4 (read) and 1 (search). What an
 * access control list grants is not known here, so it counts as granted. */
static bool has_permissions(const char *path, const struct stat *status, mode_t wanted)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    unsigned shift = user && status->st_uid == user->pw_uid   ? 6
                     : user && status->st_gid == user->pw_gid ? 3
                                                              : 0;

    return (status->st_mode >> shift & wanted) == wanted ||
           getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* Whether others than root may replace what is in this directory, so that no command must name it.
 */
static bool is_others(const struct stat *status)
{
    return status->st_uid != 0 || status->st_mode & S_IWOTH ||
           (status->st_mode & S_IWGRP && status->st_gid != 0);
}

/* BLOCKED, on the way to PATH or PATH itself, lacks the permissions WANTED. */
static void explain(const char *path, const char *blocked, const struct stat *status, mode_t wanted,
                    bool secret, BrokerAccess *ret)
{
    static const char *const grants[] = {[1] = "a+x", [4] = "a+r", [5] = "a+rx"};
    const struct passwd *user = getpwuid(status->st_uid);
    const struct group *group = getgrgid(status->st_gid);
    ShellWord word = shell_word(blocked);

    snprintf(ret->why, sizeof(ret->why),
             "%s cannot be read by the broker: %s has mode %04o and owner %s:%s", path, blocked,
             status->st_mode & 07777U, user ? user->pw_name : "unknown",
             group ? group->gr_name : "unknown");
    if (secret && wanted == 4)
        snprintf(ret->command, sizeof(ret->command), "chgrp " BROKER_USER " %s && chmod 0640 %s",
                 word.text, word.text);
    else
        snprintf(ret->command, sizeof(ret->command), "chmod %s %s", grants[wanted], word.text);
}

bool broker_access_path(const char *path, bool secret, BrokerAccess *ret)
{
    _cleanup_(freep) char *real = realpath(path, NULL);
    bool others = false;
    struct stat status;

    if (real && is_hidden(real)) {
        snprintf(ret->why, sizeof(ret->why),
                 "%s cannot be read by the broker: its sandbox hides this directory", path);
        ret->command[0] = '\0';
        return false;
    }
    /* the directories on the way, then the file itself */
    for (char *end = real; end;) {
        mode_t wanted;

        end = strchr(end + 1, '/');
        if (end)
            *end = '\0';
        if (stat(real, &status) < 0)
            return true;
        wanted = (S_ISDIR(status.st_mode) ? 1 : 0) | (end ? 0 : 4);
        if (!has_permissions(real, &status, wanted)) {
            explain(path, real, &status, wanted, secret, ret);
            if (others)
                ret->command[0] = '\0';
            return false;
        }
        others = others || is_others(&status);
        if (end)
            *end = '/';
    }
    return true;
}

bool broker_access_policy_file(const char *path, BrokerAccess *ret)
{
    const char *name;
    _cleanup_(freep) char *directory = file_parent(path, &name);

    return (!directory || broker_access_path(directory, false, ret)) &&
           broker_access_path(path, false, ret);
}

bool broker_access_source(const PolicyCredential *credential, BrokerAccess *ret)
{
    bool plain = credential->source == POLICY_FILE;

    return (!plain && credential->source != POLICY_SEALED) ||
           broker_access_path(credential->text, plain, ret);
}
