/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/history.h"

#include "base/context.h"
#include "base/json.h"
#include "base/limits.h"
#include "credential/format.h"
#include "store/store_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

void store_history_done(StoreHistory *history)
{
    for (size_t i = 0; i < history->count; i++) {
        bytes_done(&history->values[i].sealed);
        bytes_done(&history->values[i].public);
    }
    *history = (StoreHistory){0};
}

/* --- the file --- */

static bool get_text(struct json_object *object, const char *name, Bytes *ret)
{
    struct json_object *member = NULL;

    if (!json_object_object_get_ex(object, name, &member))
        return true;
    return json_text(member) && bytes_dup(text_view(json_text(member)), ret) == 0;
}

static bool get_number(struct json_object *object, const char *name, int64_t max, int64_t *ret)
{
    struct json_object *member = NULL;

    if (!json_object_object_get_ex(object, name, &member))
        return true;
    return json_number(member, 0, max, ret);
}

/* Reads the boot id. Without such a member RET is not changed. */
static bool get_boot(struct json_object *object, sd_id128_t *ret)
{
    struct json_object *member = NULL;
    const char *text;

    if (!json_object_object_get_ex(object, "boot", &member))
        return true;
    text = json_text(member);
    return text && sd_id128_from_string(text, ret) >= 0 && !sd_id128_is_null(*ret);
}

/* INDEX 0 is the current value, which alone is not in the file; 1 may be a predecessor. */
static bool parse_value(struct json_object *object, size_t index, StoreValue *ret)
{
    _cleanup_(bytes_done) Bytes verb = {0};
    int64_t uid = (uid_t)-1, written = 0;
    bool valid = json_object_is_type(object, json_type_object) && get_text(object, "verb", &verb) &&
                 verb.size < sizeof(ret->verb) && get_number(object, "uid", UINT32_MAX, &uid) &&
                 get_number(object, "writtenUSec", INT64_MAX, &written) &&
                 get_text(object, "sealed", &ret->sealed) &&
                 get_text(object, "public", &ret->public) && get_boot(object, &ret->boot);

    if (!valid || (index == 0) != (ret->sealed.size == 0) ||
        (index != 1 && !sd_id128_is_null(ret->boot)))
        return false;
    ret->uid = (uid_t)uid;
    ret->written = (uint64_t)written;
    if (verb.size > 0)
        memcpy(ret->verb, verb.data, verb.size);
    return verb.size == 0 || store_verb_valid(ret->verb);
}

int store_history_parse(BytesView text, Reason *reason, StoreHistory *ret)
{
    _cleanup_(json_object_putp) struct json_object *array = NULL;
    _cleanup_(store_history_done) StoreHistory history = {0};
    int r = json_parse(text, 3, NULL, reason, &array);
    size_t count = r == 0 ? json_length(array) : 0;
    bool valid = count >= 2 && count <= STORE_HISTORY_VALUES;

    if (r != 0)
        return r;
    for (; valid && history.count < count; history.count++)
        valid = parse_value(json_object_array_get_idx(array, history.count), history.count,
                            &history.values[history.count]);
    if (!valid)
        return reason_set(reason, OUTCOME_MALFORMED, "it is not a list of earlier values");
    *ret = TAKE(history);
    return 0;
}

static struct json_object *value_to_json(const StoreValue *value)
{
    struct json_object *object = json_object_new_object();
    char boot[SD_ID128_STRING_MAX];

    if (value->verb[0])
        json_add_text(object, "verb", value->verb);
    if (value->uid != (uid_t)-1)
        json_add_number(object, "uid", value->uid);
    if (value->written)
        json_add_number(object, "writtenUSec", value->written);
    json_add_view(object, "sealed", bytes_view(&value->sealed));
    json_add_view(object, "public", bytes_view(&value->public));
    if (!sd_id128_is_null(value->boot))
        json_add_text(object, "boot", sd_id128_to_string(value->boot, boot));
    return object;
}

int store_history_format(const StoreHistory *history, Bytes *ret)
{
    for (size_t count = history->count; count >= 2; count--) {
        _cleanup_(json_object_putp) struct json_object *array = json_object_new_array();
        _cleanup_(bytes_done) Bytes text = {0};
        int r;

        for (size_t i = 0; i < count; i++)
            json_append(array, value_to_json(&history->values[i]));
        r = json_print(array, &text);
        if (r != 0)
            return r;
        if (text.size <= LIMIT_FILE_BYTES) {
            *ret = TAKE(text);
            return 0;
        }
    }
    *ret = (Bytes){0};
    return 0;
}

/* --- the predecessor --- */

static void remove_value(StoreHistory *history, size_t index)
{
    bytes_done(&history->values[index].sealed);
    bytes_done(&history->values[index].public);
    history->count--;
    memmove(&history->values[index], &history->values[index + 1],
            (history->count - index) * sizeof(history->values[0]));
}

void store_history_drop_predecessor(StoreHistory *history)
{
    if (store_history_predecessor(history))
        remove_value(history, 1);
    if (history->count == 1)
        history->count = 0;
}

void store_history_add_predecessor(StoreHistory *history, sd_id128_t boot, Bytes *sealed)
{
    store_history_drop_predecessor(history);
    if (history->count == STORE_HISTORY_VALUES)
        remove_value(history, STORE_HISTORY_VALUES - 1);
    if (history->count == 0)
        history->values[history->count++] = (StoreValue){.uid = (uid_t)-1};
    memmove(&history->values[2], &history->values[1],
            (history->count - 1) * sizeof(history->values[0]));
    history->values[1] = (StoreValue){.uid = (uid_t)-1, .sealed = TAKE(*sealed), .boot = boot};
    history->count++;
}

/* --- what a change leaves --- */

/* Adds to VALUE, which is about to be an earlier one, its files. */
static int read_files(int machine, const CredentialName *name, Reason *reason, StoreValue *value)
{
    _cleanup_(bytes_done) Bytes file = {0}, raw = {0};
    struct stat status;
    int r = store_file_read(machine, name, STORE_SEALED, reason, &file);

    if (r == 0)
        r = credential_decode(bytes_view(&file), reason, &raw);
    if (r == 0)
        r = credential_encode(bytes_view(&raw), &value->sealed);
    if (r == 0)
        r = store_file_read(machine, name, STORE_PUBLIC, reason, &value->public);
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    if (r == 0 && fstatat(machine, store_file_name(name, STORE_SEALED).text, &status,
                          AT_SYMLINK_NOFOLLOW) == 0)
        value->written = timespec_to_usec(status.st_mtim);
    return r;
}

int store_history_after(int machine, const StoreChange *change, const StoreOrigin *origin,
                        unsigned limit, Reason *reason, Bytes *ret)
{
    _cleanup_(store_history_done) StoreHistory before = {0}, after = {.count = 1};
    _cleanup_(bytes_done) Bytes file = {0};
    int r = store_file_read(machine, &change->name, STORE_OLD, reason, &file);

    assert(limit <= LIMIT_HISTORY);
    if (r == 0)
        r = store_history_parse(bytes_view(&file), reason, &before);
    if (r > 0) {
        before.count = 1;
        before.values[0].uid = (uid_t)-1;
    } else if (r < 0)
        return r;
    if (change->settle) {
        store_history_drop_predecessor(&before);
        return store_history_format(&before, ret);
    }
    r = read_files(machine, &change->name, reason, &before.values[0]);
    if (r < 0)
        return r;
    snprintf(after.values[0].verb, sizeof(after.values[0].verb), "%s", origin->verb);
    after.values[0].uid = origin->uid;
    for (size_t i = 0; i < before.count && after.count <= limit; i++) {
        StoreValue *value = &before.values[i];

        /* a value that is put back is no earlier one any more */
        if (value->sealed.size > 0 && !bytes_view_equal(bytes_view(&value->sealed), change->sealed))
            after.values[after.count++] = TAKE(*value);
        /* the predecessor of another value than the current one is an earlier value like others */
        after.values[after.count - 1].boot = SD_ID128_NULL;
    }
    return store_history_format(&after, ret);
}
