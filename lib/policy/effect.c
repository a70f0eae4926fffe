/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The effects of a change. See effect.h.
 */

#include "policy/effect.h"

#include "policy/template.h"

#include <errno.h>
#include <string.h>

/* A credential that changes. */
typedef struct Changed {
    CredentialName name;
    const PolicyCredential *credential; /* NULL without a policy */
} Changed;

/* All credentials that change, each once. Those from .next on still have to be followed. */
typedef struct Spread {
    Policy *const *policies;
    size_t policy_count;
    Changed *changed;
    size_t count;
    size_t next;
} Spread;

static void spread_done(Spread *spread)
{
    free(spread->changed);
}

/* Whether NAME, which is CREDENTIAL in a policy (NULL without one), is already included. */
static bool is_known(const Spread *spread, const CredentialName *name,
                     const PolicyCredential *credential)
{
    for (size_t i = 0; i < spread->count; i++) {
        const Changed *known = &spread->changed[i];

        if (credential ? known->credential == credential
                       : strcmp(known->name.machine, name->machine) == 0 &&
                             strcmp(known->name.id, name->id) == 0)
            return true;
    }
    return false;
}

static int add_changed(Spread *spread, const CredentialName *name,
                       const PolicyCredential *credential)
{
    Changed *larger = reallocarray(spread->changed, spread->count + 1, sizeof(larger[0]));

    if (!larger)
        return -ENOMEM;
    spread->changed = larger;
    larger[spread->count++] = (Changed){*name, credential};
    return 0;
}

static bool has_place_for(const char *template, const char *id)
{
    TemplatePiece piece;

    while (template_next(&template, &piece))
        if (strcmp(piece.id, id) == 0)
            return true;
    return false;
}

/* Whether CREDENTIAL of POLICY directly contains or shares NAME. */
static bool is_made_of(const Policy *policy, const PolicyCredential *credential,
                       const CredentialName *name)
{
    char text[CREDENTIAL_NAME_TEXT_BYTES];

    if (credential->source == POLICY_TEMPLATE)
        return strcmp(policy->machine, name->machine) == 0 &&
               has_place_for(credential->text, name->id);
    if (credential->source != POLICY_SHARE)
        return false;
    credential_name_format(name, text);
    return strcmp(credential->text, text) == 0;
}

/* Adds all credentials that directly contain or share NAME. */
static int follow(Spread *spread, const CredentialName *name)
{
    int r = 0;

    for (size_t i = 0; i < spread->policy_count; i++) {
        const Policy *policy = spread->policies[i];

        for (size_t j = 0; r == 0 && j < policy->count; j++) {
            const PolicyCredential *credential = &policy->credentials[j];
            CredentialName made;

            if (!is_made_of(policy, credential, name) ||
                credential_name_new(policy->machine, credential->id, NULL, &made) != 0 ||
                is_known(spread, &made, credential))
                continue;
            r = add_changed(spread, &made, credential);
        }
    }
    return r;
}

static int begin(Spread *spread, const CredentialName *name)
{
    const PolicyCredential *credential = NULL;

    for (size_t i = 0; i < spread->policy_count; i++)
        if (strcmp(spread->policies[i]->machine, name->machine) == 0)
            credential = policy_find(spread->policies[i], name->id);
    return is_known(spread, name, credential) ? 0 : add_changed(spread, name, credential);
}

/* --- effects --- */

static int add_effect(PolicyEffects *effects, const PolicyEffect *effect)
{
    PolicyEffect *larger = reallocarray(effects->effects, effects->count + 1, sizeof(larger[0]));

    if (!larger)
        return -ENOMEM;
    effects->effects = larger;
    larger[effects->count++] = *effect;
    return 0;
}

static int add_effects(PolicyEffects *effects, const Changed *changed)
{
    const PolicyCredential *credential = changed->credential;
    PolicyEffect effect = {.name = changed->name, .delivery = POLICY_BOOT};
    int r = 0;

    if (credential)
        effect.delivery = credential->delivery;
    if (effect.delivery != POLICY_LIVE || credential->on_change == POLICY_NONE ||
        credential->service_count == 0)
        return add_effect(effects, &effect);
    effect.action = credential->on_change;
    for (size_t i = 0; r == 0 && i < credential->service_count; i++) {
        effect.unit = credential->services[i];
        r = add_effect(effects, &effect);
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
    _cleanup_(spread_done) Spread spread = {.policies = policies, .policy_count = count};
    _cleanup_(policy_effects_done) PolicyEffects effects = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < changed_count; i++)
        r = begin(&spread, &changed[i]);
    while (r == 0 && spread.next < spread.count) {
        /* by value, because additions may move them */
        CredentialName name = spread.changed[spread.next].name;

        r = follow(&spread, &name);
        if (r == 0)
            r = add_effects(&effects, &spread.changed[spread.next++]);
    }
    if (r != 0)
        return r;
    *ret = effects;
    effects = (PolicyEffects){0};
    return 0;
}
