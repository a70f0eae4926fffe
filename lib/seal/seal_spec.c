/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "seal/seal_spec.h"

#include "key/machine.h"
#include "key/pcr_files.h"

#include <glob.h>
#include <limits.h>
#include <string.h>

/* If no systemd is found: what all versions open. */
#define VERSION_UNKNOWN     250U
/* The first version with signed PCR policies. */
#define VERSION_SIGNED_PCRS 252U

#define LIBRARY             "/libsystemd-shared-"

unsigned systemd_version_installed(const Context *context)
{
    static const char *const directories[] = {
        "/run/booted-system/systemd/lib/systemd", /* NixOS */
        "/usr/lib/systemd",                       /* Arch, SUSE */
        "/usr/lib/*-linux-*/systemd",             /* Debian */
        "/usr/lib64/systemd",                     /* Fedora */
        NULL,
    };

    for (const char *const *directory = directories; *directory; directory++) {
        _cleanup_(globfree) glob_t found = {0};
        char pattern[PATH_MAX];

        snprintf(pattern, sizeof(pattern), "%s%s" LIBRARY "[0-9][0-9][0-9]*.so*", context->root,
                 *directory);
        /* they are sorted */
        if (glob(pattern, 0, NULL, &found) == 0)
            return (unsigned)strtoul(
                strrchr(found.gl_pathv[found.gl_pathc - 1], '/') + strlen(LIBRARY), NULL, 10);
    }
    return 0;
}

void seal_target_done(SealTarget *target)
{
    bytes_done(&target->public_key);
    *target = (SealTarget){0};
}

static unsigned old_key_types(const CredentialSections *old)
{
    return old ? old->kind->key_types : 0;
}

/* For another host only its TPM can be used. */
static int check_host(const SealSpec *spec, const CredentialSections *old, Reason *reason)
{
    if (spec->keys == SEAL_GIVEN_KEYS && (spec->key_types & (KIND_HOST | KIND_TPM)) != KIND_TPM)
        return reason_set(reason, OUTCOME_USAGE,
                          "for another host a secret can only be sealed with its TPM "
                          "(key type tpm2 or tpm2-with-public-key), because its host key never "
                          "leaves it");
    if (spec->uid || old_key_types(old) & KIND_SCOPED)
        return reason_set(
            reason, OUTCOME_USAGE,
            "credentials for a user need the host key, which never leaves its host, so "
            "that they cannot be sealed for another one");
    return 0;
}

static unsigned choose_key_types(const SealSpec *spec, const CredentialSections *old)
{
    unsigned types = spec->keys == SEAL_GIVEN_KEYS ? spec->key_types : KIND_HOST | KIND_TPM;

    if (old && spec->keys == SEAL_KEEP_KEYS)
        types = old_key_types(old) & ~(unsigned)KIND_PINNED;
    types |= old_key_types(old) & KIND_SCOPED;
    if (spec->uid)
        types |= KIND_SCOPED;
    return spec->host ? (types & KIND_PUBLIC_KEY) | KIND_TPM : types;
}

static void choose_pcrs(const SealSpec *spec, const CredentialSections *old, SealTarget *target)
{
    if (!(target->key_types & KIND_TPM))
        return;
    if (spec->has_pcrs || !(old_key_types(old) & KIND_TPM))
        target->pcrs = spec->pcrs;
    else if (old->tpm.pcr_mask)
        target->pcrs = (TpmPcrs){.mask = old->tpm.pcr_mask, .bank = old->tpm.pcr_bank};
}

static void choose_signed_pcrs(const SealSpec *spec, const CredentialSections *old,
                               SealTarget *target)
{
    if (!(target->key_types & KIND_PUBLIC_KEY))
        return;
    target->public_key_mask = spec->has_public_key_pcrs              ? spec->public_key_pcrs
                              : old_key_types(old) & KIND_PUBLIC_KEY ? old->tpm.public_key_mask
                                                                     : SEAL_SIGNED_PCRS;
}

/* The given key; else the old one if its policy is kept; else the host's own. */
static int load_public_key(const SealContext *seal, const CredentialSections *old, Reason *reason,
                           SealTarget *target)
{
    const SealSpec *spec = seal->spec;

    if (!spec->public_key && target->key_types & old_key_types(old) & KIND_PUBLIC_KEY)
        return bytes_dup(old->tpm.public_key, &target->public_key);
    if (spec->public_key || !spec->host)
        return pcr_public_key_load(seal->context, spec->public_key, reason, &target->public_key);
    if (spec->host->pcr_public_key.size > 0)
        return bytes_dup(bytes_view(&spec->host->pcr_public_key), &target->public_key);
    return reason_set(reason, OUTCOME_NOT_FOUND,
                      "the host identity has no key for signed PCR policies, and none is named");
}

/* A given public key is used with every TPM kind. With auto an existing one is also used, if its
 * PCRs are measured at all. */
static int choose_public_key(const SealContext *seal, const CredentialSections *old, Reason *reason,
                             SealTarget *target)
{
    bool automatic = target->automatic &&
                     (target->host ||
                      (target->version >= VERSION_SIGNED_PCRS && firmware_has_tpm(seal->context)));
    bool wanted = seal->spec->public_key || automatic || target->key_types & KIND_PUBLIC_KEY;
    int r;

    if (!(target->key_types & KIND_TPM) || !wanted)
        return 0;
    r = load_public_key(seal, old, reason, target);
    if (r == OUTCOME_NOT_FOUND && automatic)
        return 0;
    if (r == 0)
        target->key_types |= KIND_PUBLIC_KEY;
    return r == OUTCOME_NOT_FOUND ? OUTCOME_USAGE : r;
}

int seal_target_make(const SealContext *seal, const CredentialSections *old, Reason *reason,
                     SealTarget *ret)
{
    const SealSpec *spec = seal->spec;
    _cleanup_(seal_target_done) SealTarget target = {.host = spec->host, .version = spec->version};
    const Kind *kind;
    int r = spec->host ? check_host(spec, old, reason) : 0;

    if (r != 0)
        return r;
    if (target.version == 0)
        target.version = systemd_version_installed(seal->context);
    if (target.version == 0)
        target.version = VERSION_UNKNOWN;
    target.automatic = spec->keys == SEAL_AUTO_KEYS || (spec->keys == SEAL_KEEP_KEYS && !old);
    target.key_types = choose_key_types(spec, old);
    choose_pcrs(spec, old, &target);
    r = choose_public_key(seal, old, reason, &target);
    choose_signed_pcrs(spec, old, &target);
    /* whether such a kind exists at all */
    if (r == 0 && !spec->host)
        r = kind_choose(target.key_types, target.version, reason, &kind);
    if (r == 0)
        *ret = TAKE(target);
    return r;
}

static bool policy_equal(const SealTarget *a, const SealTarget *b)
{
    return a->host == b->host && a->pcrs.mask == b->pcrs.mask && a->pcrs.given == b->pcrs.given &&
           a->pcrs.bank == b->pcrs.bank &&
           memcmp(a->pcrs.values, b->pcrs.values, sizeof(a->pcrs.values)) == 0 &&
           a->public_key_mask == b->public_key_mask &&
           bytes_view_equal(bytes_view(&a->public_key), bytes_view(&b->public_key));
}

bool seal_target_equal(const SealTarget *a, const SealTarget *b)
{
    return a->key_types == b->key_types && a->automatic == b->automatic &&
           a->version == b->version && policy_equal(a, b);
}

bool seal_target_shares_tpm_key(const SealTarget *a, const SealTarget *b)
{
    static const unsigned key_types = KIND_TPM | KIND_PUBLIC_KEY | KIND_PINNED;

    return kind_has(a->kind, KIND_TPM) &&
           ((a->kind->key_types ^ b->kind->key_types) & key_types) == 0 && policy_equal(a, b);
}
