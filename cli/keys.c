/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys of this host. See keys.h.
 */

#include "keys.h"

#include "output.h"

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

static int get_tpm_key(const Context *context, const Options *options, Reason *reason, Keys *keys)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r = tpm_new(options->tpm_device, reason, &tpm);

    if (r != 0)
        return r;
    return tpm_seal(tpm, context, options->tpm_pcrs, reason, &keys->tpm_sealed, &keys->tpm);
}

static unsigned parts_of(WithKey with_key)
{
    switch (with_key) {
    case WITH_KEY_HOST:
        return KIND_HOST;
    case WITH_KEY_TPM:
        return KIND_TPM;
    case WITH_KEY_AUTO:
    case WITH_KEY_HOST_TPM:
        return KIND_HOST | KIND_TPM;
    case WITH_KEY_NULL:
        break;
    }
    return 0;
}

/* With auto, what is there; a TPM that was asked for has to be there. */
static int seal_parts(const Context *context, const Options *options, Reason *reason, Keys *keys,
                      unsigned *parts)
{
    bool automatic = options->with_key == WITH_KEY_AUTO;
    bool tpm_wanted = options->given & (OPTION_TPM_DEVICE | OPTION_TPM_PCRS);
    int r = 0;

    *parts = parts_of(options->with_key);
    if (*parts & KIND_TPM) {
        r = get_tpm_key(context, options, reason, keys);
        if (r == OUTCOME_TPM_UNREACHABLE && automatic && !tpm_wanted) {
            output_note("No TPM was found: sealing with the host key alone.");
            *parts &= ~(unsigned)KIND_TPM;
            r = 0;
        }
    }
    if (r != 0)
        return r;
    if (automatic && (*parts & KIND_TPM) && host_key_is_fleeting()) {
        output_note("%s would be gone after a reboot: sealing with the TPM alone.",
                    keys_host_path());
        *parts &= ~(unsigned)KIND_HOST;
    }
    return *parts & KIND_HOST ? get_host_key(context, reason, keys) : 0;
}

int keys_for_sealing(const Context *context, const Options *options, Reason *reason, Keys *ret)
{
    _cleanup_(keys_done) Keys keys = {0};
    unsigned parts;
    int r = seal_parts(context, options, reason, &keys, &parts);

    if (r != 0)
        return r;
    keys.kind = kind_find_by_parts(parts);
    *ret = keys;
    keys = (Keys){0};
    return 0;
}

/* --- opening --- */

int keys_for_opening(const Context *context, const Options *options, const CredentialParts *parts,
                     Reason *reason, Keys *ret)
{
    _cleanup_(keys_done) Keys keys = {.kind = parts->kind};
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r = credential_openable(parts, reason);

    if (r == 0 && kind_has(parts->kind, KIND_HOST))
        r = host_key_load(context, keys_host_path(), reason, &keys.host);
    if (r == 0 && kind_has(parts->kind, KIND_TPM))
        r = tpm_new(options->tpm_device, reason, &tpm);
    if (r == 0 && kind_has(parts->kind, KIND_TPM))
        r = tpm_unseal(tpm, &parts->tpm, reason, &keys.tpm);
    if (r != 0)
        return r;
    *ret = keys;
    keys = (Keys){0};
    return 0;
}
