/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/bundle.h"

#include "base/json.h"

#include <errno.h>

#define VERSION    1
/* Nesting: the bundle, its signatures, one of them. */
#define JSON_DEPTH 3

void bundle_done(Bundle *bundle)
{
    bytes_done(&bundle->statement);
    bytes_done(&bundle->manifest);
    for (size_t i = 0; i < bundle->signature_count; i++)
        bytes_done(&bundle->signatures[i]);
    *bundle = (Bundle){0};
}

/* --- parsing --- */

static int invalid(Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_BAD_BUNDLE, "%s", what);
}

static int read_base64(struct json_object *value, Reason *reason, Bytes *ret)
{
    int r = json_base64(value, ret);

    return r > 0 ? invalid(reason, "statement or manifest is not base64") : r;
}

static int read_signatures(struct json_object *array, Reason *reason, Bundle *bundle)
{
    size_t count = json_length(array);

    if (!json_object_is_type(array, json_type_array) || count > LIMIT_FLEET_SIGNATURES)
        return invalid(reason, "signatures is not an array, or has too many");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_text(json_object_array_get_idx(array, i));
        int r = text ? bytes_dup(text_view(text), &bundle->signatures[i])
                     : invalid(reason, "a signature is not a text");

        if (r != 0)
            return r;
        bundle->signature_count++;
    }
    return 0;
}

static int read_proof(struct json_object *index, struct json_object *path, Reason *reason,
                      Bundle *bundle)
{
    const char *text = json_text(path);
    size_t digits = text ? strlen(text) : SIZE_MAX;
    int64_t number;

    if (!json_number(index, 0, INT64_MAX, &number))
        return invalid(reason, "index is not a number");
    bundle->index = (uint64_t)number;
    bundle->path_length = digits / (2 * MERKLE_HASH_BYTES);
    if (bundle->path_length > MERKLE_PATH_MAX || digits % (2 * MERKLE_HASH_BYTES) != 0 ||
        !hex_parse(text, (uint8_t *)bundle->path, digits / 2))
        return invalid(reason, "path does not consist of hashes in hexadecimal");
    return 0;
}

int bundle_parse(BytesView file, Reason *reason, Bundle *ret)
{
    _cleanup_(bundle_done) Bundle bundle = {0};
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    struct json_object *statement, *signatures, *index, *path, *manifest;
    int r;

    if (file.size > LIMIT_BUNDLE_BYTES)
        return invalid(reason, "it is too large");
    if (!json_bounded(file, BUNDLE_MARKS_MAX))
        return invalid(reason, "it has more values than a bundle");
    r = json_parse(file, JSON_DEPTH, NULL, reason, &object);
    if (r != 0)
        return r < 0 ? r : OUTCOME_BAD_BUNDLE;
    if (!json_object_is_type(object, json_type_object) || json_object_object_length(object) != 6 ||
        !json_object_object_get_ex(object, "version", NULL) ||
        !json_object_object_get_ex(object, "statement", &statement) ||
        !json_object_object_get_ex(object, "signatures", &signatures) ||
        !json_object_object_get_ex(object, "index", &index) ||
        !json_object_object_get_ex(object, "path", &path) ||
        !json_object_object_get_ex(object, "manifest", &manifest))
        return invalid(reason, "it does not have the members of a bundle alone");
    if (!json_is_version(object, VERSION))
        return invalid(reason, "its version is not 1");
    r = read_base64(statement, reason, &bundle.statement);
    if (r == 0)
        r = read_signatures(signatures, reason, &bundle);
    if (r == 0)
        r = read_proof(index, path, reason, &bundle);
    if (r == 0)
        r = read_base64(manifest, reason, &bundle.manifest);
    if (r == 0)
        *ret = TAKE(bundle);
    return r;
}

/* --- formatting --- */

int bundle_format(const Bundle *bundle, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *signatures = json_object_new_array();

    for (size_t i = 0; i < bundle->signature_count; i++)
        json_append(signatures, json_object_new_string_len((const char *)bundle->signatures[i].data,
                                                           (int)bundle->signatures[i].size));
    json_add_number(object, "version", VERSION);
    json_add_base64(object, "statement", bytes_view(&bundle->statement));
    json_add(object, "signatures", signatures);
    json_add_number(object, "index", bundle->index);
    json_add_hex(object, "path", (const uint8_t *)bundle->path,
                 bundle->path_length * MERKLE_HASH_BYTES);
    json_add_base64(object, "manifest", bytes_view(&bundle->manifest));
    return json_print(object, ret);
}
