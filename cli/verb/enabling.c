/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What enable, disable and doctor share. See enabling.h.
 */

#include "verb/enabling.h"

#include "manager/live_mount.h"

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

/* --- the machine's unit --- */

static bool has_pair(char **pairs, const char *id)
{
    for (; pairs && *pairs; pairs += 2)
        if (strcmp(pairs[0], id) == 0)
            return true;
    return false;
}

static bool has_word(char **words, const char *word)
{
    for (; words && *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

bool enabling_unit_asks(const ManagerService *service, const char *machine,
                        const PolicyCredential *credential)
{
    char text[CREDENTIAL_NAME_TEXT_BYTES + sizeof("NSPAWN_CREDS_LIVE=")];

    if (credential->delivery == POLICY_BOOT)
        return has_pair(service->credentials, credential->id);
    if (credential->delivery == POLICY_LIVE) {
        snprintf(text, sizeof(text), "NSPAWN_CREDS_LIVE=%s", machine);
        return has_word(service->environment, text);
    }
    snprintf(text, sizeof(text), "%s@%s", machine, credential->id);
    return has_pair(service->encrypted, text);
}

int enabling_live_is_bound(Manager *manager, const char *machine, bool *ret)
{
    pid_t leader;
    int r = manager_leader(manager, machine, &leader);

    return r == 0 ? live_mount_is_bound(leader, machine, ret) : r;
}
