/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/generated_secret.h"

#include "client/store_client.h"
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

int generated_secret_begin(HostResources *resources, const CredentialName *name,
                           const PolicyCredential *credential, Reason *reason, GeneratedSecret *ret)
{
    const Kind *required = credential->key_type ? kind_find_by_name(credential->key_type) : NULL;
    unsigned wanted = required ? required->key_types : KIND_HOST | KIND_TPM, key_types = 0;
    const Secret *host_key;
    int r = 0;

    if (wanted & KIND_TPM && (required || host_resources_has_tpm(resources)))
        key_types |= KIND_TPM;
    if (wanted & KIND_HOST)
        r = host_resources_host_key(resources, true, reason, &host_key);
    if (wanted & KIND_HOST && r == 0)
        key_types |= KIND_HOST;
    if (r != 0 && (required || r != OUTCOME_HOST_KEY_MISSING || key_types == 0))
        return r;
    *ret = (GeneratedSecret){.name = name, .recipe = &credential->recipe, .key_types = key_types};
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

TpmKeyRequest generated_secret_request(const GeneratedSecret *generated)
{
    const char *machine = generated->name->machine;

    if (!(generated->key_types & KIND_TPM))
        return (TpmKeyRequest){0};
    if (!generated->searched)
        return (TpmKeyRequest){.search_in = machine};
    if (generated->shares)
        return (TpmKeyRequest){.sealed = &generated->view};
    return (TpmKeyRequest){.fresh_for = machine};
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
    const Context *context = resources->config->context;
    int r = 0;

    request->kind = kind_find_by_key_types(generated->key_types);
    request->metadata.timestamp = context->now(context);
    request->metadata.not_after = USEC_INFINITY;
    if (generated->key_types & KIND_HOST)
        r = host_resources_host_key(resources, true, reason, &request->host_key);
    if (r == 0)
        r = credential_seal(context, request, reason, &sealed);
    return r == 0 ? credential_encode(bytes_view(&sealed), ret) : r;
}

/* Parameters of Commit: adds FILE, or, if it is empty, changes the one with DIGEST. */
static struct json_object *commit_new(const CredentialName *name, const Bytes *file,
                                      const Bytes *public, const char *digest)
{
    StoreChange change = {
        .name = *name,
        .sealed = bytes_view(file),
        .public = bytes_view(public),
        .precondition = digest ? STORE_DIGEST : STORE_ABSENT,
        .digest = digest,
    };

    return commit_to_json(
        &(StoreCommit){.changes = &change, .count = 1, .origin.verb = "generated"}, false);
}

int generated_secret_make(HostResources *resources, GeneratedSecret *generated,
                          const TpmSealedView *sealed, const Secret *tpm_key, Reason *reason)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    _cleanup_(bytes_done) Bytes file = {0}, public = {0};
    const Recipe *recipe = generated->recipe;
    SealRequest request = {.tpm_key = tpm_key};
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    int r;

    credential_name_format(generated->name, name);
    r = generate_secret(resources->config->context, recipe, name, reason, &secret);
    if (r == 0 && recipe_types[recipe->type].pair)
        r = generate_public(recipe, secret, name, reason, &public);
    if (r != 0)
        return r;
    snprintf(request.metadata.name, sizeof(request.metadata.name), "%.255s", name);
    request.plaintext = secret;
    if (sealed)
        request.tpm = *sealed;
    r = seal(resources, generated, &request, reason, &file);
    if (r == 0)
        generated->commit = commit_new(generated->name, &file, &public, NULL);
    return r != 0 || generated->commit ? r : -ENOMEM;
}

struct json_object *generated_secret_publish(HostResources *resources, const CredentialName *name,
                                             const Recipe *recipe, const Secret *value,
                                             const char *digest)
{
    _cleanup_(bytes_done) Bytes public = {0}, present = {0};
    char text[CREDENTIAL_NAME_TEXT_BYTES];
    const Store *store;

    if (!recipe_types[recipe->type].pair)
        return NULL;
    credential_name_format(name, text);
    if (generate_public(recipe, value, text, NULL, &public) != 0 ||
        host_resources_store(resources, NULL, &store) != 0 ||
        (store_read_public(store, name, NULL, &present) == 0 &&
         bytes_view_equal(bytes_view(&present), bytes_view(&public))))
        return NULL;
    return commit_new(name, &(Bytes){0}, &public, digest);
}
