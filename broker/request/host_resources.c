/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/host_resources.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int host_resources_new(const ServerConfig *config, HostResources **ret)
{
    _cleanup_(host_resources_freep) HostResources *resources = calloc(1, sizeof(*resources));
    int r;

    if (!resources)
        return -ENOMEM;
    resources->config = config;
    r = policy_cache_new(config->context, &resources->policies);
    if (r == 0)
        *ret = TAKE_PTR(resources);
    return r;
}

HostResources *host_resources_free(HostResources *resources)
{
    if (resources) {
        policy_cache_free(resources->policies);
        store_free(resources->store);
        fleet_set_done(&resources->fleet);
        secret_free(resources->host_key);
        free(resources);
    }
    return NULL;
}

bool host_resources_has_tpm(const HostResources *resources)
{
    const char *device = resources->config->tpm_device;

    if (!device || strcmp(device, "auto") == 0)
        device = TPM_DEFAULT_DEVICE;
    /* a TPM that exists but may not be used is a fault to report, not a missing TPM */
    return device[0] != '/' || access(device, F_OK) == 0 || errno != ENOENT;
}

int host_resources_store(HostResources *resources, Reason *reason, const Store **ret)
{
    int r =
        resources->store ? 0 : store_new(resources->config->store_path, reason, &resources->store);

    if (r == 0)
        *ret = resources->store;
    return r;
}

int host_resources_read(HostResources *resources, const CredentialName *name, Reason *reason,
                        Bytes *ret)
{
    const Store *store;
    int r = host_resources_store(resources, reason, &store);

    return r != 0 ? r : store_read(store, name, reason, ret);
}

int host_resources_host_key(HostResources *resources, bool to_seal, Reason *reason,
                            const Secret **ret)
{
    const ServerConfig *config = resources->config;
    HostKeyStamp stamp;
    int r = host_key_check_source(config->context, reason, &stamp);

    if (r != 0)
        return r;
    if (to_seal && !stamp.exists && config->host_key.exists)
        return reason_set(reason, OUTCOME_HOST_KEY_MISSING,
                          HOST_KEY_PATH " was removed after the broker had started");
    /* requests that wait have the old key, so it is not wiped before the end */
    if (stamp.exists && !host_key_stamp_equal(&stamp, &config->host_key))
        resources->host_key_rc =
            reason_set(&resources->host_key_reason, OUTCOME_INTERRUPTED,
                       HOST_KEY_PATH " has changed since the broker started, which now restarts");
    if (!resources->host_key && resources->host_key_rc == 0)
        resources->host_key_rc =
            host_key_load_passed(config->context, config->host_key_path,
                                 &resources->host_key_reason, &resources->host_key);
    if (resources->host_key_rc != 0) {
        if (reason)
            *reason = resources->host_key_reason;
        return resources->host_key_rc;
    }
    *ret = resources->host_key;
    return 0;
}
