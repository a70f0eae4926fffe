/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys to seal with. See keys.h.
 */

#include "seal/keys.h"

#include "client/broker.h"
#include "credential/offline.h"
#include "credential/seal.h"
#include "key/firmware.h"
#include "seal/sharing.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

const char *keys_host_path(void)
{
    const char *path = secure_getenv("SYSTEMD_CREDENTIAL_SECRET");

    return path && *path ? path : HOST_KEY_PATH;
}

void keys_announce(void)
{
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *reply = NULL;

    if (strcmp(keys_host_path(), HOST_KEY_PATH) == 0 &&
        client_new(CLIENT_DEFAULT_PATH, NULL, &client) == 0)
        (void)broker_call(client, "Restart", NULL, NULL, &reply);
    json_object_put(reply);
}

void keys_done(Keys *keys)
{
    secret_free(keys->host);
    secret_free(keys->tpm);
    tpm_sealed_done(&keys->tpm_sealed);
    *keys = (Keys){0};
}

/* Whether what is made in the host key's directory is gone after a reboot. */
static bool host_key_is_fleeting(void)
{
    _cleanup_(freep) char *directory = strdup(keys_host_path());
    char *slash = directory ? strrchr(directory, '/') : NULL;
    struct statfs status;

    if (!slash || slash == directory)
        return false;
    *slash = '\0';
    return statfs(directory, &status) == 0 &&
           (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

/* --- what comes of a plan --- */

/* With auto, systemd before it takes no TPM that the firmware does not know; 261 has software TPMs,
 * 257 and 262 are checked. */
#define VERSION_ANY_TPM 261U

/* In the pinned form only if the TPM has a storage root key. */
static int settle_tpm(const Options *options, Reason *reason, Plan *plan)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    bool has_srk = false;
    int r;

    progress_begin_tpm("look for its storage root key");
    r = tpm_new(options->tpm_device, reason, &tpm);
    if (r == 0)
        r = tpm_has_srk(tpm, reason, &has_srk);
    progress_end();
    if (r != 0 || has_srk || !kind_has(plan->kind, KIND_PINNED))
        return r;
    output_note("The TPM has no storage root key (systemd-tpm2-setup.service makes one): sealing "
                "in the older form.");
    plan->kind = kind_find_by_key_types(plan->kind->parts & ~(unsigned)KIND_PINNED);
    return 0;
}

/* With auto the host key is left out where it would not last, as systemd does. */
static int settle_fleeting_key(Reason *reason, unsigned *parts)
{
    if (*parts & KIND_SCOPED)
        return reason_set(
            reason, OUTCOME_USAGE,
            "%s would be gone after a reboot, and what is sealed for a user needs it; "
            "if that is meant, say --with-key=host",
            keys_host_path());
    *parts &= ~(unsigned)KIND_HOST;
    return 0;
}

/* With auto, WHY there is no TPM to take. */
static int settle_without_tpm(const char *why, Reason *reason, unsigned *parts)
{
    if (!(*parts & KIND_HOST))
        return reason_set(reason, OUTCOME_TPM_UNREACHABLE,
                          "%s, and %s would be gone after a reboot: say with --with-key= what to "
                          "seal with all the same",
                          why, keys_host_path());
    output_note("Sealing with the host key alone: %s.", why);
    *parts &= ~(unsigned)(KIND_TPM | KIND_PUBLIC_KEY);
    return 0;
}

/* With auto, what is there; a TPM that was asked for has to be there. */
static int settle_here(const Context *context, const Options *options, Reason *reason, Plan *plan)
{
    static const unsigned tpm_options =
        OPTION_TPM_DEVICE | OPTION_TPM_PCRS | OPTION_PUBLIC_KEY | OPTION_PUBLIC_KEY_PCRS;
    bool may_do_without = plan->automatic && !(options->given & tpm_options);
    unsigned parts = plan->parts;
    int r = 0;

    if (plan->automatic && host_key_is_fleeting())
        r = settle_fleeting_key(reason, &parts);
    if (r == 0 && may_do_without && plan->version < VERSION_ANY_TPM && !firmware_has_tpm(context))
        r = settle_without_tpm("the firmware knows of no TPM (--with-key=host+tpm2 takes one all "
                               "the same)",
                               reason, &parts);
    if (r == 0)
        r = kind_choose(parts, plan->version, reason, &plan->kind);
    if (r == 0 && parts & KIND_TPM)
        r = settle_tpm(options, reason, plan);
    if (r == OUTCOME_TPM_UNREACHABLE && parts & KIND_TPM && may_do_without) {
        r = settle_without_tpm("no TPM was found", reason, &parts);
        if (r == 0)
            r = kind_choose(parts, plan->version, reason, &plan->kind);
    }
    if (r == 0 && plan->automatic && !(parts & KIND_HOST))
        output_note("%s would be gone after a reboot: sealing with the TPM alone.",
                    keys_host_path());
    return r;
}

static int make_offline(const Context *context, const Options *options, const Plan *plan,
                        Reason *reason, OfflineKey *ret)
{
    OfflineRequest request = {
        .identity = plan->host,
        .form = options->form,
        .pcrs = plan->pcrs,
        .public_key = bytes_view(&plan->public_key),
        .public_key_mask = plan->public_key_mask,
    };

    return offline_key_new(context, &request, reason, ret);
}

int keys_settle(const Context *context, const Options *options, Reason *reason, Plan *plan)
{
    _cleanup_(offline_key_done) OfflineKey key = {0};
    int r;

    if (!plan->host)
        return settle_here(context, options, reason, plan);
    r = make_offline(context, options, plan, reason, &key);
    if (r == 0)
        plan->kind = key.kind;
    return r;
}

/* --- the keys --- */

static int get_host_key(const Context *context, Reason *reason, Keys *keys)
{
    bool made;
    int r = host_key_ensure(context, keys_host_path(), reason, &keys->host, &made);

    if (r == 0 && made) {
        output_note("Made this host's key, %s.", keys_host_path());
        keys_announce();
    }
    return r;
}

static int copy_tpm_key(const Keys *other, Reason *reason, Keys *keys)
{
    TpmSealedView sealed = tpm_sealed_view(&other->tpm_sealed);
    int r = tpm_sealed_dup(&sealed, &keys->tpm_sealed);

    return r == 0 ? secret_new_from(secret_view(other->tpm), reason, &keys->tpm) : r;
}

/* One that other credentials have, or a fresh one. */
static int get_tpm_key(const Context *context, const Options *options, const Plan *plan,
                       bool search, Reason *reason, Keys *keys)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    TpmSealRequest request = {
        .pcrs = plan->pcrs,
        .public_key = bytes_view(&plan->public_key),
        .public_key_mask = plan->public_key_mask,
        .pinned = kind_has(plan->kind, KIND_PINNED),
    };
    SharedKey shared;
    int r = tpm_new(options->tpm_device, reason, &tpm);

    if (r != 0)
        return r;
    if (search &&
        sharing_find_key(context, tpm, options,
                         &(SharedKeyRequest){.parts = plan->kind->parts, .request = &request},
                         &shared)) {
        keys->tpm_sealed = shared.sealed;
        keys->tpm = shared.key;
        return 0;
    }
    progress_begin_tpm("seal a key");
    r = tpm_seal(tpm, context, &request, reason, &keys->tpm_sealed, &keys->tpm);
    progress_end();
    return r;
}

static int get_offline_key(const Context *context, const Options *options, const Plan *plan,
                           Reason *reason, Keys *keys)
{
    OfflineKey key;
    int r = make_offline(context, options, plan, reason, &key);

    if (r != 0)
        return r;
    keys->tpm = key.key;
    keys->tpm_sealed = key.sealed;
    return 0;
}

int keys_make(const Context *context, const Options *options, const Plan *plan, const Keys *other,
              bool search, Reason *reason, Keys *ret)
{
    _cleanup_(keys_done) Keys keys = {.kind = plan->kind};
    int r = 0;

    if (kind_has(plan->kind, KIND_SCOPED))
        r = user_scope_load(context, options->uid, reason, &keys.scope);
    if (r == 0 && kind_has(plan->kind, KIND_TPM))
        r = other        ? copy_tpm_key(other, reason, &keys)
            : plan->host ? get_offline_key(context, options, plan, reason, &keys)
                         : get_tpm_key(context, options, plan, search, reason, &keys);
    if (r == 0 && kind_has(plan->kind, KIND_HOST))
        r = get_host_key(context, reason, &keys);
    if (r != 0)
        return r;
    *ret = keys;
    keys = (Keys){0};
    return 0;
}

int keys_seal(const Context *context, const Keys *keys, const Secret *plaintext,
              const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    SealRequest request = {
        .kind = keys->kind,
        .plaintext = plaintext,
        .host_key = keys->host,
        .tpm_key = keys->tpm,
        .scope = keys_scope(keys),
        .tpm = tpm_sealed_view(&keys->tpm_sealed),
        .metadata = *metadata,
    };
    int r = credential_seal(context, &request, reason, &sealed);

    if (r == 0 && !raw)
        return credential_encode(bytes_view(&sealed), ret);
    if (r != 0)
        return r;
    *ret = sealed;
    sealed = (Bytes){0};
    return 0;
}
