/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What policy says. See standing.h.
 */

#include "policy/standing.h"

#include "terminal/output.h"
#include "policy/policy_file.h"
#include "policy/policy_load.h"

#include <errno.h>

int standing_find(const Context *context, const CredentialName *name, Standing *ret)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential;
    PolicyFault fault = {0};
    Standing standing = {0};
    int r = policy_load(context, name->machine, &fault, NULL, &policy);

    if (r == -ENOMEM)
        return r;
    if (r == OUTCOME_NOT_FOUND) {
        standing.kind = STANDING_NO_POLICY;
    } else if (r != 0) {
        standing.kind = STANDING_BAD;
        policy_fault_reason(&fault, r, &standing.fault);
    } else if (!(credential = policy_find(policy, name->id))) {
        standing.kind = STANDING_MISSING;
    } else {
        bool stored = credential->source == POLICY_STORE || credential->source == POLICY_GENERATE;

        standing.kind = stored ? STANDING_USED : STANDING_ELSEWHERE;
        standing.source = credential->source;
        standing.delivery = credential->delivery;
    }
    *ret = standing;
    return 0;
}

const char *standing_word(const Standing *standing)
{
    static const char *const words[] = {
        [STANDING_NO_POLICY] = "none",
        [STANDING_USED] = "used",
        [STANDING_ELSEWHERE] = "elsewhere",
        [STANDING_MISSING] = "missing",
        [STANDING_BAD] = "bad",
    };

    return words[standing->kind];
}

void standing_describe(const Standing *standing, Reason *ret)
{
    switch (standing->kind) {
    case STANDING_NO_POLICY:
        reason_set(ret, 0, "none: it is served if the unit asks for it");
        break;
    case STANDING_USED:
        reason_set(ret, 0, "has it, delivery \"%s\"", policy_delivery_name(standing->delivery));
        break;
    case STANDING_ELSEWHERE:
        reason_set(ret, 0, "has it from its \"%s\", not from the store",
                   policy_source_name(standing->source));
        break;
    case STANDING_MISSING:
        reason_set(ret, 0, "does not have it: it is refused");
        break;
    case STANDING_BAD:
        reason_set(ret, 0, "is no good, all is refused: %.200s", standing->fault.text);
        break;
    }
}

void standing_advise(const Standing *standing, const CredentialName *name)
{
    const char *machine = name->machine, *id = name->id;

    switch (standing->kind) {
    case STANDING_NO_POLICY:
        output_note("%s has no policy, so its unit does not ask for this yet. Have it ask with: "
                    "nspawn-creds enable %s",
                    machine, machine);
        break;
    case STANDING_USED:
        output_note("%s gets it when it is started the next time.", machine);
        break;
    case STANDING_ELSEWHERE:
        output_note("It is not used: the policy of %s takes %s from its \"%s\".", machine, id,
                    policy_source_name(standing->source));
        break;
    case STANDING_MISSING:
        output_note("It is refused until the policy of %s has it. Add it with: "
                    "nspawn-creds enable %s %s",
                    machine, machine, id);
        break;
    case STANDING_BAD:
        output_note("It is refused until the policy of %s is mended: %s.", machine,
                    standing->fault.text);
        break;
    }
}
