/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which credentials of a fleet have changed in value, and what became of the services that use
 * them: records of the accepted set's store (fleet/fleet_set.h).
 *
 *     changes   by the broker, in the commit that accepts a set: for each credential the statement
 *               with which its value changed last, by the SHA-256 of the statement's text
 *     pending   likewise: the credentials whose file did not open, since it is sealed for a later
 *               boot, with the SHA-256 of the file that is served until it does; its own if there
 *               is none; and the statement of the set
 *     applied   by nspawn-creds-apply: the statement whose changes it has dealt with, and how
 *     restored  likewise: the credentials whose previous file is served again, as root's policy
 *               wants it, by the SHA-256 of that file, and the statement of the set. The broker
 *               keeps them for the next set if that has the same file
 *
 * Nothing needs to be taken from the list of changes: nspawn-creds-apply keeps its own copy, and
 * what differs is left to do. So sets that are accepted meanwhile merge, and nobody waits for
 * anybody. A file is renewed without a change of its value, as when its machine's files are sealed
 * again, and then keeps its statement.
 *
 * Each side reads what the other could have written. Names and digests are all there is.
 */

#include "base/base64.h"
#include "base/names.h"

struct json_object;

#define VALUE_CHANGES_RECORD "changes"
#define RESTORED_RECORD      "restored"
#define PENDING_RECORD       "pending"
#define FLEET_APPLIED_RECORD "applied"

/* In the directory of all fleets' sets: exists if nspawn-creds-apply has something to look at. */
#define VALUE_CHANGES_NOTICE ".changed"

typedef struct ValueChange {
    CredentialName name;
    char sha256[DIGEST_TEXT_BYTES]; /* of the statement; of the file that is served instead */
} ValueChange;

typedef struct ValueChanges {
    ValueChange *changes; /* sorted, none twice, at most LIMIT_COMMIT_CHANGES */
    size_t count;
} ValueChanges;

void value_changes_done(ValueChanges *changes); /* for _cleanup_ */

/* NULL if CHANGES does not have NAME. */
const ValueChange *value_changes_find(const ValueChanges *changes, const CredentialName *name);

/* Adds NAME, or replaces its digest. -ENOMEM. */
int value_changes_put(ValueChanges *changes, const CredentialName *name, const char *sha256);

/* The record. OUTCOME_MALFORMED; -ENOMEM. */
int value_changes_parse(BytesView text, Reason *reason, ValueChanges *ret);
int value_changes_format(const ValueChanges *changes, Bytes *ret);

/* Its list, for other files: an array. */
int value_changes_from_json(struct json_object *array, Reason *reason, ValueChanges *ret);
struct json_object *value_changes_to_json(const ValueChanges *changes);

/* RECORD, one of the two about files that are served instead of those of a set; STATEMENT is the
 * set's. OUTCOME_MALFORMED, also for that of another set; -ENOMEM. */
int instead_parse(BytesView text, const char *record, const char *statement, Reason *reason,
                  ValueChanges *ret);
int instead_format(const ValueChanges *files, const char *record, const char *statement,
                   Bytes *ret);

typedef struct FleetApplied {
    char statement[DIGEST_TEXT_BYTES];
    int outcome;                                 /* 0, or why a service did not get its new value */
    uint64_t time;                               /* µs since 1970, whole seconds */
    char credential[CREDENTIAL_NAME_TEXT_BYTES]; /* a credential that such a service uses, or "" */
} FleetApplied;

/* OUTCOME_MALFORMED, also for an outcome that this version does not know; -ENOMEM. */
int fleet_applied_parse(BytesView text, Reason *reason, FleetApplied *ret);
int fleet_applied_format(const FleetApplied *applied, Bytes *ret);

/* --- the notice; STORE is the absolute path of the host's store --- */

/* Makes it. A negative errno. */
int value_changes_notify(const char *store, Reason *reason);

/* Whether it is there. */
bool value_changes_noticed(const char *store);

/* Removes it, if it is there. A negative errno. For root, who does not trust the directory. */
int value_changes_unnotify(const char *store, Reason *reason);
