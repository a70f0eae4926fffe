/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A backup: one JSON file with sealed files of the store, public halves, policies and
 * nspawn-creds.conf. It contains no secret and no key.
 *
 *     {"nspawnCredsBackup": 1,
 *      "hostName": "alpha",
 *      "createdUSec": 1795478400000000,
 *      "credentials": {"web@db": {"sealed": "WhQZht+J…", "public": "ssh-ed25519 AAAA…"}},
 *      "files": {"web.json": "{…}", "web.json.d/50-enabled.json": "{…}", "nspawn-creds.conf": "…"}}
 *
 * Nobody vouches for it, so that all of it is checked before any of it is used. It names no paths:
 * credentials have names, and files are below /etc/nspawn-creds with the names above. The members
 * of an object differ, as everywhere (base/json.h), so nothing is there twice.
 */

#include "base/json.h"
#include "client/store_client.h"

/* More than a commit can have. */
#define BACKUP_BYTES_MAX   ((size_t)128 * 1024 * 1024)

/* The name of the configuration. */
#define BACKUP_CONFIG_NAME "nspawn-creds.conf"

typedef struct BackupCredential {
    StoreClientEntry entry;
    const char *public; /* the public half, or NULL */
} BackupCredential;

typedef struct BackupFile {
    const char *name;
    const char *content;
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "" for the configuration */
} BackupFile;

typedef struct Backup {
    struct json_object *json; /* all texts are in it */
    const char *host_name;    /* "?" if it is not known */
    uint64_t created;         /* µs since 1970 */
    BackupCredential *credentials;
    size_t credential_count;
    BackupFile *files;
    size_t file_count;
} Backup;

void backup_done(Backup *backup); /* for _cleanup_ */

/* Parses TEXT, of at most BACKUP_BYTES_MAX bytes. OUTCOME_BAD_BACKUP; -ENOMEM. */
int backup_parse(BytesView text, Reason *reason, Backup *ret);

/* Checks that BACKUP contains something of each of MACHINES, which end with NULL: OUTCOME_USAGE. */
int backup_check_machines(const Backup *backup, char **machines, Reason *reason);

/* Checks that a backup can contain a file of this name and content; RET_MACHINE is whose policy it
 * is, see BackupFile. OUTCOME_BAD_BACKUP. */
int backup_check_file(const char *name, BytesView content, Reason *reason,
                      char ret_machine[LIMIT_MACHINE_BYTES + 1]);

/* Checks that a backup can contain ENTRY: OUTCOME_UNPROTECTED if it is sealed with the null key,
 * and so in clear. */
int backup_check_entry(const StoreClientEntry *entry, Reason *reason);

/* --- making one --- */

/* A backup without content, and what it contains; see json_add() for want of memory. */
struct json_object *backup_new(const char *host_name, uint64_t now);
void backup_add_credential(struct json_object *backup, const StoreClientEntry *entry,
                           BytesView public);
void backup_add_file(struct json_object *backup, const char *name, BytesView content);

/* Prints BACKUP. backup_parse() accepts the result unless one of the texts is not UTF-8. -EFBIG
 * beyond BACKUP_BYTES_MAX; -ENOMEM. */
int backup_print(struct json_object *backup, Reason *reason, Bytes *ret);
