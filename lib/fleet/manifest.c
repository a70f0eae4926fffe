/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/manifest.h"

#include "base/array.h"
#include "base/json.h"

#include <errno.h>

#define VERSION    1
/* Nesting: the manifest, its credentials, one of them, a value. */
#define JSON_DEPTH 4

static const char *const key_names[_FLEET_KEY_MAX] = {
    [FLEET_SRK] = "srk",
    [FLEET_LEGACY_ECC] = "legacyEcc",
    [FLEET_LEGACY_RSA] = "legacyRsa",
};

void manifest_done(Manifest *manifest)
{
    free(manifest->credentials);
    *manifest = (Manifest){0};
}

static int compare_credential(const void *name, const void *credential)
{
    char left[CREDENTIAL_NAME_TEXT_BYTES], right[CREDENTIAL_NAME_TEXT_BYTES];

    credential_name_format(name, left);
    credential_name_format(&((const ManifestCredential *)credential)->name, right);
    return strcmp(left, right);
}

const ManifestCredential *manifest_find(const Manifest *manifest, const CredentialName *name)
{
    return ARRAY_FIND(name, manifest->credentials, manifest->count, compare_credential);
}

bool manifest_is_for(const Manifest *manifest, const FleetHost *host)
{
    for (size_t i = 0; i < _FLEET_KEY_MAX; i++)
        if (manifest->host.keys[i][0] && strcmp(manifest->host.keys[i], host->keys[i]) != 0)
            return false;
    return true;
}

/* --- parsing --- */

static int invalid(Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_BAD_BUNDLE, "the manifest: %s", what);
}

static int read_host(struct json_object *object, Reason *reason, FleetHost *host)
{
    int keys = 0;

    if (!json_object_is_type(object, json_type_object))
        return invalid(reason, "host is not an object");
    for (size_t i = 0; i < _FLEET_KEY_MAX; i++) {
        struct json_object *key;

        if (!json_object_object_get_ex(object, key_names[i], &key))
            continue;
        if (!json_hex_text(key, host->keys[i], sizeof(host->keys[i])))
            return invalid(reason, "a key of host is not 68 hexadecimal digits");
        keys++;
    }
    if (keys == 0 || keys != json_object_object_length(object))
        return invalid(reason, "host has no key, or another member");
    return 0;
}

/* *NAME is the name of the one before, and then of this one. */
static int read_credential(struct json_object *object, Reason *reason, const char **name,
                           ManifestCredential *ret)
{
    struct json_object *pending = NULL;
    const char *before = *name;
    int64_t size;

    if (!json_object_is_type(object, json_type_object))
        return invalid(reason, "a credential is not an object");
    ret->pending = json_object_object_get_ex(object, "pending", &pending);
    *name = json_text(json_object_object_get(object, "name"));
    if (!*name || credential_name_parse(*name, NULL, &ret->name) != 0)
        return invalid(reason, "a credential's name is not MACHINE@ID");
    if (before && strcmp(before, *name) >= 0)
        return invalid(reason, "the credentials are not sorted by name, or one is there twice");
    if (!json_hex_text(json_object_object_get(object, "sha256"), ret->sha256, DIGEST_TEXT_BYTES))
        return invalid(reason, "a credential's sha256 is not 64 hexadecimal digits");
    if (!json_number(json_object_object_get(object, "size"), 1, (int64_t)LIMIT_FILE_BYTES, &size))
        return invalid(reason, "a credential's size is not one that a sealed file can have");
    if (ret->pending && !json_is_true(pending))
        return invalid(reason, "a credential's pending is not true");
    if (json_object_object_length(object) != 3 + ret->pending)
        return invalid(reason, "a credential has an unknown member");
    ret->size = (size_t)size;
    return 0;
}

static int read_credentials(struct json_object *array, Reason *reason, Manifest *manifest)
{
    const char *name = NULL;

    if (!json_object_is_type(array, json_type_array))
        return invalid(reason, "credentials is not an array");
    for (size_t i = 0; i < json_length(array); i++) {
        ManifestCredential credential;
        int r = read_credential(json_object_array_get_idx(array, i), reason, &name, &credential);

        if (r == 0 && !ARRAY_ADD(manifest->credentials, manifest->count, credential))
            r = -ENOMEM;
        if (r != 0)
            return r;
    }
    return 0;
}

int manifest_parse(BytesView text, Reason *reason, Manifest *ret)
{
    _cleanup_(manifest_done) Manifest manifest = {0};
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    int r;

    if (text.size > LIMIT_MANIFEST_BYTES)
        return invalid(reason, "it is too large");
    r = json_parse(text, JSON_DEPTH, NULL, reason, &object);
    if (r != 0)
        return r < 0 ? r : reason_prefix(reason, OUTCOME_BAD_BUNDLE, "the manifest: ");
    if (!json_is_version(object, VERSION) || json_object_object_length(object) != 3)
        return invalid(reason, "it is not an object with version 1, host and credentials alone");
    r = read_host(json_object_object_get(object, "host"), reason, &manifest.host);
    if (r == 0)
        r = read_credentials(json_object_object_get(object, "credentials"), reason, &manifest);
    if (r == 0)
        *ret = TAKE(manifest);
    return r;
}

/* --- formatting --- */

static struct json_object *credential_to_json(const ManifestCredential *credential)
{
    struct json_object *object = json_object_new_object();
    char name[CREDENTIAL_NAME_TEXT_BYTES];

    credential_name_format(&credential->name, name);
    json_add_text(object, "name", name);
    json_add_text(object, "sha256", credential->sha256);
    json_add_number(object, "size", credential->size);
    json_add_flag(object, "pending", credential->pending);
    return object;
}

int manifest_format(const Manifest *manifest, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *host = json_object_new_object(), *credentials = json_object_new_array();

    for (size_t i = 0; i < _FLEET_KEY_MAX; i++)
        if (manifest->host.keys[i][0])
            json_add_text(host, key_names[i], manifest->host.keys[i]);
    for (size_t i = 0; i < manifest->count; i++)
        json_append(credentials, credential_to_json(&manifest->credentials[i]));
    json_add_number(object, "version", VERSION);
    json_add(object, "host", host);
    json_add(object, "credentials", credentials);
    return json_print(object, ret);
}
