/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host key, as systemd keeps it: /var/lib/systemd/credential.secret, 4112 bytes, mode 0400,
 * bound to the machine id by its first 16 bytes. It is shared with systemd, so it is made as
 * systemd makes it. A key of another machine id is refused and left alone (systemd deletes it):
 * what was sealed with it may be wanted again.
 */

#include "base/context.h"
#include "base/outcome.h"
#include "secret/secret.h"

#define HOST_KEY_PATH       "/var/lib/systemd/credential.secret"

/* Bytes of the file; and of the key in it. */
#define HOST_KEY_FILE_BYTES ((size_t)4112)
#define HOST_KEY_BYTES      ((size_t)4096)

/* Reads the key at PATH for the machine whose /etc/machine-id is below the context's root.
 * RET is kdf_host_key()'s. OUTCOME_HOST_KEY_MISSING, _FOREIGN, _UNSAFE. */
int host_key_load(const Context *context, const char *path, Reason *reason, Secret **ret);

/* The same for a copy that the service manager passed to this service (LoadCredential=): whose mode
 * it chose, and which says "none" (SetCredential=) where the host has no key. */
int host_key_load_passed(const Context *context, const char *path, Reason *reason, Secret **ret);

/* host_key_load(), and makes the key if there is none; RET_MADE (may be NULL) tells. Two at once
 * agree on one key. */
int host_key_ensure(const Context *context, const char *path, Reason *reason, Secret **ret,
                    bool *ret_made);
