/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "specs.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "base/nearest.h"
#include "policy/policy_status.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <fcntl.h>
#include <string.h>

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
    ret->tpm_required = options->given & tpm_options;
    if (options->key_types != KEY_TYPES_AUTO) {
        ret->keys = SEAL_GIVEN_KEYS;
        ret->key_types = (unsigned)options->key_types;
    } else if (options->given & OPTION_WITH_KEY)
        ret->keys = SEAL_AUTO_KEYS;
    return 0;
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

int spec_open_store(const Options *options, Reason *reason, StoreClient *ret)
{
    return store_client_open(options->store ? options->store : options->host->store,
                             !options->store, &terminal_observer, reason, ret);
}

int spec_reseal_as(const Context *context, const Options *options, const CredentialName *from,
                   const CredentialName *to, Reason *reason, StoreClient *ret_store, ResealAs *ret)
{
    SealSpec spec;
    int r = spec_to_seal(context, options, reason, &spec);

    if (r == 0)
        r = spec_keep_key_type(context, to, reason, &spec);
    if (r == 0)
        r = spec_open_store(options, reason, ret_store);
    return r == 0 ? reseal_as_begin(&(SealContext){context, &spec, &terminal_observer}, ret_store,
                                    from, to, reason, ret)
                  : r;
}

static bool has_machine(char **machines, const char *machine)
{
    while (*machines && strcmp(*machines, machine) != 0)
        machines++;
    return *machines;
}

/* Finds the most similar id of MACHINE, or if the store has nothing for it, the most similar
 * machine. */
static void find_meant(const Store *store, const char *machine, Nearest *id, Nearest *other)
{
    _cleanup_(strings_freep) char **machines = NULL;
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;

    if (store_machines(store, NULL, &machines) != 0)
        return;
    if (!has_machine(machines, machine))
        for (char **found = machines; *found; found++)
            nearest_offer(other, *found);
    else if (id->wanted && store_list(store, machine, NULL, &entries, &count) == 0)
        for (size_t i = 0; i < count; i++)
            nearest_offer(id, entries[i].name.id);
}

void spec_suggest(const Options *options, const char *subject)
{
    const char *at = strchr(subject, '@');
    char machine[LIMIT_MACHINE_BYTES + 1];
    Nearest id = {.wanted = at ? at + 1 : NULL}, other = {.wanted = machine};
    _cleanup_(store_freep) Store *store = NULL;

    if ((options->store ? store_new(options->store, NULL, &store)
                        : store_open_installed(options->host->store, NULL, &store)) != 0)
        return;
    snprintf(machine, sizeof(machine), "%.*s", (int)strcspn(subject, "@"), subject);
    find_meant(store, machine, &id, &other);
    if (id.name[0])
        output_note("Did you mean %s@%s?", machine, id.name);
    else if (other.name[0])
        output_note("Did you mean %s%s?", other.name, at ? at : "");
}

int spec_error(const Options *options, int rc, const char *subject, const Reason *reason)
{
    output_error(rc, subject, reason);
    if (rc == OUTCOME_NOT_FOUND)
        spec_suggest(options, subject);
    return rc;
}

int spec_advise(const Context *context, const CredentialName *name)
{
    PolicyStatus status;
    Reason advice;
    int r = policy_status_find(context, name, &status);

    if (r != 0)
        return r;
    policy_status_advise(&status, name, &advice);
    output_note("%s", advice.text);
    return 0;
}

int spec_read_identity(const char *path, Reason *reason, Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read(path, IDENTITY_MAX_BYTES, reason, &file);

    if (r == OUTCOME_TOO_LARGE) /* the remedy for that is about secrets */
        return OUTCOME_BAD_IDENTITY;
    return r == 0 ? identity_parse(bytes_view(&file), reason, ret) : r;
}
