/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From options and an older credential to what is to be sealed with. See plan.h.
 */

#include "seal/plan.h"

#include "key/firmware.h"
#include "key/pcr_files.h"
#include "seal/systemd_version.h"

#include <string.h>

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

void plan_done(Plan *plan)
{
    bytes_done(&plan->public_key);
    *plan = (Plan){0};
}

static unsigned old_parts(const CredentialSections *old)
{
    return old ? old->kind->parts : 0;
}

/* For another host there is only its TPM. */
static int check_host(const Options *options, const CredentialSections *old, Reason *reason)
{
    if (options->with_key == WITH_KEY_HOST || options->with_key == WITH_KEY_HOST_TPM ||
        options->with_key == WITH_KEY_HOST_TPM_PUBLIC_KEY || options->with_key == WITH_KEY_NULL)
        return reason_set(reason, OUTCOME_USAGE,
                          "for another host a secret can only be sealed with its TPM "
                          "(--with-key=tpm2 or tpm2-with-public-key): its host key is its own "
                          "secret");
    if (options->uid || old_parts(old) & KIND_SCOPED)
        return reason_set(reason, OUTCOME_USAGE,
                          "what is sealed for a user has the host key, which does not leave its "
                          "host: it cannot be sealed for another one");
    return 0;
}

static unsigned choose_parts(const Options *options, const Identity *host,
                             const CredentialSections *old)
{
    bool keep = old && !(options->given & OPTION_WITH_KEY);
    unsigned parts = keep ? old_parts(old) & ~(unsigned)KIND_PINNED
                          : with_key_parts[options->with_key] | (old_parts(old) & KIND_SCOPED);

    if (options->uid)
        parts |= KIND_SCOPED;
    return host ? (parts & KIND_PUBLIC_KEY) | KIND_TPM : parts;
}

static void choose_pcrs(const Options *options, const CredentialSections *old, Plan *plan)
{
    if (!(plan->parts & KIND_TPM))
        return;
    if (options->given & OPTION_TPM_PCRS || !(old_parts(old) & KIND_TPM))
        plan->pcrs = options->tpm_pcrs;
    else if (old->tpm.pcr_mask)
        plan->pcrs = (TpmPcrs){.mask = old->tpm.pcr_mask, .bank = old->tpm.pcr_bank};
}

static void choose_signed_pcrs(const Options *options, const CredentialSections *old, Plan *plan)
{
    bool keep = old_parts(old) & KIND_PUBLIC_KEY && !(options->given & OPTION_PUBLIC_KEY_PCRS);

    if (plan->parts & KIND_PUBLIC_KEY)
        plan->public_key_mask = keep ? old->tpm.public_key_mask : options->public_key_pcrs;
}

/* The one that was named; the old one if its policy is kept; the host's own. */
static int load_public_key(const Context *context, const Options *options,
                           const CredentialSections *old, Reason *reason, Plan *plan)
{
    if (!options->public_key && plan->parts & old_parts(old) & KIND_PUBLIC_KEY)
        return bytes_dup(old->tpm.public_key, &plan->public_key);
    if (options->public_key || !plan->host)
        return pcr_public_key_load(context, options->public_key, reason, &plan->public_key);
    if (plan->host->pcr_public_key.size > 0)
        return bytes_dup(bytes_view(&plan->host->pcr_public_key), &plan->public_key);
    return reason_set(reason, OUTCOME_NOT_FOUND,
                      "the host identity has no key that signs PCR policies: name one with "
                      "--tpm2-public-key=");
}

/* A public key that was named is used with every TPM kind; with auto also one that is there, if
 * what it signs for is measured at all. */
static int choose_public_key(const Context *context, const Options *options,
                             const CredentialSections *old, Reason *reason, Plan *plan)
{
    bool named = options->given & OPTION_PUBLIC_KEY;
    bool automatic =
        plan->automatic &&
        (plan->host || (plan->version >= VERSION_SIGNED_PCRS && firmware_has_tpm(context)));
    int r;

    if (!(plan->parts & KIND_TPM) || (!named && !automatic && !(plan->parts & KIND_PUBLIC_KEY)))
        return 0;
    r = load_public_key(context, options, old, reason, plan);
    if (r == OUTCOME_NOT_FOUND && automatic)
        return 0;
    if (r == 0)
        plan->parts |= KIND_PUBLIC_KEY;
    return r == OUTCOME_NOT_FOUND ? OUTCOME_USAGE : r;
}

int plan_make(const Context *context, const Options *options, const Identity *host,
              const CredentialSections *old, Reason *reason, Plan *ret)
{
    _cleanup_(plan_done) Plan plan = {.host = host};
    const Kind *kind;
    int r = host ? check_host(options, old, reason) : 0;

    if (r != 0)
        return r;
    plan.version = options->for_systemd ? options->for_systemd : systemd_version_installed(context);
    if (plan.version == 0)
        plan.version = VERSION_UNKNOWN;
    plan.automatic =
        options->with_key == WITH_KEY_AUTO && (!old || options->given & OPTION_WITH_KEY);
    plan.parts = choose_parts(options, host, old);
    choose_pcrs(options, old, &plan);
    r = choose_public_key(context, options, old, reason, &plan);
    choose_signed_pcrs(options, old, &plan);
    /* whether there is such a kind at all */
    if (r == 0 && !host)
        r = kind_choose(plan.parts, plan.version, reason, &kind);
    if (r != 0)
        return r;
    *ret = plan;
    plan = (Plan){0};
    return 0;
}

static bool policy_equal(const Plan *a, const Plan *b)
{
    return a->host == b->host && a->pcrs.mask == b->pcrs.mask && a->pcrs.given == b->pcrs.given &&
           a->pcrs.bank == b->pcrs.bank &&
           memcmp(a->pcrs.values, b->pcrs.values, sizeof(a->pcrs.values)) == 0 &&
           a->public_key_mask == b->public_key_mask &&
           bytes_view_equal(bytes_view(&a->public_key), bytes_view(&b->public_key));
}

bool plan_equal(const Plan *a, const Plan *b)
{
    return a->parts == b->parts && a->automatic == b->automatic && a->version == b->version &&
           policy_equal(a, b);
}

bool plan_shares_tpm_key(const Plan *a, const Plan *b)
{
    static const unsigned parts = KIND_TPM | KIND_PUBLIC_KEY | KIND_PINNED;

    return kind_has(a->kind, KIND_TPM) && ((a->kind->parts ^ b->kind->parts) & parts) == 0 &&
           policy_equal(a, b);
}
