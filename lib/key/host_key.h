/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * systemd's host key: /var/lib/systemd/credential.secret, 4112 bytes, mode 0400, bound to the
 * machine id by its first 16 bytes. It is shared with systemd, so new keys have systemd's format. A
 * key for another machine id is refused and not touched (systemd deletes it), because somebody may
 * still want to open what was sealed with it.
 */

#include "base/context.h"
#include "base/outcome.h"
#include "secret/secret.h"

#include <sys/stat.h>

#define HOST_KEY_PATH       "/var/lib/systemd/credential.secret"

/* Size of the file, and of the key in it. */
#define HOST_KEY_FILE_BYTES ((size_t)4112)
#define HOST_KEY_BYTES      ((size_t)4096)

/* Where the host key is: $SYSTEMD_CREDENTIAL_SECRET, as for systemd, or HOST_KEY_PATH. */
const char *host_key_path(void);

/* Whether a key file with STATUS may be used: a regular file of HOST_KEY_FILE_BYTES with one link
 * and mode 0400 that belongs to root or OWNER. Like systemd, which accepts any owner and almost any
 * size. PATH is for REASON. OUTCOME_HOST_KEY_UNSAFE. */
int host_key_check(const struct stat *status, uid_t owner, const char *path, Reason *reason);

/* Tells a key file from one that takes its place, or from itself with another content. */
typedef struct HostKeyStamp {
    bool exists;
    dev_t device;
    ino_t inode;
    struct timespec written; /* st_mtim: another owner or mode is the same key */
} HostKeyStamp;

bool host_key_stamp_equal(const HostKeyStamp *a, const HostKeyStamp *b);

/* The same for the file at HOST_KEY_PATH below the context's root, of which the service manager
 * passed a copy to this service: it follows links and looks at neither owner nor mode. 0 if there
 * is no such file. */
int host_key_check_source(const Context *context, Reason *reason, HostKeyStamp *ret);

/* Turns HOST_KEY into the state of SHA-256 after its 4 KiB, so that the key itself does not stay in
 * memory and is not hashed again for every credential. */
int host_key_state(BytesView host_key, Reason *reason, Secret **ret);

/* Writes the fingerprint of a key with this host_key_state(), by which others can tell whether they
 * have the same one. Nothing can be opened with it. */
#define HOST_KEY_FINGERPRINT_BYTES ((size_t)17)
void host_key_fingerprint(const Secret *state, char ret[HOST_KEY_FINGERPRINT_BYTES]);

/* Reads the key at PATH and compares its binding with /etc/machine-id below the context's root.
 * Returns its host_key_state(). OUTCOME_HOST_KEY_MISSING, _FOREIGN, _UNSAFE. */
int host_key_load(const Context *context, const char *path, Reason *reason, Secret **ret);

/* The same for a copy that the service manager passed to this service (LoadCredential=). The
 * service manager chooses its mode, and its content is "none" (SetCredential=) if the host has no
 * key. */
int host_key_load_passed(const Context *context, const char *path, Reason *reason, Secret **ret);

/* Explains that the key at PATH does not exist, and USERS credentials need it. Returns
 * OUTCOME_HOST_KEY_LOST. */
int host_key_lost(const char *path, size_t users, Reason *reason);

/* Like host_key_load(), but creates the key if there is none, and then sets RET_MADE (may be NULL).
 * Two processes that do this at the same time get the same key. */
int host_key_ensure(const Context *context, const char *path, Reason *reason, Secret **ret,
                    bool *ret_made);
