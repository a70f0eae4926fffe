/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The resources: the things of the host that answers are made from: policies, the store, the host
 * key.
 *
 * Each is opened when it is first needed. A store that cannot be opened is tried again at the next
 * request. The host key is read once: it stands in $CREDENTIALS_DIRECTORY, which the service
 * manager fills when the broker starts and never again, so a key that is made later is only seen by
 * the next broker. host_resources_stale() says that it is time for one.
 */

#include "key/host_key.h"
#include "policy/policy_cache.h"
#include "process/config.h"
#include "store/store.h"

typedef struct HostResources HostResources;

/* CONFIG is borrowed. -ENOMEM. */
int host_resources_new(const ServerConfig *config, HostResources **ret);
HostResources *host_resources_free(HostResources *resources);
DEFINE_CLEANUP(HostResources *, host_resources_free);

/* Borrowed. */
PolicyCache *host_resources_policies(HostResources *resources);

/* Whose files are trusted: root, on a real system. */
uid_t host_resources_trusted_uid(const HostResources *resources);

/* The context of the configuration. */
const Context *host_resources_context(const HostResources *resources);

/* Whether this host has a TPM that could be asked: what is named in the configuration is there, or
 * the default device is. */
bool host_resources_has_tpm(const HostResources *resources);

/* The store, borrowed; what store_new() returns if it cannot be opened. */
int host_resources_store(HostResources *resources, Reason *reason, const Store **ret);

/* store_read(), and what opening the store returns. */
int host_resources_read(HostResources *resources, const CredentialName *name, Reason *reason,
                        Bytes *ret);

/* store_list(), store_machines(), store_write() or with REPLACE false store_add(), store_remove();
 * and what opening the store returns. */
int host_resources_list(HostResources *resources, const char *machine, Reason *reason,
                        StoreEntry **ret, size_t *ret_count);
int host_resources_machines(HostResources *resources, Reason *reason, MachineName **ret,
                            size_t *ret_count);
int host_resources_write(HostResources *resources, const CredentialName *name, BytesView file,
                         bool replace, Reason *reason);
int host_resources_remove(HostResources *resources, const CredentialName *name, Reason *reason);

/* host_key_load_passed(); the key is borrowed. */
int host_resources_host_key(HostResources *resources, Reason *reason, const Secret **ret);

/* Whether the host key was asked for and is not there, or of no use. */
bool host_resources_stale(const HostResources *resources);
