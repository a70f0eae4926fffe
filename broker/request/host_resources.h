/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host resources, from which requests are answered: policies, the store, the host key.
 *
 * Each is opened when it is first needed. If the store cannot be opened, the next request tries
 * again. The host key is read once, because the service manager fills $CREDENTIALS_DIRECTORY only
 * when it starts the broker. If its file is created or replaced later, only the next broker has the
 * new key; .host_key_rc says that one is needed.
 */

#include "fleet/fleet_set.h"
#include "key/host_key.h"
#include "policy/policy_load.h"
#include "process/config.h"
#include "request/expiries.h"
#include "store/store.h"

typedef struct HostResources {
    int rollback_rc; /* why no request is answered (request/rollback_guard.h); or 0 */
    Reason rollback_reason;
    const ServerConfig *config;
    PolicyCache *policies;
    Expiries expiries;
    FleetSet fleet; /* of the fleet that was read last; {0} at first */
    Store *store;   /* private from here on */
    Secret *host_key;
    int host_key_rc; /* why it cannot be used; 0 if not tried yet, or loaded */
    Reason host_key_reason;
} HostResources;

/* CONFIG is borrowed. Returns 0 or -ENOMEM. */
int host_resources_new(const ServerConfig *config, HostResources **ret);
HostResources *host_resources_free(HostResources *resources);
DEFINE_CLEANUP(HostResources *, host_resources_free);

/* Whether the TPM's device, the configured or the default one, exists. */
bool host_resources_has_tpm(const HostResources *resources);

/* The store, borrowed. Returns what store_new() returns. */
int host_resources_store(HostResources *resources, Reason *reason, const Store **ret);

/* Returns what store_new() and store_read() return. */
int host_resources_read(HostResources *resources, const CredentialName *name, Reason *reason,
                        Bytes *ret);

/* The host key, borrowed, to open or TO_SEAL something. Returns what host_key_check_source()
 * returns now, and what host_key_load_passed() returned the first time; OUTCOME_INTERRUPTED once
 * the file has changed; OUTCOME_HOST_KEY_MISSING if it was removed and nothing must be sealed with
 * it. */
int host_resources_host_key(HostResources *resources, bool to_seal, Reason *reason,
                            const Secret **ret);
