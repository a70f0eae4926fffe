/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "etcd_answer.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Tokens are some words of letters and digits, or a JWT. */
#define TOKEN_BYTES_MAX ((size_t)4096)
/* More than the structure of any answer has, and of each key in it: json-c takes 700 bytes for each
 * "{},". */
#define MARKS_MAX       ((size_t)64)
#define MARKS_KEY       ((size_t)12)
/* A file's name on the carrier. */
#define KEY_BYTES_MAX   ((size_t)256)

static int invalid(Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_CARRIER_FAILED, "etcd's answer %s", what);
}

/* Strings of base64 contain none of these. */
static bool bounded(BytesView text, size_t most)
{
    size_t marks = 0;

    for (size_t i = 0; i < text.size; i++)
        marks += text.data[i] == '{' || text.data[i] == '[' || text.data[i] == ',';
    return marks <= most;
}

static int parse_keys(BytesView answer, size_t keys, Reason *reason, struct json_object **ret)
{
    struct json_object *object;
    int r;

    if (!bounded(answer, MARKS_MAX + keys * MARKS_KEY))
        return invalid(reason, "has too many values");
    r = json_parse(answer, LIMIT_JSON_DEPTH, NULL, NULL, &object);
    if (r != 0)
        return r < 0 ? r : invalid(reason, "is not JSON");
    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        return invalid(reason, "is not an object");
    }
    *ret = object;
    return 0;
}

static int parse(BytesView answer, Reason *reason, struct json_object **ret)
{
    return parse_keys(answer, 0, reason, ret);
}

/* The member NAME of OBJECT; NULL if it is not there, or OBJECT is not an object. */
static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    if (json_object_is_type(object, json_type_object))
        (void)json_object_object_get_ex(object, name, &value);
    return value;
}

/* A number greater than 0 in decimal; 0 for anything else. */
static uint64_t number(struct json_object *value)
{
    const char *text = json_text(value);
    char *end;
    unsigned long long result;

    if (!text || *text < '1' || *text > '9' || strlen(text) > 19)
        return 0;
    result = strtoull(text, &end, 10);
    return *end ? 0 : result;
}

/* Every answer has it, and what is not one does not. */
static int parse_header(BytesView answer, size_t keys, Reason *reason, struct json_object **ret,
                        uint64_t *ret_revision)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    uint64_t revision;
    int r = parse_keys(answer, keys, reason, &object);

    if (r != 0)
        return r;
    revision = number(member(member(object, "header"), "revision"));
    if (revision == 0)
        return invalid(reason, "has no revision");
    *ret_revision = revision;
    *ret = TAKE_PTR(object);
    return 0;
}

int etcd_file_parse(BytesView answer, Reason *reason, EtcdFile *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    struct json_object *files, *file;
    EtcdFile found = {0};
    const char *value;
    int r = parse_header(answer, 0, reason, &object, &found.revision);

    if (r != 0)
        return r;
    files = member(object, "kvs");
    file = json_length(files) == 1 ? json_object_array_get_idx(files, 0) : NULL;
    if (file) {
        found.version = number(member(file, "mod_revision"));
        /* an empty value is left out */
        value = json_text(member(file, "value"));
        r = base64_decode(text_view(value ? value : ""), &found.content);
        if (r < 0)
            return r;
        if (r > 0 || found.version == 0) {
            bytes_done(&found.content);
            return invalid(reason, "has no valid file");
        }
    }
    *ret = found;
    return 0;
}

/* The text in VALUE, which is in base64, if it can be a file's name. */
static char *key_of(struct json_object *value)
{
    const char *text = json_text(value);
    _cleanup_(bytes_done) Bytes key = {0};

    if (!text || base64_decode(text_view(text), &key) != 0 || key.size == 0 ||
        key.size > KEY_BYTES_MAX || memchr(key.data, '\0', key.size))
        return NULL;
    return strndup((const char *)key.data, key.size);
}

int etcd_files_parse(BytesView answer, size_t count,
                     int (*each)(void *userdata, const char *key, Bytes *content), void *userdata,
                     Reason *reason, char **ret_next)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(freep) char *key = NULL;
    struct json_object *files;
    int r = parse_keys(answer, count, reason, &object);

    if (r != 0)
        return r;
    files = member(object, "kvs");
    if (number(member(member(object, "header"), "revision")) == 0 || json_length(files) > count)
        return invalid(reason, "has no revision, or too many files");
    for (size_t i = 0; r == 0 && i < json_length(files); i++) {
        struct json_object *file = json_object_array_get_idx(files, i);
        const char *value = json_text(member(file, "value"));
        _cleanup_(bytes_done) Bytes content = {0};

        free(key);
        key = key_of(member(file, "key"));
        if (!key)
            return invalid(reason, "has a file without a name");
        r = base64_decode(text_view(value ? value : ""), &content);
        r = r > 0 ? invalid(reason, "has no valid file") : r;
        if (r == 0)
            r = each(userdata, key, &content);
    }
    if (r == 0)
        *ret_next = json_object_get_boolean(member(object, "more")) ? TAKE_PTR(key) : NULL;
    return r;
}

int etcd_done_parse(BytesView answer, size_t operations, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    uint64_t revision;

    /* each has an answer of its own in this one, or two, one in the other */
    return parse_header(answer, 2 * operations, reason, &object, &revision);
}

int etcd_removed_parse(BytesView answer, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    uint64_t revision;
    int r = parse_header(answer, 0, reason, &object, &revision);

    return r == 0 && number(member(object, "deleted")) == 0 ? OUTCOME_NOT_FOUND : r;
}

int etcd_token_parse(BytesView answer, Reason *reason, Secret **ret)
{
    static const char header[] = "Authorization: ";
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    const char *token;
    size_t size;
    int r = parse(answer, reason, &object);

    if (r != 0)
        return r;
    json_wipe_later(object);
    token = json_text(member(object, "token"));
    if (!token || !*token || strlen(token) > TOKEN_BYTES_MAX)
        return invalid(reason, "has no token");
    /* it becomes a header line */
    for (const char *c = token; *c; c++)
        if (*c <= ' ' || *c > '~')
            return invalid(reason, "has a token with control characters");
    size = sizeof(header) + strlen(token);
    r = secret_new(size, reason, ret);
    if (r == 0)
        snprintf((char *)secret_borrow(*ret), size, "%s%s", header, token);
    return r;
}

bool etcd_watch_news(BytesView line, uint64_t revision)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    struct json_object *result;

    if (parse(line, NULL, &object) != 0)
        return true;
    result = member(object, "result");
    return member(result, "events") || member(result, "canceled") || !member(result, "created") ||
           number(member(member(result, "header"), "revision")) < revision;
}

int etcd_refusal(const char *endpoint, const char *user, long status, BytesView answer,
                 Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    bool json = parse(answer, NULL, &object) == 0;
    /* 3.4 has it as "error", too */
    const char *error = json ? json_text(member(object, "message")) : NULL;
    BytesView message = error ? text_view(error) : answer;
    char text[120] = "";

    /* the gateway itself answers with a line, and what is before it with a page */
    if (!error && (json || (message.size > 0 && message.data[0] == '<')))
        message.size = 0;
    for (size_t i = 0; i < message.size && message.data[i] != '\n' && i < sizeof(text) - 1; i++)
        text[i] = message.data[i] < ' ' || message.data[i] > '~' ? '?' : (char)message.data[i];
    return reason_set(reason, OUTCOME_CARRIER_FAILED, "%.100s%s%.40s: status %ld%s%s", endpoint,
                      user ? ", as " : "", user ? user : "", status, text[0] ? ", " : "", text);
}
