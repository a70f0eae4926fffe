/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Only one plaintext is in memory at a time: examining opens a credential and forgets it. That
 * costs one more decryption; the keys are kept.
 */

#include "seal/reseal.h"

#include "base/array.h"

#include <errno.h>
#include <string.h>

/* --- keys --- */

struct KeyPoolEntry {
    const SealTarget *target;
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "" if they are for one credential only */
    SealKeys *keys;
};

void key_pool_done(KeyPool *pool)
{
    for (size_t i = 0; i < pool->key_count; i++) {
        seal_keys_done(pool->keys[i].keys);
        free(pool->keys[i].keys);
    }
    for (size_t i = 0; i < pool->target_count; i++) {
        seal_target_done(pool->targets[i]);
        free(pool->targets[i]);
    }
    free(pool->keys);
    free(pool->targets);
    *pool = (KeyPool){0};
}

int key_pool_target(KeyPool *pool, const CredentialSections *old, const char *subject,
                    Reason *reason, SealTarget **ret)
{
    _cleanup_(seal_target_done) SealTarget target = {0};
    int r = seal_target_make(&pool->seal, old, reason, &target);

    if (r != 0)
        return r;
    if (target.key_types == 0 && !pool->seal.spec->allow_null)
        return reason_set(reason, OUTCOME_USAGE,
                          "it would be sealed with the null key, which protects nothing");
    for (size_t i = 0; i < pool->target_count; i++)
        if (seal_target_equal(pool->targets[i], &target)) {
            *ret = pool->targets[i];
            return 0;
        }
    r = seal_resolve(&pool->seal, subject, reason, &target);
    if (r != 0)
        return r;
    *ret = malloc(sizeof(**ret));
    if (!*ret || !ARRAY_GROW(pool->targets, pool->target_count)) {
        free(*ret);
        return -ENOMEM;
    }
    **ret = TAKE(target);
    pool->targets[pool->target_count++] = *ret;
    return 0;
}

int key_pool_keys(KeyPool *pool, SealTarget *target, const char *machine, const char *subject,
                  Reason *reason, const SealKeys **ret)
{
    _cleanup_(freep) SealKeys *keys = calloc(1, sizeof(*keys));
    const SealKeys *other = NULL; /* with a TPM key that will do for TARGET, too */
    KeyPoolEntry *entry;
    int r;

    if (pool->seal.spec->fresh_key)
        machine = NULL;
    for (size_t i = 0; machine && i < pool->key_count; i++) {
        entry = &pool->keys[i];
        if (strcmp(entry->machine, machine) != 0)
            continue;
        if (entry->target == target) {
            *ret = entry->keys;
            return 0;
        }
        if (!other && seal_target_shares_tpm_key(entry->target, target))
            other = entry->keys;
    }
    if (!keys || !ARRAY_GROW(pool->keys, pool->key_count))
        return -ENOMEM;
    r = seal_keys_make(&pool->seal, subject, other, reason, target, keys);
    if (r != 0)
        return r;
    entry = &pool->keys[pool->key_count++];
    *entry = (KeyPoolEntry){.target = target, .keys = TAKE_PTR(keys)};
    if (machine)
        strcpy(entry->machine, machine);
    *ret = entry->keys;
    return 0;
}

/* --- examining --- */

void reseal_done(Reseal *reseal)
{
    unsealer_done(&reseal->unsealer);
    key_pool_done(&reseal->pool);
}

void reseal_item_done(ResealItem *item)
{
    free(item->label);
    bytes_done(&item->file);
    bytes_done(&item->setting);
    bytes_done(&item->raw);
    bytes_done(&item->sealed);
    bytes_done(&item->history);
    *item = (ResealItem){0};
}

/* Opens the old file. The broker refuses files in the store that are sealed under another name, or
 * none. */
static int open_old(Reseal *reseal, const ResealItem *item, Reason *reason,
                    CredentialMetadata *ret_metadata, Secret **ret)
{
    char name[CREDENTIAL_NAME_TEXT_BYTES];

    credential_name_format(&item->name, name);
    reseal->unsealer.subject = item->label;
    return unsealer_open(&reseal->unsealer, &item->sections, item->name.id[0] ? name : NULL, reason,
                         ret_metadata, ret);
}

/* Turns to the predecessor of a file that does not open because of its PCRs. */
static bool take_predecessor(ResealItem *item)
{
    _cleanup_(bytes_done) Bytes file = {0}, raw = {0};
    CredentialSections sections;

    if (!item->store || store_read_predecessor(item->store, &item->name, NULL, NULL, &file) != 0 ||
        credential_unpack(bytes_view(&file), NULL, &raw, &sections) != 0)
        return false;
    bytes_done(&item->raw);
    item->raw = TAKE(raw);
    item->sections = sections;
    return true;
}

static int examine(Reseal *reseal, ResealItem *item, Reason *reason)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    const SealContext *seal = &reseal->pool.seal;
    CredentialMetadata *metadata = &item->metadata;
    int r = credential_unpack(bytes_view(&item->file), reason, &item->raw, &item->sections);

    if (r == 0)
        r = open_old(reseal, item, reason, metadata, &plaintext);
    if (r == OUTCOME_TPM_PCR_MISMATCH && take_predecessor(item))
        r = open_old(reseal, item, reason, metadata, &plaintext);
    if (r != 0)
        return r;
    item->opens = true;
    metadata->timestamp = seal->context->now(seal->context);
    if (seal->spec->name)
        snprintf(metadata->name, sizeof(metadata->name), "%s", seal->spec->name);
    if (seal->spec->has_not_after)
        metadata->not_after = seal->spec->not_after;
    if (!credential_times_valid(metadata))
        return reason_set(reason, OUTCOME_EXPIRED, "set a later time of expiry");
    return key_pool_target(&reseal->pool, &item->sections, item->label, reason, &item->target);
}

int reseal_examine(Reseal *reseal, ResealItem *item)
{
    item->rc = examine(reseal, item, &item->reason);
    return item->rc;
}

/* --- sealing --- */

/* Opens with the keys in memory, not with those that this host would get. */
static int open_with(const Reseal *reseal, const SealKeys *keys, const CredentialSections *sections,
                     Reason *reason, CredentialMetadata *ret_metadata, Secret **ret)
{
    OpenRequest request = {
        .sections = sections,
        .host_key = keys->host,
        .tpm_key = keys->tpm,
        .scope = seal_keys_scope(keys),
        .now = reseal->pool.seal.context->now(reseal->pool.seal.context),
    };

    return credential_open(&request, reason, ret_metadata, ret);
}

/* A file for another state of the TPM, or for one that is not signed yet, does not open now: then,
 * as for another host, only the keys in memory can tell whether it is right. */
static int open_new(Reseal *reseal, ResealItem *item, const SealKeys *keys,
                    const CredentialSections *sections, Reason *reason,
                    CredentialMetadata *ret_metadata, Secret **ret)
{
    const SealTarget *target = item->target;
    bool is_signed = target->key_types & KIND_PUBLIC_KEY;
    int r;

    if (target->host)
        return open_with(reseal, keys, sections, reason, ret_metadata, ret);
    r = unsealer_open(&reseal->unsealer, sections, NULL, reason, ret_metadata, ret);
    if (r != OUTCOME_TPM_NO_SIGNATURE &&
        !(r == OUTCOME_TPM_PCR_MISMATCH && (target->pcrs.given || is_signed)))
        return r;
    item->closed = *reason;
    return open_with(reseal, keys, sections, reason, ret_metadata, ret);
}

static int verify(Reseal *reseal, ResealItem *item, const SealKeys *keys, const Secret *plaintext,
                  Reason *reason)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    _cleanup_(secret_freep) Secret *again = NULL;
    CredentialMetadata metadata;
    CredentialSections sections;
    int r = credential_unpack(bytes_view(&item->sealed), reason, &raw, &sections);

    if (r == 0)
        r = open_new(reseal, item, keys, &sections, reason, &metadata, &again);
    if (r != 0)
        return r;
    if (!secret_equal(again, plaintext) || strcmp(metadata.name, item->metadata.name) != 0 ||
        metadata.not_after != item->metadata.not_after)
        return reason_set(reason, -EIO, "the new file opens to another value");
    return 0;
}

static int seal(Reseal *reseal, ResealItem *item, Reason *reason)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    SealFormat format = reseal->pool.seal.spec->format;
    bool was_raw = bytes_view_equal(bytes_view(&item->file), bytes_view(&item->raw));
    bool raw = format == SEAL_KEEP_FORMAT ? was_raw : format == SEAL_RAW;
    bool named; /* for a machine, whose credentials share a key */
    CredentialMetadata before;
    CredentialName name;
    const Secret *value;
    const SealKeys *keys;
    int r;

    named = credential_name_parse(item->metadata.name, NULL, &name) == 0;
    r = key_pool_keys(&reseal->pool, item->target, named ? name.machine : NULL, item->label, reason,
                      &keys);
    if (r == 0)
        r = open_old(reseal, item, reason, &before, &plaintext);
    value = item->value ? item->value : plaintext;
    if (r == 0)
        r = seal_keys_seal(reseal->pool.seal.context, keys, value, &item->metadata, raw, reason,
                           &item->sealed);
    return r == 0 ? verify(reseal, item, keys, value, reason) : r;
}

int reseal_seal(Reseal *reseal, ResealItem *item)
{
    item->rc = seal(reseal, item, &item->reason);
    return item->rc;
}

size_t reseal_history(Reseal *reseal, const ResealItem *item, bool drop, StoreHistory *history)
{
    size_t count, closed = 0;

    store_history_drop_predecessor(history);
    count = history->count;
    history->count = count > 0;
    for (size_t i = 1; i < count; i++) {
        StoreValue value = TAKE(history->values[i]);
        _cleanup_(reseal_item_done) ResealItem earlier = {
            .name = item->name, .label = strdup(item->label), .file = TAKE(value.sealed)};
        bool done = earlier.label && reseal_examine(reseal, &earlier) == 0 &&
                    reseal_seal(reseal, &earlier) == 0;

        closed += !done;
        if (!done && drop) {
            bytes_done(&value.public);
            continue;
        }
        value.sealed = done ? TAKE(earlier.sealed) : TAKE(earlier.file);
        history->values[history->count++] = value;
    }
    return closed;
}
