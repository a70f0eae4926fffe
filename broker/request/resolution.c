/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a credential is made of. See resolution.h.
 */

#include "request/resolution.h"

#include "policy/template.h"

#include <errno.h>
#include <string.h>

static void ingredient_done(Ingredient *part)
{
    policy_unref(part->policy);
    free(part->ingredients);
    *part = (Ingredient){0};
}

void resolution_done(Resolution *resolution)
{
    for (size_t i = 0; i < resolution->count; i++)
        ingredient_done(&resolution->parts[i]);
    free(resolution->parts);
    *resolution = (Resolution){0};
}

/* How a resolution is made. */
typedef struct Planner {
    PolicyCache *policies;
    const Purpose *purpose;
    Resolution resolution;
    unsigned depth;
    Reason *reason;
} Planner;

static void planner_done(Planner *planner)
{
    resolution_done(&planner->resolution);
}

static int add(Planner *planner, const CredentialName *name, size_t *ret);

static bool find(const Resolution *resolution, const CredentialName *name, size_t *ret)
{
    for (size_t i = 0; i < resolution->count; i++)
        if (strcmp(resolution->parts[i].name.machine, name->machine) == 0 &&
            strcmp(resolution->parts[i].name.id, name->id) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

/* Takes PART. */
static int append(Planner *planner, Ingredient *part, size_t *ret)
{
    Resolution *resolution = &planner->resolution;
    Ingredient *larger;

    if (resolution->count == LIMIT_REQUEST_INGREDIENTS)
        return reason_set(planner->reason, OUTCOME_BAD_POLICY,
                          "it is made of more than %zu credentials", LIMIT_REQUEST_INGREDIENTS);
    larger = reallocarray(resolution->parts, resolution->count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    resolution->parts = larger;
    resolution->parts[resolution->count] = *part;
    *part = (Ingredient){0};
    *ret = resolution->count++;
    return 0;
}

static int add_ingredients(Planner *planner, Ingredient *part)
{
    const char *cursor = part->credential->text;
    CredentialName name = part->name;
    TemplatePiece piece;
    size_t count = 0;
    int r = 0;

    part->ingredients = calloc(LIMIT_TEMPLATE_PLACEHOLDERS, sizeof(part->ingredients[0]));
    if (!part->ingredients)
        return -ENOMEM;
    while (r == 0 && template_next(&cursor, &piece)) {
        if (piece.text.size > 0)
            continue;
        strcpy(name.id, piece.id);
        r = add(planner, &name, &part->ingredients[count++]);
    }
    return r;
}

/* What the machine's policy says about NAME, into PART. */
static int look_up(Planner *planner, const CredentialName *name, Ingredient *part)
{
    PolicyFault fault = {0};
    int r = policy_cache_get(planner->policies, name->machine, &fault, &part->policy);

    part->name = *name;
    part->source = POLICY_STORE;
    if (r == OUTCOME_NOT_FOUND)
        return 0;
    if (r == OUTCOME_BAD_POLICY)
        return policy_fault_reason(&fault, r, planner->reason);
    if (r != 0)
        return r;
    part->credential = policy_find(part->policy, name->id);
    if (!part->credential)
        return reason_set(planner->reason, OUTCOME_NOT_IN_POLICY,
                          "the policy of %s (%s) has no \"%s\"", name->machine,
                          part->policy->files[0].name, name->id);
    part->source = part->credential->source;
    return 0;
}

static int add_new(Planner *planner, const CredentialName *name, size_t *ret)
{
    _cleanup_(ingredient_done) Ingredient part = {0};
    CredentialName shared;
    int r = look_up(planner, name, &part);

    /* what it is made of may be for another one */
    if (r == 0 && planner->depth == 1)
        r = decide_purpose(part.policy, part.credential, name, planner->purpose, planner->reason);
    if (r == 0 && part.source == POLICY_SHARE) {
        r = credential_name_parse(part.credential->text, planner->reason, &shared);
        return r == 0 ? add(planner, &shared, ret) : r;
    }
    if (r == 0 && part.source == POLICY_TEMPLATE)
        r = add_ingredients(planner, &part);
    return r == 0 ? append(planner, &part, ret) : r;
}

static int add(Planner *planner, const CredentialName *name, size_t *ret)
{
    int r;

    if (find(&planner->resolution, name, ret))
        return 0;
    /* Within one machine policy_check() has seen to it; and a machine may change meanwhile. */
    if (planner->depth == LIMIT_REQUEST_DEPTH)
        return reason_set(planner->reason, OUTCOME_BAD_POLICY,
                          "it is made of itself, or of parts of parts, more than %d deep",
                          LIMIT_REQUEST_DEPTH);
    planner->depth++;
    r = add_new(planner, name, ret);
    planner->depth--;
    return r;
}

int resolve(PolicyCache *policies, const CredentialName *name, const Purpose *purpose,
            Reason *reason, Resolution *ret)
{
    _cleanup_(planner_done) Planner planner = {
        .policies = policies, .purpose = purpose, .reason = reason};
    size_t last;
    int r = add(&planner, name, &last);

    if (r != 0)
        return r;
    *ret = planner.resolution;
    planner.resolution = (Resolution){0};
    return 0;
}
