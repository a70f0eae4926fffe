/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/value_changes.h"

#include "base/array.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/timestamp.h"
#include "fleet/fleet_set.h"
#include "store/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define VERSION           1
/* Nesting: the record, its changes, one of them, a value. */
#define JSON_DEPTH        4
/* Brackets and commas of a change; its name may have some, too. */
#define MARKS             ((size_t)16)
/* "applied", bytes: four values. */
#define APPLIED_BYTES_MAX ((size_t)1024)

void value_changes_done(ValueChanges *changes)
{
    free(changes->changes);
    *changes = (ValueChanges){0};
}

static int compare(const void *change, const void *name)
{
    const CredentialName *a = &((const ValueChange *)change)->name, *b = name;
    int r = strcmp(a->machine, b->machine);

    return r != 0 ? r : strcmp(a->id, b->id);
}

const ValueChange *value_changes_find(const ValueChanges *changes, const CredentialName *name)
{
    size_t i = ARRAY_POSITION(name, changes->changes, changes->count, compare);

    return i < changes->count && credential_name_equal(&changes->changes[i].name, name)
               ? &changes->changes[i]
               : NULL;
}

int value_changes_put(ValueChanges *changes, const CredentialName *name, const char *sha256)
{
    size_t i = ARRAY_POSITION(name, changes->changes, changes->count, compare);

    if ((i == changes->count || !credential_name_equal(&changes->changes[i].name, name)) &&
        !ARRAY_INSERT(changes->changes, changes->count, i, (ValueChange){.name = *name}))
        return -ENOMEM;
    snprintf(changes->changes[i].sha256, DIGEST_TEXT_BYTES, "%s", sha256);
    return 0;
}

/* --- changes --- */

static int malformed(Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_MALFORMED, "%s", what);
}

int value_changes_from_json(struct json_object *array, Reason *reason, ValueChanges *ret)
{
    _cleanup_(value_changes_done) ValueChanges changes = {0};

    if (!json_object_is_type(array, json_type_array) || json_length(array) > LIMIT_COMMIT_CHANGES)
        return malformed(reason, "the changes are no list, or too many");
    for (size_t i = 0; i < json_length(array); i++) {
        struct json_object *object = json_object_array_get_idx(array, i);
        const char *name = json_text(json_object_object_get(object, "name"));
        ValueChange change;
        int r;

        if (!json_object_is_type(object, json_type_object) ||
            json_object_object_length(object) != 2 || !name ||
            credential_name_parse(name, NULL, &change.name) != 0 ||
            !json_hex_text(json_object_object_get(object, "sha256"), change.sha256,
                           DIGEST_TEXT_BYTES))
            return malformed(reason, "a change is not a name and a digest");
        if (changes.count > 0 && compare(&changes.changes[changes.count - 1], &change.name) >= 0)
            return malformed(reason, "the changes are not sorted, or one is there twice");
        r = value_changes_put(&changes, &change.name, change.sha256);
        if (r != 0)
            return r;
    }
    *ret = TAKE(changes);
    return 0;
}

struct json_object *value_changes_to_json(const ValueChanges *changes)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < changes->count; i++) {
        struct json_object *object = json_object_new_object();
        char name[CREDENTIAL_NAME_TEXT_BYTES];

        credential_name_format(&changes->changes[i].name, name);
        json_add_text(object, "name", name);
        json_add_text(object, "sha256", changes->changes[i].sha256);
        json_append(array, object);
    }
    return array;
}

/* The object in TEXT, which has MEMBERS members, "version" among them. */
static int parse_object(BytesView text, size_t limit, size_t marks, int members, Reason *reason,
                        struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    int r;

    if (text.size > limit || !json_bounded(text, marks))
        return malformed(reason, "it is too large");
    r = json_parse(text, JSON_DEPTH, NULL, reason, &object);
    if (r != 0)
        return r;
    if (!json_is_version(object, VERSION) || json_object_object_length(object) != members)
        return malformed(reason, "it is no object of version 1");
    *ret = TAKE_PTR(object);
    return 0;
}

int value_changes_parse(BytesView text, Reason *reason, ValueChanges *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    int r = parse_object(text, LIMIT_VALUE_CHANGES_BYTES, (LIMIT_COMMIT_CHANGES + 2) * MARKS, 2,
                         reason, &object);

    return r == 0 ? value_changes_from_json(json_object_object_get(object, "changes"), reason, ret)
                  : r;
}

int value_changes_format(const ValueChanges *changes, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();

    json_add_number(object, "version", VERSION);
    json_add(object, "changes", value_changes_to_json(changes));
    return json_print(object, ret);
}

/* --- restored, pending --- */

int instead_parse(BytesView text, const char *record, const char *statement, Reason *reason,
                  ValueChanges *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    int r = parse_object(text, LIMIT_VALUE_CHANGES_BYTES, (LIMIT_COMMIT_CHANGES + 2) * MARKS, 3,
                         reason, &object);
    const char *of = r == 0 ? json_text(json_object_object_get(object, "statement")) : NULL;

    if (r == 0 && (!of || strcmp(of, statement) != 0))
        r = malformed(reason, "it is of another set");
    return r == 0 ? value_changes_from_json(json_object_object_get(object, record), reason, ret)
                  : r;
}

int instead_format(const ValueChanges *files, const char *record, const char *statement, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();

    json_add_number(object, "version", VERSION);
    json_add_text(object, "statement", statement);
    json_add(object, record, value_changes_to_json(files));
    return json_print(object, ret);
}

/* --- applied --- */

int fleet_applied_parse(BytesView text, Reason *reason, FleetApplied *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    const char *outcome, *time, *credential;
    FleetApplied applied = {0};
    CredentialName name;
    int r = parse_object(text, APPLIED_BYTES_MAX, 4 * MARKS, 5, reason, &object);

    if (r != 0)
        return r;
    outcome = json_text(json_object_object_get(object, "outcome"));
    time = json_text(json_object_object_get(object, "time"));
    credential = json_text(json_object_object_get(object, "credential"));
    applied.outcome = outcome_find(outcome);
    if (applied.outcome < 0 || !time || !timestamp_parse_utc(time, &applied.time) || !credential ||
        (*credential && credential_name_parse(credential, NULL, &name) != 0) ||
        !json_hex_text(json_object_object_get(object, "statement"), applied.statement,
                       DIGEST_TEXT_BYTES))
        return malformed(reason, "it is not an outcome, a time, a credential and a digest");
    strcpy(applied.credential, credential);
    *ret = applied;
    return 0;
}

int fleet_applied_format(const FleetApplied *applied, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    char time[TIMESTAMP_UTC_BYTES];

    timestamp_format_utc(applied->time, time);
    json_add_number(object, "version", VERSION);
    json_add_text(object, "statement", applied->statement);
    json_add_text(object, "outcome", outcome_name(applied->outcome));
    json_add_text(object, "time", time);
    json_add_text(object, "credential", applied->credential);
    return json_print(object, ret);
}

/* --- the notice --- */

static int open_fleets(const char *store, Reason *reason, int *ret)
{
    char path[PATH_MAX];

    fleet_set_path(store, "", path);
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *ret < 0 ? reason_set(reason, -errno, "cannot open %s", path) : 0;
}

int value_changes_notify(const char *store, Reason *reason)
{
    _cleanup_(closep) int directory = -1, fd = -1;
    int r = open_fleets(store, reason, &directory);

    if (r != 0)
        return r;
    fd = openat(directory, VALUE_CHANGES_NOTICE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    return fd < 0 ? reason_set(reason, -errno, "cannot write " VALUE_CHANGES_NOTICE) : 0;
}

bool value_changes_noticed(const char *store)
{
    _cleanup_(closep) int directory = -1;

    return open_fleets(store, NULL, &directory) == 0 &&
           faccessat(directory, VALUE_CHANGES_NOTICE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int value_changes_unnotify(const char *store, Reason *reason)
{
    _cleanup_(closep) int directory = -1;
    int r = open_fleets(store, reason, &directory);

    if (r == -ENOENT)
        return 0;
    if (r == 0 && unlinkat(directory, VALUE_CHANGES_NOTICE, 0) < 0 && errno != ENOENT)
        r = reason_set(reason, -errno, "cannot remove " VALUE_CHANGES_NOTICE);
    return r;
}
