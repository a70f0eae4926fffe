/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store, over the broker or directly. See store_client.h.
 */

#include "client/store_client.h"

#include "base/json.h"
#include "store/store_installed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void store_client_done(StoreClient *store)
{
    client_free(store->client);
    store_free(store->store);
    *store = (StoreClient){0};
}

int store_client_open(const char *path, bool installed, const Observer *observer, Reason *reason,
                      StoreClient *ret)
{
    _cleanup_(store_client_done) StoreClient store = {.path = path, .observer = observer};
    int r = installed ? store_open_installed(path, reason, &store.store)
                      : store_new(path, reason, &store.store);

    if (r == -EACCES && geteuid() != 0)
        return reason_set(reason, r, "the store %s is root's alone", path);
    if (r == 0 && installed)
        r = client_new(CLIENT_DEFAULT_PATH, reason, &store.client);
    if (r != 0 && r != OUTCOME_BROKER_UNREACHABLE)
        return r;
    *ret = store;
    store = (StoreClient){0};
    return 0;
}

int store_client_has(const StoreClient *store, const CredentialName *name, Reason *reason,
                     bool *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = store_read(store->store, name, reason, &file);

    if (r < 0)
        return r;
    *ret = r != OUTCOME_NOT_FOUND;
    return 0;
}

/* --- changes --- */

/* The broker may have ended since, such as for the host key that sealing has made: the next one is
 * asked, and writes it down. */
static int call_again(StoreClient *store, const char *method, struct json_object *parameters,
                      Reason *reason, struct json_object **ret)
{
    store->client = client_free(store->client);
    if (client_new(CLIENT_DEFAULT_PATH, NULL, &store->client) != 0)
        return OUTCOME_BROKER_UNREACHABLE;
    return client_call(store->client, method, json_object_get(parameters), store->observer, reason,
                       ret);
}

/* CALL's "machine" and "credential" and what is there already; takes PARAMETERS.
 * OUTCOME_BROKER_UNREACHABLE once the broker is gone, and from then on. */
static int call(StoreClient *store, const char *method, const CredentialName *name,
                struct json_object *parameters, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *taken = parameters, *reply = NULL;
    int r;

    if (!store->client)
        return OUTCOME_BROKER_UNREACHABLE;
    if (!json_add(taken, "machine", json_object_new_string(name->machine)) ||
        !json_add(taken, "credential", json_object_new_string(name->id)))
        return -ENOMEM;
    r = client_call(store->client, method, json_object_get(taken), store->observer, reason, &reply);
    if (r == OUTCOME_BROKER_UNREACHABLE)
        r = call_again(store, method, taken, reason, &reply);
    if (r == OUTCOME_BROKER_UNREACHABLE)
        store->client = client_free(store->client);
    return r;
}

static int write_sealed(StoreClient *store, const CredentialName *name, BytesView sealed,
                        Reason *reason)
{
    struct json_object *parameters = json_object_new_object();
    int r;

    if (!json_add(parameters, "sealed",
                  json_object_new_string_len((const char *)sealed.data, (int)sealed.size)) ||
        !json_add(parameters, "replace", json_object_new_boolean(true))) {
        json_object_put(parameters);
        return -ENOMEM;
    }
    r = call(store, "Store", name, parameters, reason);
    return r == OUTCOME_BROKER_UNREACHABLE ? store_write(store->store, name, sealed, reason) : r;
}

int store_client_write(StoreClient *store, const CredentialName *name, BytesView sealed,
                       BytesView public, Reason *reason)
{
    int r = write_sealed(store, name, sealed, reason);

    if (r != 0)
        return r;
    return public.size > 0 ? store_write_public(store->store, name, public, reason)
                           : store_remove_public(store->store, name, reason);
}

int store_client_remove(StoreClient *store, const CredentialName *name, Reason *reason)
{
    int r = call(store, "Remove", name, json_object_new_object(), reason);

    return r == OUTCOME_BROKER_UNREACHABLE ? store_remove(store->store, name, reason) : r;
}

/* --- reading --- */

void store_client_entry_done(StoreClientEntry *entry)
{
    bytes_done(&entry->file);
    bytes_done(&entry->raw);
    *entry = (StoreClientEntry){0};
}

int store_client_read(const StoreClient *store, const CredentialName *name, Reason *reason,
                      StoreClientEntry *ret)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {.name = *name};
    int r = store_read(store->store, name, reason, &entry.file);

    if (r == 0)
        r = credential_unpack(bytes_view(&entry.file), reason, &entry.raw, &entry.parts);
    if (r != 0)
        return r;
    *ret = entry;
    entry = (StoreClientEntry){0};
    return 0;
}

int store_client_read_public(const StoreClient *store, const CredentialName *name, Reason *reason,
                             Bytes *ret)
{
    int r = store_read_public(store->store, name, reason, ret);

    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

int store_client_entry_open(Unsealer *unsealer, const StoreClientEntry *entry, Reason *reason,
                            CredentialMetadata *ret_metadata, Secret **ret)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    CredentialMetadata metadata;
    int r;

    credential_name_format(&entry->name, name);
    r = unsealer_open(unsealer, &entry->parts, name, reason, &metadata, &plaintext);
    /* one without a name has passed */
    if (r == 0 && strcmp(metadata.name, name) != 0)
        r = reason_set(reason, OUTCOME_NAME_MISMATCH, "it is sealed without a name");
    if (r != 0)
        return r;
    *ret_metadata = metadata;
    *ret = TAKE_PTR(plaintext);
    return 0;
}
