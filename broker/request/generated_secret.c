/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Generated secrets. See generated_secret.h.
 */

#include "request/generated_secret.h"

#include "credential/seal.h"
#include "crypto/generate.h"
#include "store/shared_key.h"

#include <errno.h>
#include <string.h>

void generated_secret_done(GeneratedSecret *generated)
{
    tpm_sealed_done(&generated->shared);
    json_object_put(generated->commit);
    *generated = (GeneratedSecret){0};
}

int generated_secret_begin(HostResources *resources, const PolicyCredential *credential,
                           Reason *reason, GeneratedSecret *ret)
{
    const Kind *required = credential->key_type ? kind_find_by_name(credential->key_type) : NULL;
    unsigned wanted = required ? required->key_types : KIND_HOST | KIND_TPM, key_types = 0;
    const Secret *host_key;
    int r = 0;

    if (wanted & KIND_TPM && (required || host_resources_has_tpm(resources)))
        key_types |= KIND_TPM;
    if (wanted & KIND_HOST)
        r = host_resources_host_key(resources, reason, &host_key);
    if (wanted & KIND_HOST && r == 0)
        key_types |= KIND_HOST;
    if (r != 0 && (required || r != OUTCOME_HOST_KEY_MISSING || key_types == 0))
        return r;
    *ret = (GeneratedSecret){.key_types = key_types};
    return 0;
}

int generated_secret_give_search(HostResources *resources, GeneratedSecret *generated, int rc,
                                 const CredentialName *found, Reason *reason)
{
    static const TpmSealRequest request;
    SharedKeyRequest wanted = {.key_types = KIND_TPM, .any_form = true, .request = &request};
    _cleanup_(bytes_done) Bytes file = {0};
    SharedKeys keys;

    generated->searched = true;
    if (rc == OUTCOME_NOT_FOUND)
        return 0;
    if (rc != 0)
        return rc;
    /* it may have changed since the search; then a fresh key will do */
    if (host_resources_read(resources, found, reason, &file) != 0 ||
        shared_keys_of_file(bytes_view(&file), &wanted, reason, &keys) != 0)
        return 0;
    generated->shared = keys.keys[0];
    generated->view = tpm_sealed_view(&generated->shared);
    generated->shares = true;
    if (generated->view.srk.size > 0)
        generated->key_types |= KIND_PINNED;
    return 0;
}

TpmKeyRequest generated_secret_request(const GeneratedSecret *generated, const CredentialName *name)
{
    if (!(generated->key_types & KIND_TPM))
        return (TpmKeyRequest){0};
    if (!generated->searched)
        return (TpmKeyRequest){.search_in = name->machine};
    if (generated->shares)
        return (TpmKeyRequest){.sealed = &generated->view};
    return (TpmKeyRequest){.fresh_for = name->machine};
}

bool generated_secret_retry(GeneratedSecret *generated)
{
    if (!generated->shares)
        return false;
    tpm_sealed_done(&generated->shared);
    generated->shares = false;
    generated->key_types &= ~(unsigned)KIND_PINNED;
    return true;
}

static int seal(HostResources *resources, const GeneratedSecret *generated, SealRequest *request,
                Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    const Context *context = host_resources_context(resources);
    int r = 0;

    request->kind = kind_find_by_key_types(generated->key_types);
    request->metadata.timestamp = context->now(context);
    request->metadata.not_after = USEC_INFINITY;
    if (generated->key_types & KIND_HOST)
        r = host_resources_host_key(resources, reason, &request->host_key);
    if (r == 0)
        r = credential_seal(context, request, reason, &sealed);
    return r == 0 ? credential_encode(bytes_view(&sealed), ret) : r;
}

static bool add_bytes(struct json_object *object, const char *name, const Bytes *text)
{
    return json_add(object, name,
                    json_object_new_string_len((const char *)text->data, (int)text->size));
}

/* Parameters of Commit with one change, of NAME. RET_CHANGE is that change, borrowed. */
static struct json_object *commit_new(const CredentialName *name, struct json_object **ret_change)
{
    _cleanup_(json_object_putp) struct json_object *parameters = json_object_new_object();
    struct json_object *changes = json_object_new_array();
    struct json_object *change = json_object_new_object();

    if (!json_add(parameters, "verb", json_object_new_string("generated")) ||
        !json_add(parameters, "changes", changes) || json_object_array_add(changes, change) != 0 ||
        !json_add(change, "machine", json_object_new_string(name->machine)) ||
        !json_add(change, "credential", json_object_new_string(name->id)))
        return NULL;
    *ret_change = change;
    return TAKE_PTR(parameters);
}

static int make_commit(const CredentialName *name, const Bytes *file, const Bytes *public,
                       struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *parameters = NULL;
    struct json_object *change;

    parameters = commit_new(name, &change);
    if (!parameters || !add_bytes(change, "sealed", file) ||
        !json_add(change, "precondition", json_object_new_string("absent")) ||
        (public->size > 0 && !add_bytes(change, "public", public)))
        return -ENOMEM;
    *ret = TAKE_PTR(parameters);
    return 0;
}

int generated_secret_make(HostResources *resources, GeneratedSecret *generated,
                          const Ingredient *ingredient, const TpmSealedView *sealed,
                          const Secret *tpm_key, Reason *reason)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    _cleanup_(bytes_done) Bytes file = {0}, public = {0};
    const Recipe *recipe = &ingredient->credential->recipe;
    SealRequest request = {.tpm_key = tpm_key};
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    int r;

    credential_name_format(&ingredient->name, name);
    r = generate_secret(host_resources_context(resources), recipe, name, reason, &secret);
    if (r == 0 && recipe_types[recipe->type].pair)
        r = generate_public(recipe, secret, name, reason, &public);
    if (r != 0)
        return r;
    snprintf(request.metadata.name, sizeof(request.metadata.name), "%.255s", name);
    request.plaintext = secret;
    if (sealed)
        request.tpm = *sealed;
    r = seal(resources, generated, &request, reason, &file);
    return r == 0 ? make_commit(&ingredient->name, &file, &public, &generated->commit) : r;
}

struct json_object *generated_secret_publish(HostResources *resources, const Ingredient *ingredient,
                                             const Secret *value, const char *digest)
{
    _cleanup_(json_object_putp) struct json_object *parameters = NULL;
    _cleanup_(bytes_done) Bytes public = {0}, present = {0};
    const Recipe *recipe = &ingredient->credential->recipe;
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    struct json_object *change;
    const Store *store;

    if (!recipe_types[recipe->type].pair)
        return NULL;
    credential_name_format(&ingredient->name, name);
    if (generate_public(recipe, value, name, NULL, &public) != 0 ||
        host_resources_store(resources, NULL, &store) != 0 ||
        (store_read_public(store, &ingredient->name, NULL, &present) == 0 &&
         bytes_view_equal(bytes_view(&present), bytes_view(&public))))
        return NULL;
    parameters = commit_new(&ingredient->name, &change);
    if (!parameters || !add_bytes(change, "public", &public) ||
        !json_add(change, "precondition", json_object_new_string("digest")) ||
        !json_add(change, "digest", json_object_new_string(digest)))
        return NULL;
    return TAKE_PTR(parameters);
}
