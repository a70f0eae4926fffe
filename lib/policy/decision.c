/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/decision.h"

#include "base/array.h"

#include <string.h>

void decide(const DecisionFacts *facts, Decision *ret)
{
    char machine[LIMIT_MACHINE_BYTES + 1] = "";

    *ret = (Decision){0};
    /* Parse the address first, so that the log can say what an unauthorised peer wanted. */
    ret->outcome = address_parse(facts->peer_path, &ret->reason, &ret->address);
    if (facts->live_machine)
        snprintf(machine, sizeof(machine), "%s", facts->live_machine);
    else if (facts->peer_uid != facts->trusted_uid)
        ret->outcome = reason_set(&ret->reason, OUTCOME_PEER_NOT_ROOT,
                                  "the request comes from user %u, not from user %u",
                                  facts->peer_uid, facts->trusted_uid);
    if (ret->outcome == 0 && !facts->live_machine)
        ret->outcome = unit_machine(facts->templates, ret->address.unit, &ret->reason, machine);
    strcpy(ret->name.machine, machine);
    if (ret->outcome == 0)
        ret->outcome = credential_name_new(machine, ret->address.id, &ret->reason, &ret->name);
}

Purpose decision_purpose(const PolicyCredential *credential)
{
    if (!credential || credential->delivery != POLICY_LIVE)
        return (Purpose){.delivery = POLICY_BOOT};
    return (Purpose){POLICY_LIVE, credential->service_count > 0 ? credential->services[0] : ""};
}

int decide_purpose(const Policy *policy, const PolicyCredential *credential,
                   const CredentialName *name, const Purpose *purpose, Reason *reason)
{
    /* a peer that asks for boot could get native ones without us */
    bool fits =
        credential && (credential->delivery == purpose->delivery ||
                       (credential->delivery == POLICY_NATIVE && purpose->delivery == POLICY_BOOT));

    if (!credential && purpose->delivery == POLICY_BOOT)
        return 0;
    if (!credential)
        return reason_set(reason, OUTCOME_NOT_IN_POLICY,
                          "%s has no policy, and without one nothing is delivered live",
                          name->machine);
    if (!fits)
        return reason_set(reason, OUTCOME_NOT_IN_POLICY,
                          "the policy of %s (%s) lists \"%s\" for delivery \"%s\", not \"%s\"",
                          name->machine, policy->files[credential->file].name, name->id,
                          policy_delivery_names[credential->delivery],
                          policy_delivery_names[purpose->delivery]);
    if (purpose->delivery == POLICY_LIVE && credential->service_count > 0 &&
        !strings_have(credential->services, purpose->unit))
        return reason_set(reason, OUTCOME_NOT_IN_POLICY,
                          "the policy of %s (%s) does not list %s in the services of \"%s\"",
                          name->machine, policy->files[credential->file].name, purpose->unit,
                          name->id);
    return 0;
}
