/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of a commit's origin. See store_internal.h.
 *
 * The broker's user may change it, so only the audit entries depend on it. If it is not valid, the
 * verb is unknown, but the commit is still completed.
 */

#include "base/json.h"
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

#define RECORD_NAME_BYTES ((size_t)64)

static bool is_made_of(const char *text, size_t limit, const char *characters)
{
    size_t length = strlen(text);

    return length > 0 && length <= limit && strspn(text, characters) == length;
}

bool store_verb_valid(const char *verb)
{
    return is_made_of(verb, STORE_VERB_BYTES - 1, "abcdefghijklmnopqrstuvwxyz");
}

bool store_record_name_valid(const char *name)
{
    return is_made_of(name, RECORD_NAME_BYTES, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

int store_origin_format(const StoreOrigin *origin, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();

    if (!json_add(object, "verb", json_object_new_string(origin->verb)) ||
        !json_add(object, "uid", json_object_new_int64(origin->uid)) ||
        !json_add(object, "pid", json_object_new_int64(origin->pid)))
        return -ENOMEM;
    return json_print(object, ret);
}

/* Reads the number NAME of OBJECT, from 0 to LIMIT. */
static bool get_number(struct json_object *object, const char *name, int64_t limit, int64_t *ret)
{
    struct json_object *member;

    if (!json_object_object_get_ex(object, name, &member) ||
        !json_object_is_type(member, json_type_int))
        return false;
    *ret = json_object_get_int64(member);
    return *ret >= 0 && *ret <= limit;
}

int store_origin_parse(BytesView text, char ret_verb[STORE_VERB_BYTES], StoreOrigin *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    struct json_object *member = NULL;
    int r = json_parse(text, 2, NULL, &object);
    const char *verb;
    int64_t uid, pid;

    if (r != 0)
        return r;
    if (!json_object_is_type(object, json_type_object) || json_object_object_length(object) != 3)
        return OUTCOME_MALFORMED;
    json_object_object_get_ex(object, "verb", &member);
    verb = json_text(member);
    if (!verb || !store_verb_valid(verb) || !get_number(object, "uid", UINT32_MAX, &uid) ||
        !get_number(object, "pid", INT32_MAX, &pid))
        return OUTCOME_MALFORMED;
    strcpy(ret_verb, verb); /* its length is checked */
    *ret = (StoreOrigin){.verb = ret_verb, .uid = (uid_t)uid, .pid = (pid_t)pid};
    return 0;
}
