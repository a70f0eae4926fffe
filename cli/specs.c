/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "specs.h"

#include "base/fsutil.h"
#include "policy/policy_status.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <fcntl.h>

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
