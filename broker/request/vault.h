/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The vault: the things of the host that answers are made from: policies, the store, the host key.
 *
 * Each is opened when it is first needed. A store that cannot be opened is tried again at the next
 * request. The host key is read once: it stands in $CREDENTIALS_DIRECTORY, which the service
 * manager fills when the broker starts and never again, so a key that is made later is only seen by
 * the next broker. vault_stale() says that it is time for one.
 */

#include "key/host_key.h"
#include "policy/policy_cache.h"
#include "process/config.h"
#include "store/store.h"

typedef struct Vault Vault;

/* CONFIG is borrowed. -ENOMEM. */
int vault_new(const ServerConfig *config, Vault **ret);
Vault *vault_free(Vault *vault);
DEFINE_CLEANUP(Vault *, vault_free);

/* Borrowed. */
PolicyCache *vault_policies(Vault *vault);

/* Whose files are trusted: root, on a real system. */
uid_t vault_trusted_uid(const Vault *vault);

/* The context of the configuration. */
const Context *vault_context(const Vault *vault);

/* Whether this host has a TPM that could be asked: what is named in the configuration is there, or
 * the default device is. */
bool vault_has_tpm(const Vault *vault);

/* The store, borrowed; what store_new() returns if it cannot be opened. */
int vault_store(Vault *vault, Reason *reason, const Store **ret);

/* store_read(), and what opening the store returns. */
int vault_read(Vault *vault, const CredentialName *name, Reason *reason, Bytes *ret);

/* store_list(), store_machines(), store_write() or with REPLACE false store_add(), store_remove();
 * and what opening the store returns. */
int vault_list(Vault *vault, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count);
int vault_machines(Vault *vault, Reason *reason, MachineName **ret, size_t *ret_count);
int vault_write(Vault *vault, const CredentialName *name, BytesView file, bool replace,
                Reason *reason);
int vault_remove(Vault *vault, const CredentialName *name, Reason *reason);

/* host_key_load_passed(); the key is borrowed. */
int vault_host_key(Vault *vault, Reason *reason, const Secret **ret);

/* Whether the host key was asked for and is not there, or of no use. */
bool vault_stale(const Vault *vault);
