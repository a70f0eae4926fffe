/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys for many credentials. See sealer.h.
 */

#include "seal/sealer.h"

#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct SealerKeys {
    const Plan *plan;
    char machine[LIMIT_MACHINE_BYTES + 1]; /* "" if they are for one credential alone */
    Keys *keys;
};

static int read_identity(const char *path, Reason *reason, Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read_at(AT_FDCWD, path, IDENTITY_MAX_BYTES, reason, &file);

    return r == 0 ? identity_parse(bytes_view(&file), reason, ret) : r;
}

int sealer_init(const Context *context, const Options *options, Reason *reason, Sealer *ret)
{
    Sealer sealer = {.context = context, .options = options, .elsewhere = options->host_count > 0};
    int r = sealer.elsewhere ? read_identity(options->hosts[0], reason, &sealer.host) : 0;

    if (r == 0)
        *ret = sealer;
    return r;
}

void sealer_done(Sealer *sealer)
{
    for (size_t i = 0; i < sealer->key_count; i++) {
        keys_done(sealer->keys[i].keys);
        free(sealer->keys[i].keys);
    }
    for (size_t i = 0; i < sealer->plan_count; i++) {
        plan_done(sealer->plans[i]);
        free(sealer->plans[i]);
    }
    free(sealer->keys);
    free(sealer->plans);
    identity_done(&sealer->host);
    *sealer = (Sealer){0};
}

static int add_plan(Sealer *sealer, Plan *plan, Reason *reason, const Plan **ret)
{
    Plan **larger, *added;
    int r = keys_settle(sealer->context, sealer->options, reason, plan);

    if (r != 0)
        return r;
    larger = reallocarray(sealer->plans, sealer->plan_count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    sealer->plans = larger;
    added = malloc(sizeof(*added));
    if (!added)
        return -ENOMEM;
    *added = *plan;
    *plan = (Plan){0};
    sealer->plans[sealer->plan_count++] = added;
    *ret = added;
    return 0;
}

int sealer_plan(Sealer *sealer, const CredentialParts *old, Reason *reason, const Plan **ret)
{
    _cleanup_(plan_done) Plan plan = {0};
    int r = plan_make(sealer->context, sealer->options, sealer->elsewhere ? &sealer->host : NULL,
                      old, reason, &plan);

    if (r != 0)
        return r;
    if (plan.parts == 0 && !sealer->options->allow_null)
        return reason_set(reason, OUTCOME_USAGE,
                          "it would be sealed with the null key, which protects nothing; if that "
                          "is meant, say --allow-null");
    for (size_t i = 0; i < sealer->plan_count; i++)
        if (plan_equal(sealer->plans[i], &plan)) {
            *ret = sealer->plans[i];
            return 0;
        }
    return add_plan(sealer, &plan, reason, ret);
}

/* MACHINE's keys that have the TPM key for PLAN. */
static const Keys *find_tpm_key(const Sealer *sealer, const Plan *plan, const char *machine)
{
    for (size_t i = 0; machine && i < sealer->key_count; i++)
        if (strcmp(sealer->keys[i].machine, machine) == 0 &&
            plan_shares_tpm_key(sealer->keys[i].plan, plan))
            return sealer->keys[i].keys;
    return NULL;
}

static int add_keys(Sealer *sealer, const Plan *plan, const char *machine, Reason *reason,
                    const Keys **ret)
{
    _cleanup_(freep) Keys *keys = calloc(1, sizeof(*keys));
    SealerKeys *larger;
    int r;

    if (!keys)
        return -ENOMEM;
    larger = reallocarray(sealer->keys, sealer->key_count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    sealer->keys = larger;
    r = keys_make(sealer->context, sealer->options, plan, find_tpm_key(sealer, plan, machine),
                  sealer->joins, reason, keys);
    if (r != 0)
        return r;
    larger = &sealer->keys[sealer->key_count++];
    *larger = (SealerKeys){.plan = plan, .keys = TAKE_PTR(keys)};
    if (machine)
        strcpy(larger->machine, machine);
    *ret = larger->keys;
    return 0;
}

int sealer_keys(Sealer *sealer, const Plan *plan, const char *machine, Reason *reason,
                const Keys **ret)
{
    if (sealer->options->fresh_key)
        machine = NULL;
    for (size_t i = 0; machine && i < sealer->key_count; i++)
        if (sealer->keys[i].plan == plan && strcmp(sealer->keys[i].machine, machine) == 0) {
            *ret = sealer->keys[i].keys;
            return 0;
        }
    return add_keys(sealer, plan, machine, reason, ret);
}
