/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/fleet_host.h"

#include "base/fsutil.h"
#include "store/store.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "identity.json"

_Static_assert(_FLEET_KEY_MAX == IDENTITY_KEYS, "in the same order");

void fleet_host_path(const char *store, char path[PATH_MAX])
{
    store_path_beside(store, FILE_NAME, path);
}

FleetHost fleet_host_of(const Identity *identity)
{
    FleetHost host = {0};

    for (size_t i = 0; i < IDENTITY_KEYS; i++) {
        TpmStorageKey key;

        if (identity->keys[i].size > 0 &&
            tpm_storage_key_parse(bytes_view(&identity->keys[i]), NULL, &key) == 0)
            sodium_bin2hex(host.keys[i], sizeof(host.keys[i]), key.name, sizeof(key.name));
    }
    return host;
}

int fleet_host_read(const char *store, Reason *reason, FleetHost *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(identity_done) Identity identity = {0};
    char path[PATH_MAX];
    int r;

    fleet_host_path(store, path);
    r = file_read(path, LIMIT_IDENTITY_BYTES, reason, &file);
    if (r == -ENOENT)
        return reason_set(reason, OUTCOME_BAD_IDENTITY,
                          "this host has no %s yet: nspawn-creds host export makes it", path);
    if (r == 0)
        r = identity_parse(bytes_view(&file), reason, &identity);
    if (r != 0)
        return r > 0 ? OUTCOME_BAD_IDENTITY : r;
    *ret = fleet_host_of(&identity);
    return 0;
}
