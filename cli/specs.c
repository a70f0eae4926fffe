/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "specs.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "credential/open.h"
#include "key/host_key.h"
#include "key/machine.h"
#include "policy/policy_load.h"
#include "policy/policy_status.h"
#include "store/history.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <errno.h>
#include <string.h>

int spec_look_store(const Options *options, Store **ret)
{
    return options->store ? store_new(options->store, NULL, ret)
                          : store_open_installed(options->host->store, NULL, ret);
}

/* --- the host key --- */

static bool needs_host_key(BytesView file)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections sections;

    return credential_unpack(file, NULL, &raw, &sections) == 0 &&
           kind_has(sections.kind, KIND_HOST);
}

static int count_in_store(const Store *store, size_t *count)
{
    _cleanup_(strings_freep) char **machines = NULL;
    int r = store_machines(store, NULL, &machines);

    for (char **machine = machines; r == 0 && *machine; machine++) {
        _cleanup_(freep) StoreEntry *entries = NULL;
        size_t entry_count = 0;

        (void)store_list(store, *machine, NULL, &entries, &entry_count);
        for (size_t i = 0; i < entry_count; i++) {
            _cleanup_(bytes_done) Bytes file = {0};

            *count += store_read(store, &entries[i].name, NULL, &file) == 0 &&
                      needs_host_key(bytes_view(&file));
        }
    }
    return r;
}

static int count_in_policies(const Context *context, size_t *count)
{
    _cleanup_(strings_freep) char **machines = NULL;
    int r = policy_machines(context, NULL, NULL, &machines);

    for (char **machine = machines; r == 0 && *machine; machine++) {
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        PolicyFault fault;

        (void)policy_load(context, *machine, &fault, &policy);
        for (size_t i = 0; policy && i < policy->count; i++) {
            _cleanup_(bytes_done) Bytes file = {0};

            *count += policy->credentials[i].source == POLICY_SEALED &&
                      file_read(policy->credentials[i].text, LIMIT_FILE_BYTES, NULL, &file) == 0 &&
                      needs_host_key(bytes_view(&file));
        }
    }
    return r;
}

int spec_count_host_sealed(const Context *context, const Options *options, size_t *ret)
{
    _cleanup_(store_freep) Store *store = NULL;
    size_t count = 0;
    int r = spec_look_store(options, &store);

    if (r == 0)
        r = count_in_store(store, &count);
    if ((r == 0 || r == -ENOENT) && !options->store)
        r = count_in_policies(context, &count);
    *ret = count;
    return r == -ENOENT ? 0 : r;
}

int spec_to_seal(const Context *context, const Options *options, Reason *reason, SealSpec *ret)
{
    static const unsigned tpm_options =
        OPTION_TPM_DEVICE | OPTION_TPM_PCRS | OPTION_PUBLIC_KEY | OPTION_PUBLIC_KEY_PCRS;
    CredentialMetadata times = {.timestamp = options->seal.timestamp,
                                .not_after = options->seal.not_after};

    if (times.timestamp == 0)
        times.timestamp = context->now(context);
    if (!credential_times_valid(&times))
        return reason_set(reason, OUTCOME_USAGE,
                          "--not-after= must be later than the time of sealing");
    if (options->seal.share_key && options->seal.fresh_key)
        return reason_set(reason, OUTCOME_USAGE, "use --share-key= or --fresh-key, not both");
    if (options->seal.share_key && options->key_types != KEY_TYPES_AUTO &&
        !(options->key_types & KIND_TPM))
        return reason_set(reason, OUTCOME_USAGE,
                          "--share-key= shares a TPM's key: use --with-key=tpm2 or host+tpm2");
    *ret = options->seal;
    if (access(host_key_path(), F_OK) < 0 && errno == ENOENT)
        (void)spec_count_host_sealed(context, options, &ret->lost_key_users);
    ret->tpm_required = options->given & tpm_options;
    if (options->key_types != KEY_TYPES_AUTO) {
        ret->keys = SEAL_GIVEN_KEYS;
        ret->key_types = (unsigned)options->key_types;
    } else if (options->given & OPTION_WITH_KEY)
        ret->keys = SEAL_AUTO_KEYS;
    return 0;
}

int spec_open_delivered(const Context *context, const Options *options, const StoreClient *store,
                        Unsealer *unsealer, const CredentialName *name, Reason *reason,
                        Secret **ret)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {0};
    CredentialMetadata metadata;
    PolicyStatus status = {0};
    int r = options->store ? 0 : policy_status_find(context, name, &status);

    if (r == 0)
        r = store_client_read_delivered(store, status.fleet, name, reason, &entry, NULL);
    return r == 0 ? store_client_entry_open(status.fleet[0] ? NULL : store->store, unsealer, &entry,
                                            reason, &metadata, ret)
                  : r;
}

int spec_check_owner(const Context *context, const Options *options, const CredentialName *name,
                     Reason *reason)
{
    PolicyStatus status;
    int r = options->store ? 0 : policy_status_find(context, name, &status);

    if (r != 0 || options->store || !status.fleet[0])
        return r;
    return reason_set(reason, OUTCOME_OF_FLEET, "%s's policy takes %s from the fleet %s",
                      name->machine, name->id, status.fleet);
}

int spec_keep_key_type(const Context *context, const CredentialName *name, Reason *reason,
                       SealSpec *spec)
{
    PolicyStatus status;
    const Kind *required;
    int r = policy_status_find(context, name, &status);

    if (r != 0 || !status.key_type || spec->host)
        return r;
    required = kind_find_by_name(status.key_type);
    if ((spec->keys == SEAL_GIVEN_KEYS && spec->key_types != required->key_types) ||
        (spec->public_key && !kind_has(required, KIND_PUBLIC_KEY)))
        return reason_set(reason, OUTCOME_USAGE, "its policy requires --with-key=%s",
                          status.key_type);
    spec->keys = SEAL_GIVEN_KEYS;
    spec->key_types = required->key_types;
    return 0;
}

Unsealer spec_unsealer(const Context *context, const Options *options)
{
    return (Unsealer){.context = context,
                      .observer = &terminal_observer,
                      .spec = {.tpm_device = options->seal.tpm_device,
                               .signatures = options->seal.signatures,
                               .uid = options->seal.uid,
                               .allow_null = options->seal.allow_null,
                               .now = options->seal.timestamp}};
}

SpecDescription spec_describe(const Kind *kind, uint64_t pcrs, uint64_t signed_pcrs)
{
    char literal[TPM_PCR_TEXT_BYTES] = "", by_key[TPM_PCR_TEXT_BYTES] = "";
    SpecDescription description;

    if (kind_has(kind, KIND_TPM))
        tpm_pcr_mask_format(pcrs & TPM_PCR_MASK_ALL, literal);
    if (kind_has(kind, KIND_PUBLIC_KEY))
        tpm_pcr_mask_format(signed_pcrs & TPM_PCR_MASK_ALL, by_key);
    snprintf(description.text, sizeof(description.text), "%s%s%s%s%s", kind->name,
             literal[0] ? ", PCR " : "", literal, by_key[0] ? ", signed PCR " : "", by_key);
    return description;
}

/* --- what is kept of the old value --- */

/* Whether the same would be chosen for a value that replaces none. */
static bool is_default(const SealContext *seal, const SealTarget *target)
{
    _cleanup_(seal_target_done) SealTarget usual = {0};

    if (seal_target_make(seal, NULL, NULL, &usual) != 0)
        return false;
    if (usual.automatic && !seal->spec->tpm_required && !firmware_has_tpm(seal->context))
        usual.key_types &= ~(unsigned)KIND_TPM;
    usual.automatic = target->automatic;
    return seal_target_equal(&usual, target);
}

/* Notes how NAME, which was sealed like OLD until NOT_AFTER, will be sealed, if that is worth it.
 */
static int note_sealing(const SealContext *seal, const CredentialSections *old, const char *name,
                        uint64_t not_after, Reason *reason)
{
    _cleanup_(seal_target_done) SealTarget target = {0};
    char expiry[TIMESTAMP_TEXT_BYTES] = "";
    SpecDescription before, after;
    bool changes;
    int r = seal_target_make(seal, old, reason, &target);

    if (r != 0)
        return r;
    before = spec_describe(kind_find_by_key_types(old->kind->key_types & ~(unsigned)KIND_PINNED),
                           old->tpm.pcr_mask, old->tpm.public_key_mask);
    after = spec_describe(kind_find_by_key_types(target.key_types), target.pcrs.mask,
                          target.public_key_mask);
    changes = strcmp(before.text, after.text) != 0;
    if (not_after != USEC_INFINITY)
        timestamp_format(not_after, expiry);
    if (changes || expiry[0] || !is_default(seal, &target))
        output_note("%s is sealed with %s, %s%s%s%s.", name, after.text,
                    changes ? "and no longer with " : "as before", changes ? before.text : "",
                    expiry[0] ? ", and still expires on " : "", expiry);
    return 0;
}

/* Opens OLD for its time of expiry; USEC_INFINITY if there is none, or none that can be kept. */
static uint64_t find_expiry(const Context *context, const Options *options, const Store *store,
                            StoreClientEntry *old, const char *name)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(context, options);
    OpenCheck check;

    unsealer.spec.now = USEC_INFINITY;
    open_check_entry(store, &unsealer, old, &check);
    if (check.rc == 0)
        return check.metadata.not_after;
    output_note(check.rc == OUTCOME_EXPIRED
                    ? "%s has expired. Its new value never expires, unless --not-after= is given."
                    : "%s does not open now, so its time of expiry is unknown. Its new value never "
                      "expires, unless --not-after= is given.",
                name);
    return USEC_INFINITY;
}

int spec_keep(const Context *context, const Options *options, StoreClientEntry *old, Reason *reason,
              SealSpec *spec, CredentialSections *ret_like)
{
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    _cleanup_(bytes_done) Bytes predecessor = {0};
    uint64_t not_after = USEC_INFINITY; /* as kept */
    CredentialSections like;

    *ret_like = (CredentialSections){0};
    credential_name_format(&old->name, name);
    if (credential_unpack(bytes_view(&old->file), NULL, &old->raw, &old->sections) != 0 ||
        credential_openable(&old->sections, NULL) != 0) {
        output_note("The old file of %s does not say how it was sealed; nothing of that is kept.",
                    name);
        return 0;
    }
    if (spec->share_store &&
        store_read_predecessor(spec->share_store, &old->name, NULL, NULL, &predecessor) == 0)
        output_note("%s is sealed for a predicted state. Its new value is not: reseal it before "
                    "the update.",
                    name);
    if (old->sections.kind->key_types == 0) /* the null key is no choice to keep */
        return 0;
    if (!spec->has_not_after) {
        not_after = find_expiry(context, options, spec->share_store, old, name);
        spec->has_not_after = not_after != USEC_INFINITY;
        spec->not_after = not_after;
    }
    like = old->sections;
    /* the broker serves no credentials for users */
    like.kind = kind_find_by_key_types(like.kind->key_types & ~(unsigned)KIND_SCOPED);
    if (spec->keys == SEAL_KEEP_KEYS && spec->tpm_required && !kind_has(like.kind, KIND_TPM))
        spec->keys = SEAL_AUTO_KEYS;
    *ret_like = like;
    return note_sealing(&(SealContext){context, spec, &terminal_observer}, &like, name, not_after,
                        reason);
}

int spec_open_store(const Options *options, Reason *reason, StoreClient *ret)
{
    int r = store_client_open(options->store ? options->store : options->host->store,
                              !options->store, &terminal_observer, reason, ret);

    if (r == 0)
        ret->history = options->host->history;
    return r;
}

int spec_reseal_as(const Context *context, const Options *options, const CredentialName *from,
                   const CredentialName *to, Reason *reason, StoreClient *ret_store, ResealAs *ret)
{
    SealSpec spec = {0};
    int r = spec_check_owner(context, options, from, reason);

    if (r == 0)
        r = spec_check_owner(context, options, to, reason);
    if (r == 0)
        r = spec_to_seal(context, options, reason, &spec);
    if (r == 0)
        r = spec_keep_key_type(context, to, reason, &spec);
    if (r == 0)
        r = spec_open_store(options, reason, ret_store);
    if (r == 0)
        r = store_client_writable(ret_store, reason);
    if (r == 0)
        r = reseal_as_begin(&(SealContext){context, &spec, &terminal_observer}, ret_store, from, to,
                            reason, ret);
    if (r == 0)
        ret->keep_old = spec_keeps_old(options);
    return r == 0 ? note_sealing(&ret->reseal.pool.seal, &ret->item.sections, ret->to_text,
                                 spec.has_not_after ? USEC_INFINITY : ret->item.metadata.not_after,
                                 reason)
                  : r;
}

bool spec_keeps_old(const Options *options)
{
    return options->host->history > 0 && !(options->given & (OPTION_FORGET | OPTION_FRESH_KEY));
}

/* rotate, for which containers may have to be restarted, is for the host's store. */
const char *spec_fate_of_old(const Options *options)
{
    if (!spec_keeps_old(options))
        return "Its old values will be lost.";
    return options->store ? "show --history will list its old value."
                          : "rotate --back puts its old value back.";
}

static int compare_ids(const void *left, const void *right)
{
    const StoreEntry *a = left, *b = right;

    return strcmp(a->name.id, b->name.id);
}

int spec_list_machine(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
                      size_t *ret_count)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;
    int r = store_list(store, machine, reason, &entries, &count);

    if (r == 0 && count == LIMIT_MACHINE_ENTRIES)
        r = reason_set(reason, OUTCOME_TOO_LARGE, "it has %zu credentials or more", count);
    if (r != 0)
        return r;
    ARRAY_SORT(entries, count, compare_ids);
    *ret = TAKE_PTR(entries);
    *ret_count = count;
    return 0;
}

int spec_output_sealed(const Options *options, const char *name, const char *path,
                       const FileSetEntry *files, size_t count, Reason *reason)
{
    BytesView sealed = bytes_view(&files[0].content);
    bool to_file = !output_is_stdout(path);
    _cleanup_(bytes_done) Bytes text = {0};
    struct json_object *object;
    int r = 0;

    if (count > 1)
        r = file_set_write(path, files, count, SEALED_FILE_MODE, reason);
    else if (to_file || options->json == JSON_OFF)
        r = output_sealed(path, sealed, reason);
    else if (options->seal.format == SEAL_RAW) {
        r = credential_encode(sealed, &text);
        sealed = bytes_view(&text);
    }
    if (r != 0 || options->json == JSON_OFF)
        return r;
    object = json_object_new_object();
    json_add_text(object, "name", name);
    if (to_file)
        json_add_text(object, "file", path);
    else
        json_add_view(object, "sealed", sealed);
    output_json(object, options->json);
    return 0;
}

bool spec_selects(char **machines, const char *machine)
{
    return !*machines || strings_have(machines, machine);
}

int spec_read_identity(const char *path, Reason *reason, Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read(path, LIMIT_IDENTITY_BYTES, reason, &file);

    if (r == OUTCOME_TOO_LARGE) /* the remedy for that is about secrets */
        return OUTCOME_BAD_IDENTITY;
    return r == 0 ? identity_parse(bytes_view(&file), reason, ret) : r;
}
