/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resealing one credential. See reseal.h.
 *
 * Only one plaintext is in memory at a time: examining opens a credential and forgets it. That
 * costs one more decryption; the keys are kept.
 */

#include "seal/reseal.h"

#include <errno.h>
#include <string.h>

void reseal_done(Reseal *reseal)
{
    unsealer_done(&reseal->unsealer);
    key_pool_done(&reseal->pool);
}

void reseal_item_done(ResealItem *item)
{
    free(item->label);
    bytes_done(&item->file);
    bytes_done(&item->raw);
    bytes_done(&item->sealed);
    *item = (ResealItem){0};
}

/* The broker refuses files in the store that are sealed under another name, or none. */
static int check_name(const ResealItem *item, const CredentialMetadata *metadata, Reason *reason)
{
    char wanted[CREDENTIAL_NAME_TEXT_BYTES];

    if (item->name.id[0] == '\0')
        return 0;
    credential_name_format(&item->name, wanted);
    if (strcmp(metadata->name, wanted) == 0)
        return 0;
    return reason_set(reason, OUTCOME_NAME_MISMATCH, "it is sealed as \"%s\", not as \"%s\"",
                      metadata->name, wanted);
}

static int open_old(Reseal *reseal, const ResealItem *item, Reason *reason,
                    CredentialMetadata *ret_metadata, Secret **ret)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    int r;

    reseal->unsealer.subject = item->label;
    r = unsealer_open(&reseal->unsealer, &item->sections, NULL, reason, ret_metadata, &plaintext);
    if (r == 0)
        r = check_name(item, ret_metadata, reason);
    if (r == 0)
        *ret = TAKE_PTR(plaintext);
    return r;
}

/* The time of the spec, or the old one. */
static int choose_metadata(const Reseal *reseal, Reason *reason, CredentialMetadata *metadata)
{
    const SealContext *seal = &reseal->pool.seal;

    metadata->timestamp = seal->context->now(seal->context);
    if (seal->spec->name)
        snprintf(metadata->name, sizeof(metadata->name), "%s", seal->spec->name);
    if (seal->spec->has_not_after)
        metadata->not_after = seal->spec->not_after;
    if (metadata->not_after < metadata->timestamp)
        return reason_set(reason, OUTCOME_EXPIRED,
                          "its time of expiry has passed: set another one with --not-after=");
    return 0;
}

static int examine(Reseal *reseal, ResealItem *item, Reason *reason)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    int r = credential_unpack(bytes_view(&item->file), reason, &item->raw, &item->sections);

    if (r == 0)
        r = open_old(reseal, item, reason, &item->metadata, &plaintext);
    if (r != 0)
        return r;
    item->opens = true;
    r = choose_metadata(reseal, reason, &item->metadata);
    return r == 0
               ? key_pool_target(&reseal->pool, &item->sections, item->label, reason, &item->target)
               : r;
}

int reseal_examine(Reseal *reseal, ResealItem *item)
{
    item->rc = examine(reseal, item, &item->reason);
    return item->rc;
}

/* --- sealing --- */

/* The machine whose credentials share a key; NULL for a file. */
static const char *machine_of(const ResealItem *item, CredentialName *name)
{
    return credential_name_parse(item->metadata.name, NULL, name) == 0 ? name->machine : NULL;
}

static bool is_raw(const Reseal *reseal, const ResealItem *item)
{
    SealFormat format = reseal->pool.seal.spec->format;

    return format == SEAL_KEEP_FORMAT
               ? bytes_view_equal(bytes_view(&item->file), bytes_view(&item->raw))
               : format == SEAL_RAW;
}

/* Opens with the keys in memory, not with those that this host would get. */
static int open_with(const Reseal *reseal, const SealKeys *keys, const CredentialSections *sections,
                     Reason *reason, CredentialMetadata *ret_metadata, Secret **ret)
{
    OpenRequest request = {
        .sections = sections,
        .host_key = keys->host,
        .tpm_key = keys->tpm,
        .scope = seal_keys_scope(keys),
        .allow_null = true,
        .now = reseal->pool.seal.context->now(reseal->pool.seal.context),
    };

    return credential_open(&request, reason, ret_metadata, ret);
}

/* A file for another state of the TPM, or for one that is not signed yet, does not open now. */
static bool may_be_closed(const SealTarget *target, int rc)
{
    bool is_signed = target->key_types & KIND_PUBLIC_KEY;

    return (rc == OUTCOME_TPM_PCR_MISMATCH && (target->pcrs.given || is_signed)) ||
           rc == OUTCOME_TPM_NO_SIGNATURE;
}

static int open_new(Reseal *reseal, ResealItem *item, const SealKeys *keys,
                    const CredentialSections *sections, Reason *reason,
                    CredentialMetadata *ret_metadata, Secret **ret)
{
    int r;

    if (item->target->host)
        return open_with(reseal, keys, sections, reason, ret_metadata, ret);
    r = unsealer_open(&reseal->unsealer, sections, NULL, reason, ret_metadata, ret);
    if (!may_be_closed(item->target, r))
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
    const Secret *value = item->value;
    CredentialMetadata before;
    CredentialName name;
    const SealKeys *keys;
    int r = key_pool_keys(&reseal->pool, item->target, machine_of(item, &name), item->label, reason,
                          &keys);

    if (r == 0)
        r = open_old(reseal, item, reason, &before, &plaintext);
    if (!value)
        value = plaintext;
    if (r == 0)
        r = seal_keys_seal(reseal->pool.seal.context, keys, value, &item->metadata,
                           is_raw(reseal, item), reason, &item->sealed);
    return r == 0 ? verify(reseal, item, keys, value, reason) : r;
}

int reseal_seal(Reseal *reseal, ResealItem *item)
{
    item->rc = seal(reseal, item, &item->reason);
    return item->rc;
}
