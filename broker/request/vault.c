/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policies, the store and the host key. See vault.h.
 */

#include "request/vault.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct Vault {
    const ServerConfig *config;
    PolicyCache *policies;
    Store *store;
    Secret *host_key;
    int host_key_rc;        /* why there is none; 0 if not tried yet */
    Reason host_key_reason; /* goes with it */
};

int vault_new(const ServerConfig *config, Vault **ret)
{
    _cleanup_(vault_freep) Vault *vault = calloc(1, sizeof(*vault));
    int r;

    if (!vault)
        return -ENOMEM;
    vault->config = config;
    r = policy_cache_new(config->context, &vault->policies);
    if (r == 0)
        *ret = TAKE_PTR(vault);
    return r;
}

Vault *vault_free(Vault *vault)
{
    if (vault) {
        policy_cache_free(vault->policies);
        store_free(vault->store);
        secret_free(vault->host_key);
        free(vault);
    }
    return NULL;
}

static int open_store(Vault *vault, Reason *reason)
{
    return vault->store ? 0 : store_new(vault->config->store_path, reason, &vault->store);
}

PolicyCache *vault_policies(Vault *vault)
{
    return vault->policies;
}

uid_t vault_trusted_uid(const Vault *vault)
{
    return vault->config->trusted_uid;
}

const Context *vault_context(const Vault *vault)
{
    return vault->config->context;
}

bool vault_has_tpm(const Vault *vault)
{
    const char *device = vault->config->tpm_device;

    if (!device || strcmp(device, "auto") == 0)
        device = TPM_DEFAULT_DEVICE;
    /* one that is there and may not be used is a fault to be told of, not a missing one */
    return device[0] != '/' || access(device, F_OK) == 0 || errno != ENOENT;
}

int vault_store(Vault *vault, Reason *reason, const Store **ret)
{
    int r = open_store(vault, reason);

    if (r == 0)
        *ret = vault->store;
    return r;
}

int vault_read(Vault *vault, const CredentialName *name, Reason *reason, Bytes *ret)
{
    int r = open_store(vault, reason);

    return r != 0 ? r : store_read(vault->store, name, reason, ret);
}

int vault_list(Vault *vault, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count)
{
    int r = open_store(vault, reason);

    return r != 0 ? r : store_list(vault->store, machine, reason, ret, ret_count);
}

int vault_machines(Vault *vault, Reason *reason, MachineName **ret, size_t *ret_count)
{
    int r = open_store(vault, reason);

    return r != 0 ? r : store_machines(vault->store, reason, ret, ret_count);
}

int vault_write(Vault *vault, const CredentialName *name, BytesView file, bool replace,
                Reason *reason)
{
    int r = open_store(vault, reason);

    if (r != 0)
        return r;
    return replace ? store_write(vault->store, name, file, reason)
                   : store_add(vault->store, name, file, reason);
}

int vault_remove(Vault *vault, const CredentialName *name, Reason *reason)
{
    int r = open_store(vault, reason);

    return r != 0 ? r : store_remove(vault->store, name, reason);
}

int vault_host_key(Vault *vault, Reason *reason, const Secret **ret)
{
    if (!vault->host_key && vault->host_key_rc == 0)
        vault->host_key_rc =
            host_key_load_passed(vault->config->context, vault->config->host_key_path,
                                 &vault->host_key_reason, &vault->host_key);
    if (vault->host_key_rc != 0) {
        if (reason)
            *reason = vault->host_key_reason;
        return vault->host_key_rc;
    }
    *ret = vault->host_key;
    return 0;
}

bool vault_stale(const Vault *vault)
{
    return vault->host_key_rc != 0;
}
