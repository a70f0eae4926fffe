/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The decision. See decision.h.
 */

#include "policy/decision.h"

#include <string.h>

static int find_name(const UnitTemplates *templates, Decision *decision)
{
    char machine[LIMIT_MACHINE_BYTES + 1];
    int r = unit_machine(templates, decision->address.unit, &decision->reason, machine);

    if (r != 0)
        return r;
    strcpy(decision->name.machine, machine);
    return credential_name_new(machine, decision->address.id, &decision->reason, &decision->name);
}

void decide(const DecisionFacts *facts, Decision *ret)
{
    *ret = (Decision){0};
    /* The address is read first, so that the log can say what a peer wanted that may have nothing.
     */
    ret->outcome = address_parse(facts->peer_path, &ret->reason, &ret->address);
    if (facts->peer_uid != facts->trusted_uid)
        ret->outcome =
            reason_set(&ret->reason, OUTCOME_PEER_NOT_ROOT, "the peer is user %u, not %u",
                       facts->peer_uid, facts->trusted_uid);
    else if (ret->outcome == 0)
        ret->outcome = find_name(facts->templates, ret);
}
