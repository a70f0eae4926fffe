/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/resolution.h"

#include "base/array.h"
#include "policy/template.h"

#include <errno.h>
#include <string.h>

static void ingredient_done(Ingredient *ingredient)
{
    policy_unref(ingredient->policy);
    free(ingredient->placeholders);
    bytes_done(&ingredient->sealed);
    secret_free(ingredient->value);
    generated_secret_done(&ingredient->generated);
    *ingredient = (Ingredient){0};
}

void resolution_done(Resolution *resolution)
{
    for (size_t i = 0; i < resolution->count; i++)
        ingredient_done(&resolution->ingredients[i]);
    free(resolution->ingredients);
    *resolution = (Resolution){0};
}

typedef struct Resolver {
    PolicyCache *policies;
    const Purpose *purpose;
    Resolution *resolution;
    unsigned depth;
    Reason *reason;
} Resolver;

static int add(Resolver *resolver, const CredentialName *name, size_t *ret);

/* Takes INGREDIENT over. */
static int append(Resolver *resolver, Ingredient *ingredient, size_t *ret)
{
    Resolution *resolution = resolver->resolution;

    if (resolution->count == LIMIT_REQUEST_INGREDIENTS)
        return reason_set(resolver->reason, OUTCOME_BAD_POLICY, "it has more than %zu ingredients",
                          LIMIT_REQUEST_INGREDIENTS);
    if (!ARRAY_GROW(resolution->ingredients, resolution->count))
        return -ENOMEM;
    resolution->ingredients[resolution->count] = TAKE(*ingredient);
    *ret = resolution->count++;
    return 0;
}

static int add_ingredients(Resolver *resolver, Ingredient *ingredient)
{
    const char *cursor = NULL;
    CredentialName name;
    size_t count = 0;
    int r = 0;

    ingredient->placeholders =
        calloc(LIMIT_TEMPLATE_PLACEHOLDERS, sizeof(ingredient->placeholders[0]));
    if (!ingredient->placeholders)
        return -ENOMEM;
    while (r == 0 &&
           policy_next_ingredient(ingredient->policy, ingredient->credential, &cursor, &name))
        r = add(resolver, &name, &ingredient->placeholders[count++]);
    return r;
}

int resolution_look_up(PolicyCache *policies, const CredentialName *name, Reason *reason,
                       Policy **ret_policy, const PolicyCredential **ret)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential;
    PolicyFault fault = {0};
    int r = policy_cache_get(policies, name->machine, &fault, &policy);

    if (r == OUTCOME_NOT_FOUND)
        return 0;
    if (r == OUTCOME_BAD_POLICY)
        return policy_fault_reason(&fault, r, reason);
    if (r != 0)
        return r;
    credential = policy_find(policy, name->id);
    if (!credential)
        return reason_set(reason, OUTCOME_NOT_IN_POLICY,
                          "the policy of %s (%s) does not list \"%s\"", name->machine,
                          policy->files[0].name, name->id);
    *ret_policy = TAKE_PTR(policy);
    *ret = credential;
    return 0;
}

static int add_new(Resolver *resolver, const CredentialName *name, size_t *ret)
{
    _cleanup_(ingredient_done) Ingredient ingredient = {.name = *name};
    CredentialName shared;
    int r = resolution_look_up(resolver->policies, name, resolver->reason, &ingredient.policy,
                               &ingredient.credential);

    ingredient.source = ingredient.credential ? ingredient.credential->source : POLICY_STORE;
    /* ingredients may be for another purpose than the template */
    if (r == 0 && resolver->depth == 1)
        r = decide_purpose(ingredient.policy, ingredient.credential, name, resolver->purpose,
                           resolver->reason);
    if (r == 0 && ingredient.source == POLICY_SHARE) {
        r = credential_name_parse(ingredient.credential->text, resolver->reason, &shared);
        return r == 0 ? add(resolver, &shared, ret) : r;
    }
    if (r == 0 && ingredient.source == POLICY_TEMPLATE)
        r = add_ingredients(resolver, &ingredient);
    return r == 0 ? append(resolver, &ingredient, ret) : r;
}

static int add(Resolver *resolver, const CredentialName *name, size_t *ret)
{
    const Resolution *resolution = resolver->resolution;
    int r;

    for (size_t i = 0; i < resolution->count; i++)
        if (credential_name_equal(&resolution->ingredients[i].name, name)) {
            *ret = i;
            return 0;
        }
    /* policy_check() has checked each machine alone; a cycle through other machines ends here */
    if (resolver->depth == LIMIT_REQUEST_DEPTH)
        return reason_set(resolver->reason, OUTCOME_BAD_POLICY,
                          "it contains itself, or its ingredients are nested more than %d deep",
                          LIMIT_REQUEST_DEPTH);
    resolver->depth++;
    r = add_new(resolver, name, ret);
    resolver->depth--;
    return r;
}

int resolve(PolicyCache *policies, const CredentialName *name, const Purpose *purpose,
            Reason *reason, Resolution *ret)
{
    _cleanup_(resolution_done) Resolution resolution = {0};
    Resolver resolver = {
        .policies = policies, .purpose = purpose, .resolution = &resolution, .reason = reason};
    size_t last;
    int r = add(&resolver, name, &last);

    if (r == 0)
        *ret = TAKE(resolution);
    return r;
}
