/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The effects of a change. See effect.h.
 *
 * The list of effects is also the queue of what has to be followed.
 */

#include "policy/effect.h"

#include "base/array.h"

#include <errno.h>
#include <string.h>

/* Whether CREDENTIAL of POLICY directly contains or shares NAME. */
static bool is_made_of(const Policy *policy, const PolicyCredential *credential,
                       const CredentialName *name)
{
    const char *cursor = NULL;
    CredentialName ingredient;

    while (policy_next_ingredient(policy, credential, &cursor, &ingredient))
        if (credential_name_equal(&ingredient, name))
            return true;
    return false;
}

static bool is_known(const PolicyEffects *effects, const CredentialName *name)
{
    for (size_t i = 0; i < effects->count; i++)
        if (credential_name_equal(&effects->effects[i].name, name))
            return true;
    return false;
}

/* Adds the effects on NAME, unless it has some: one for each of its units, or one without a unit.
 * CREDENTIAL is NULL without a policy. */
static int add(PolicyEffects *effects, const CredentialName *name,
               const PolicyCredential *credential)
{
    PolicyEffect effect = {.name = *name, .delivery = POLICY_BOOT};
    size_t units = 0;

    if (is_known(effects, name))
        return 0;
    if (credential)
        effect.delivery = credential->delivery;
    if (effect.delivery == POLICY_LIVE && credential->on_change != POLICY_NONE)
        units = credential->service_count;
    for (size_t i = 0; i == 0 || i < units; i++) {
        if (units > 0) {
            effect.unit = credential->services[i];
            effect.action = credential->on_change;
        }
        if (!ARRAY_ADD(effects->effects, effects->count, effect))
            return -ENOMEM;
    }
    return 0;
}

/* Adds the effects on all credentials that directly contain or share NAME. */
static int follow(PolicyEffects *effects, const Policy *policy, const CredentialName *name)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < policy->count; i++) {
        const PolicyCredential *credential = &policy->credentials[i];
        CredentialName made;

        if (is_made_of(policy, credential, name) &&
            credential_name_new(policy->machine, credential->id, NULL, &made) == 0)
            r = add(effects, &made, credential);
    }
    return r;
}

void policy_effects_done(PolicyEffects *effects)
{
    free(effects->effects);
    *effects = (PolicyEffects){0};
}

int policy_effects(Policy *const *policies, size_t count, const CredentialName *changed,
                   size_t changed_count, PolicyEffects *ret)
{
    _cleanup_(policy_effects_done) PolicyEffects effects = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < changed_count; i++) {
        const PolicyCredential *credential = NULL;

        for (size_t j = 0; j < count; j++)
            if (strcmp(policies[j]->machine, changed[i].machine) == 0)
                credential = policy_find(policies[j], changed[i].id);
        r = add(&effects, &changed[i], credential);
    }
    for (size_t next = 0; next < effects.count; next++) {
        /* a copy, because additions may move the original */
        CredentialName name = effects.effects[next].name;

        for (size_t i = 0; r == 0 && i < count; i++)
            r = follow(&effects, policies[i], &name);
    }
    if (r == 0)
        *ret = TAKE(effects);
    return r;
}
