/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys of this host. See keys.h.
 */

#include "keys.h"

#include "key/pcr_files.h"
#include "output.h"
#include "sharing.h"
#include "systemd_version.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

const char *keys_host_path(void)
{
    const char *path = secure_getenv("SYSTEMD_CREDENTIAL_SECRET");

    return path && *path ? path : HOST_KEY_PATH;
}

void keys_done(Keys *keys)
{
    secret_free(keys->host);
    secret_free(keys->tpm);
    tpm_sealed_done(&keys->tpm_sealed);
    *keys = (Keys){0};
}

/* --- sealing --- */

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

static int get_host_key(const Context *context, Reason *reason, Keys *keys)
{
    bool made;
    int r = host_key_ensure(context, keys_host_path(), reason, &keys->host, &made);

    if (r == 0 && made)
        output_note("Made this host's key, %s.", keys_host_path());
    return r;
}

/* What is known about the credential to be before there are keys. */
typedef struct Plan {
    unsigned parts;   /* without KIND_PINNED: the kind to be */
    unsigned version; /* of systemd, which is to open it */
    Bytes public_key; /* KIND_PUBLIC_KEY */
} Plan;

static void plan_done(Plan *plan)
{
    bytes_done(&plan->public_key);
}

/* Where no systemd is found, what all of them open. */
#define VERSION_UNKNOWN     250U
/* Signed PCR policies came with it. */
#define VERSION_SIGNED_PCRS 252U

static const unsigned with_key_parts[] = {
    [WITH_KEY_AUTO] = KIND_HOST | KIND_TPM,
    [WITH_KEY_HOST] = KIND_HOST,
    [WITH_KEY_TPM] = KIND_TPM,
    [WITH_KEY_HOST_TPM] = KIND_HOST | KIND_TPM,
    [WITH_KEY_TPM_PUBLIC_KEY] = KIND_TPM | KIND_PUBLIC_KEY,
    [WITH_KEY_HOST_TPM_PUBLIC_KEY] = KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY,
    [WITH_KEY_NULL] = 0,
};

/* A public key that was named is used with every TPM kind; with auto also one that is there. */
static int plan_public_key(const Context *context, const Options *options, Reason *reason,
                           Plan *plan)
{
    bool named = options->given & OPTION_PUBLIC_KEY;
    bool automatic = options->with_key == WITH_KEY_AUTO && plan->version >= VERSION_SIGNED_PCRS;
    int r;

    if (!(plan->parts & KIND_TPM) || (!named && !automatic && !(plan->parts & KIND_PUBLIC_KEY)))
        return 0;
    r = pcr_public_key_load(context, options->public_key, reason, &plan->public_key);
    if (r == OUTCOME_NOT_FOUND && automatic)
        return 0;
    if (r == 0)
        plan->parts |= KIND_PUBLIC_KEY;
    return r == OUTCOME_NOT_FOUND ? OUTCOME_USAGE : r;
}

static int make_plan(const Context *context, const Options *options, Reason *reason, Plan *plan)
{
    const Kind *kind;
    int r;

    plan->version =
        options->for_systemd ? options->for_systemd : systemd_version_installed(context);
    if (plan->version == 0)
        plan->version = VERSION_UNKNOWN;
    plan->parts = with_key_parts[options->with_key];
    if (options->uid)
        plan->parts |= KIND_SCOPED;
    r = plan_public_key(context, options, reason, plan);
    /* whether there is such a kind at all */
    return r == 0 ? kind_choose(plan->parts, plan->version, reason, &kind) : r;
}

/* A key of KEYS' kind: one that other credentials have, or a fresh one. */
static int get_tpm_key_of_kind(const Context *context, const Options *options, Tpm *tpm,
                               TpmSealRequest *request, Reason *reason, Keys *keys)
{
    SharedKey shared;

    request->pinned = kind_has(keys->kind, KIND_PINNED);
    if (!sharing_find_key(context, tpm, options,
                          &(SharedKeyWish){.parts = keys->kind->parts, .request = request},
                          &shared))
        return tpm_seal(tpm, context, request, reason, &keys->tpm_sealed, &keys->tpm);
    keys->tpm_sealed = shared.sealed;
    keys->tpm = shared.key;
    return 0;
}

/* In the pinned form if the version has it and the TPM a storage root key. */
static int get_tpm_key(const Context *context, const Options *options, const Plan *plan,
                       Reason *reason, Keys *keys)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    TpmSealRequest request = {
        .pcrs = options->tpm_pcrs,
        .public_key = bytes_view(&plan->public_key),
        .public_key_mask = options->public_key_pcrs,
    };
    int r = kind_choose(plan->parts, plan->version, reason, &keys->kind);

    if (r == 0)
        r = tpm_new(options->tpm_device, reason, &tpm);
    if (r == 0)
        r = get_tpm_key_of_kind(context, options, tpm, &request, reason, keys);
    if (r != OUTCOME_TPM_NO_SRK || !kind_has(keys->kind, KIND_PINNED))
        return r;
    output_note("The TPM has no storage root key (systemd-tpm2-setup.service makes one): sealing "
                "in the older form.");
    keys->kind = kind_find_by_parts(plan->parts);
    return get_tpm_key_of_kind(context, options, tpm, &request, reason, keys);
}

/* With auto the host key is left out where it would not last, as systemd does. */
static int plan_fleeting_key(Reason *reason, Plan *plan)
{
    if (plan->parts & KIND_SCOPED)
        return reason_set(
            reason, OUTCOME_USAGE,
            "%s would be gone after a reboot, and what is sealed for a user needs it; "
            "if that is meant, say --with-key=host",
            keys_host_path());
    plan->parts &= ~(unsigned)KIND_HOST;
    return 0;
}

/* With auto and no TPM. */
static int plan_without_tpm(Reason *reason, Plan *plan)
{
    if (!(plan->parts & KIND_HOST))
        return reason_set(reason, OUTCOME_TPM_UNREACHABLE,
                          "no TPM was found, and %s would be gone after a reboot; if that is "
                          "meant, say --with-key=host",
                          keys_host_path());
    output_note("No TPM was found: sealing with the host key alone.");
    plan->parts &= ~(unsigned)(KIND_TPM | KIND_PUBLIC_KEY);
    return 0;
}

/* With auto, what is there; a TPM that was asked for has to be there. */
static int seal_parts(const Context *context, const Options *options, Reason *reason, Plan *plan,
                      Keys *keys)
{
    static const unsigned tpm_options =
        OPTION_TPM_DEVICE | OPTION_TPM_PCRS | OPTION_PUBLIC_KEY | OPTION_PUBLIC_KEY_PCRS;
    bool automatic = options->with_key == WITH_KEY_AUTO;
    int r = 0;

    if (automatic && host_key_is_fleeting())
        r = plan_fleeting_key(reason, plan);
    if (r == 0 && (plan->parts & KIND_TPM)) {
        r = get_tpm_key(context, options, plan, reason, keys);
        if (r == OUTCOME_TPM_UNREACHABLE && automatic && !(options->given & tpm_options))
            r = plan_without_tpm(reason, plan);
    }
    if (r == 0 && !(plan->parts & KIND_TPM))
        r = kind_choose(plan->parts, plan->version, reason, &keys->kind);
    if (r != 0)
        return r;
    if (automatic && !(plan->parts & KIND_HOST))
        output_note("%s would be gone after a reboot: sealing with the TPM alone.",
                    keys_host_path());
    return plan->parts & KIND_HOST ? get_host_key(context, reason, keys) : 0;
}

int keys_for_sealing(const Context *context, const Options *options, Reason *reason, Keys *ret)
{
    _cleanup_(keys_done) Keys keys = {0};
    _cleanup_(plan_done) Plan plan = {0};
    int r = make_plan(context, options, reason, &plan);

    if (r == 0 && options->uid)
        r = user_scope_load(context, options->uid, reason, &keys.scope);
    if (r == 0)
        r = seal_parts(context, options, reason, &plan, &keys);
    if (r != 0)
        return r;
    *ret = keys;
    keys = (Keys){0};
    return 0;
}

/* --- opening --- */

/* Fails only for files that are named; that there are none is said when they are needed. */
static int load_signatures(const Context *context, const Options *options, Reason *reason,
                           Bytes *ret)
{
    int r = pcr_signatures_load(context, options->signatures, reason, ret);

    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

static int unseal(const Context *context, const Options *options, const CredentialParts *parts,
                  Reason *reason, Keys *keys)
{
    _cleanup_(bytes_done) Bytes signatures = {0};
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    TpmSealedView sealed = parts->tpm;
    int r = 0;

    if (kind_has(parts->kind, KIND_PUBLIC_KEY))
        r = load_signatures(context, options, reason, &signatures);
    if (r == 0)
        r = tpm_new(options->tpm_device, reason, &tpm);
    if (r != 0)
        return r;
    sealed.signatures = bytes_view(&signatures);
    sealed.expected = &options->tpm_pcrs;
    return tpm_unseal(tpm, &sealed, reason, &keys->tpm);
}

int keys_for_opening(const Context *context, const Options *options, const CredentialParts *parts,
                     Reason *reason, Keys *ret)
{
    _cleanup_(keys_done) Keys keys = {.kind = parts->kind};
    OpenRequest request = {.parts = parts, .scope = options->uid ? &keys.scope : NULL};
    int r = credential_openable(parts, reason);

    if (r == 0 && options->uid)
        r = user_scope_load(context, options->uid, reason, &keys.scope);
    if (r == 0)
        r = credential_scope_fits(&request, reason);
    if (r == 0 && kind_has(parts->kind, KIND_HOST))
        r = host_key_load(context, keys_host_path(), reason, &keys.host);
    if (r == 0 && kind_has(parts->kind, KIND_TPM))
        r = unseal(context, options, parts, reason, &keys);
    if (r != 0)
        return r;
    *ret = keys;
    keys = (Keys){0};
    return 0;
}
