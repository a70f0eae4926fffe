/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What enable and disable share. See enabling.h.
 */

#include "enabling.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define PLACE       "/etc/nspawn-creds"
#define FOLDER_MODE ((mode_t)0755)

const char *const enabling_sockets[ENABLING_SOCKETS] = {"nspawn-creds-broker.socket",
                                                        "nspawn-creds-control.socket"};

static int path_of(const char *machine, const char *format, char **ret)
{
    char *path;

    if (asprintf(&path, PLACE "/%s%s", machine, format) < 0)
        return -ENOMEM;
    *ret = path;
    return 0;
}

int enabling_file(const char *machine, char **ret)
{
    return path_of(machine, ".json", ret);
}

int enabling_drop_in(const char *machine, char **ret)
{
    return path_of(machine, ".json.d/50-enabled.json", ret);
}

int enabling_make_folder(const char *path, Reason *reason)
{
    _cleanup_(freep) char *folder = strdup(path);

    if (!folder)
        return -ENOMEM;
    for (char *slash = folder + strlen(PLACE); (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(folder, FOLDER_MODE) < 0 && errno != EEXIST)
            return reason_set(reason, -errno, "cannot make %s", folder);
    }
    return 0;
}
