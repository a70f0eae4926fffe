/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "own_file.h"

#include "base/trusted_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int own_file_path(const char *name, Reason *reason, char path[PATH_MAX])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int length;

    if (config && config[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/nspawn-creds/%s", config, name);
    else if (home && home[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/.config/nspawn-creds/%s", home, name);
    else
        return reason_set(reason, OUTCOME_USAGE,
                          "$HOME is not set, where your configuration of nspawn-creds is");
    return length < PATH_MAX ? 0 : reason_set(reason, -ENAMETOOLONG, "your configuration");
}

int own_file_make_parents(char *path, Reason *reason)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        int r;

        *slash = '\0';
        r = mkdir(path, 0700) < 0 && errno != EEXIST
                ? reason_set(reason, -errno, "cannot make the directory %s", path)
                : 0;
        *slash = '/';
        if (r != 0)
            return r;
    }
    return 0;
}

int own_file_check_parents(const Context *context, const char *path, Reason *reason)
{
    Context own = *context;
    char folder[PATH_MAX];

    own.trusted_uid = geteuid();
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    return trusted_directory_check(&own, folder, reason);
}

int own_file_open(const Context *context, const char *path, Reason *reason, int *ret_fd)
{
    Context own = *context;

    own.trusted_uid = geteuid();
    return trusted_file_open(&own, path, reason, ret_fd);
}
