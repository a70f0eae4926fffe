/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/commit_parameters.h"

#include "base/fsutil.h"
#include "credential/open.h"
#include "request/resolution.h"
#include "store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DATA_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

const VarlinkField commit_fields[] = {
    {"verb", json_type_string, false},
    {"changes", json_type_array, false},
    {"record", json_type_object, true},
    {0},
};

static const VarlinkField change_fields[] = {
    {"machine", json_type_string, false},
    {"credential", json_type_string, false},
    {"sealed", json_type_string, true},
    {"offset", json_type_int, true},
    {"size", json_type_int, true},
    {"public", json_type_string, true},
    {"keepPublic", json_type_boolean, true},
    {"remove", json_type_boolean, true},
    {"precondition", json_type_string, true},
    {"digest", json_type_string, true},
    {"history", json_type_string, true},
    {"historyOffset", json_type_int, true},
    {"historySize", json_type_int, true},
    {0},
};

static const VarlinkField record_fields[] = {
    {"name", json_type_string, false},
    {"content", json_type_string, true},
    {"offset", json_type_int, true},
    {"size", json_type_int, true},
    {0},
};

void commit_parameters_done(CommitParameters *decoded)
{
    free(decoded->changes);
    bytes_done(&decoded->data);
    *decoded = (CommitParameters){0};
}

int commit_check_sealed(BytesView file, Reason *reason)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialSections sections;
    int r = credential_unpack(file, reason, &sealed, &sections);

    if (r == 0)
        r = credential_openable(&sections, reason);
    if (r == 0 && sections.kind->key_types == 0)
        r = reason_set(reason, OUTCOME_UNPROTECTED, "it was not stored");
    if (r == 0 && kind_has(sections.kind, KIND_SCOPED))
        r = reason_set(reason, OUTCOME_SCOPE_MISMATCH,
                       "it is sealed for a user, not for a container");
    return r;
}

/* --- data --- */

/* The memfd must be sealed, so that it cannot change after it was checked. */
static int read_data(int fd, Reason *reason, Bytes *ret)
{
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & DATA_SEALS) != DATA_SEALS)
        return reason_set(reason, OUTCOME_USAGE,
                          "the descriptor is not a memfd sealed against writing and resizing");
    /* its writer shares the offset; what matters is what was read in the end */
    if (lseek(fd, 0, SEEK_SET) < 0)
        return reason_set(reason, -errno, "cannot read the memfd");
    return file_read_fd(fd, "the memfd", LIMIT_COMMIT_BYTES, reason, ret);
}

/* The part of DATA at OFFSET with SIZE, which are both given or both NULL. */
static int get_part(struct json_object *offset, struct json_object *size, const Bytes *data,
                    Reason *reason, BytesView *ret)
{
    uint64_t from, count;

    if (!offset != !size)
        return reason_set(reason, OUTCOME_USAGE, "an offset needs a size, and a size an offset");
    if (!offset)
        return 0;
    from = json_object_get_uint64(offset);
    count = json_object_get_uint64(size);
    if (from > data->size || count > data->size - from)
        return reason_set(reason, OUTCOME_USAGE, "offset and size exceed the memfd");
    *ret = (BytesView){data->data + from, count};
    return 0;
}

/* The string TEXT of OBJECT, or its "offset" and "size" in DATA; empty if OBJECT has neither. */
static int get_view(struct json_object *object, const char *text, const Bytes *data, Reason *reason,
                    BytesView *ret)
{
    const char *value = varlink_text(object, text);
    struct json_object *offset = NULL, *size = NULL;

    json_object_object_get_ex(object, "offset", &offset);
    json_object_object_get_ex(object, "size", &size);
    if (value && (offset || size))
        return reason_set(reason, OUTCOME_USAGE, "give either \"%s\" or both offset and size",
                          text);
    if (value)
        *ret = text_view(value);
    return get_part(offset, size, data, reason, ret);
}

/* --- changes --- */

static int check_object(struct json_object *object, const VarlinkField *fields, const char *what,
                        Reason *reason)
{
    const char *wrong = json_object_is_type(object, json_type_object)
                            ? varlink_parameters_check(object, fields)
                            : "type";

    return wrong ? reason_set(reason, OUTCOME_USAGE, "%s: invalid \"%.80s\"", what, wrong) : 0;
}

static int set_precondition(struct json_object *element, Reason *reason, StoreChange *change)
{
    const char *precondition = varlink_text(element, "precondition");

    change->digest = varlink_text(element, "digest");
    if (!precondition || strcmp(precondition, "any") == 0)
        change->precondition = STORE_ANY;
    else if (strcmp(precondition, "absent") == 0)
        change->precondition = STORE_ABSENT;
    else if (strcmp(precondition, "digest") == 0 && change->digest)
        change->precondition = STORE_DIGEST;
    else
        return reason_set(reason, OUTCOME_USAGE, "invalid precondition \"%.40s\"", precondition);
    if (change->digest && change->precondition != STORE_DIGEST)
        return reason_set(reason, OUTCOME_USAGE, "a digest needs the precondition \"digest\"");
    return 0;
}

static int set_files(struct json_object *element, const Bytes *data, Reason *reason,
                     StoreChange *change)
{
    const char *public = varlink_text(element, "public");
    int r = get_view(element, "sealed", data, reason, &change->sealed);

    if (r != 0)
        return r;
    if (public)
        change->public = text_view(public);
    if (change->sealed.size == 0) {
        if (!change->remove && !public)
            return reason_set(reason, OUTCOME_USAGE, "the change contains nothing");
        return 0;
    }
    if (change->remove)
        return reason_set(reason, OUTCOME_USAGE, "a change cannot both remove and write a file");
    return commit_check_sealed(change->sealed, reason);
}

static int set_history(struct json_object *element, const Bytes *data, Reason *reason,
                       StoreChange *change)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    const char *word = varlink_text(element, "history");
    struct json_object *offset = NULL, *size = NULL;
    int r;

    json_object_object_get_ex(element, "historyOffset", &offset);
    json_object_object_get_ex(element, "historySize", &size);
    if (!word || strcmp(word, "none") == 0)
        return 0;
    change->keep_old = strcmp(word, "keep") == 0;
    change->settle = strcmp(word, "settle") == 0;
    if (change->keep_old || change->settle)
        return 0;
    if (strcmp(word, "replace") != 0)
        return reason_set(reason, OUTCOME_USAGE, "invalid history \"%.40s\"", word);
    r = get_part(offset, size, data, reason, &change->history);
    return r == 0 ? store_history_parse(change->history, reason, &history) : r;
}

static int decode_change(struct json_object *element, const Bytes *data, Reason *reason,
                         StoreChange *change)
{
    Reason what;
    int r = credential_name_new(varlink_text(element, "machine"),
                                varlink_text(element, "credential"), reason, &change->name);

    if (r != 0)
        return r;
    change->remove = varlink_flag(element, "remove");
    change->keep_public = varlink_flag(element, "keepPublic");
    r = set_precondition(element, reason, change);
    if (r == 0)
        r = set_history(element, data, reason, change);
    if (r == 0)
        r = set_files(element, data, reason, change);
    /* a commit has many changes, so the reason names the credential */
    what = *reason;
    return r <= 0 ? r
                  : reason_set(reason, r, "%s@%s: %s", change->name.machine, change->name.id,
                               outcome_reason(r, &what));
}

/* Only a credential whose source is the store, or that is generated, can be rotated. */
static int check_source(PolicyCache *policies, const CredentialName *name, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential = NULL;
    int r = resolution_look_up(policies, name, reason, &policy, &credential);

    if (r != 0 || !credential || credential->source == POLICY_STORE ||
        credential->source == POLICY_GENERATE)
        return r;
    return reason_set(reason, OUTCOME_NOT_STORED, "the policy of %s takes \"%s\" from \"%s\"%s%s",
                      name->machine, name->id, policy_source_names[credential->source],
                      credential->source == POLICY_TEMPLATE ? "" : ": ",
                      credential->source == POLICY_TEMPLATE ? "" : credential->text);
}

static int check_sources(const ServerConfig *config, const CommitParameters *decoded,
                         Reason *reason)
{
    _cleanup_(policy_cache_freep) PolicyCache *policies = NULL;
    int r = policy_cache_new(config->context, &policies);

    for (size_t i = 0; r == 0 && i < decoded->count; i++)
        r = check_source(policies, &decoded->changes[i].name, reason);
    return r;
}

/* --- all of it --- */

static int decode_changes(struct json_object *changes, Reason *reason, CommitParameters *decoded)
{
    size_t count = json_object_array_length(changes);
    int r = 0;

    decoded->changes = calloc(count + 1, sizeof(decoded->changes[0]));
    if (!decoded->changes)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct json_object *element = json_object_array_get_idx(changes, i);
        char what[40];

        snprintf(what, sizeof(what), "changes[%zu]", i);
        r = check_object(element, change_fields, what, reason);
        if (r == 0)
            r = decode_change(element, &decoded->data, reason, &decoded->changes[i]);
        decoded->count += r == 0;
    }
    return r;
}

int commit_parameters_decode(const ServerConfig *config, struct json_object *parameters, int data,
                             Reason *reason, CommitParameters *ret)
{
    _cleanup_(commit_parameters_done) CommitParameters decoded = {
        .verb = varlink_text(parameters, "verb")};
    struct json_object *changes = NULL, *record = NULL;
    int r = 0;

    json_object_object_get_ex(parameters, "changes", &changes);
    json_object_object_get_ex(parameters, "record", &record);
    if (data >= 0)
        r = read_data(data, reason, &decoded.data);
    if (r == 0)
        r = decode_changes(changes, reason, &decoded);
    if (r == 0 && record)
        r = check_object(record, record_fields, "record", reason);
    if (r == 0 && record) {
        decoded.record.name = varlink_text(record, "name");
        r = get_view(record, "content", &decoded.data, reason, &decoded.record.content);
    }
    if (r == 0 && strcmp(decoded.verb, "rotate") == 0)
        r = check_sources(config, &decoded, reason);
    if (r == 0)
        *ret = TAKE(decoded);
    return r;
}
