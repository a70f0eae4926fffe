/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/policy_status.h"

#include "base/shell_word.h"
#include "policy/policy_load.h"

#include <errno.h>
#include <string.h>

int policy_status_find(const Context *context, const CredentialName *name, PolicyStatus *ret)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential;
    PolicyFault fault = {0};
    PolicyStatus status = {0};
    int r = policy_load(context, name->machine, &fault, &policy);

    if (r == -ENOMEM)
        return r;
    if (r == OUTCOME_NOT_FOUND) {
        status.kind = POLICY_STATUS_NO_POLICY;
    } else if (r != 0) {
        status.kind = POLICY_STATUS_BAD;
        policy_fault_reason(&fault, r, &status.fault);
    } else if (!(credential = policy_find(policy, name->id))) {
        status.kind = POLICY_STATUS_MISSING;
    } else {
        bool stored = credential->source == POLICY_STORE || credential->source == POLICY_GENERATE;

        status.kind = stored ? POLICY_STATUS_USED : POLICY_STATUS_ELSEWHERE;
        status.source = credential->source;
        status.delivery = credential->delivery;
        status.key_type = stored ? credential->key_type : NULL;
        if (credential->source == POLICY_FLEET)
            strcpy(status.fleet, credential->text);
    }
    *ret = status;
    return 0;
}

const char *policy_status_word(const PolicyStatus *status)
{
    static const char *const words[] = {
        [POLICY_STATUS_NO_POLICY] = "none",
        [POLICY_STATUS_USED] = "used",
        [POLICY_STATUS_ELSEWHERE] = "elsewhere",
        [POLICY_STATUS_MISSING] = "missing",
        [POLICY_STATUS_BAD] = "bad",
    };

    return words[status->kind];
}

void policy_status_describe(const PolicyStatus *status, Reason *ret)
{
    switch (status->kind) {
    case POLICY_STATUS_NO_POLICY:
        reason_set(ret, 0, "none: delivered if the unit asks for it");
        break;
    case POLICY_STATUS_USED:
        reason_set(ret, 0, "lists it, delivery \"%s\"%s%s", policy_delivery_names[status->delivery],
                   status->key_type ? ", key type " : "", status->key_type ? status->key_type : "");
        break;
    case POLICY_STATUS_ELSEWHERE:
        reason_set(ret, 0, "takes it from %s\"%s\", not from the store",
                   status->fleet[0] ? "the fleet " : "its ",
                   status->fleet[0] ? status->fleet : policy_source_names[status->source]);
        break;
    case POLICY_STATUS_MISSING:
        reason_set(ret, 0, "does not list it: the broker refuses it");
        break;
    case POLICY_STATUS_BAD:
        reason_set(ret, 0, "is not valid, the broker refuses everything: %.200s",
                   status->fault.text);
        break;
    }
}

void policy_status_advise(const PolicyStatus *status, const CredentialName *name, Reason *ret)
{
    const char *machine = name->machine, *id = name->id;
    char text[CREDENTIAL_NAME_TEXT_BYTES];

    if ((status->kind == POLICY_STATUS_NO_POLICY || status->kind == POLICY_STATUS_MISSING) &&
        !policy_id_valid(id)) {
        credential_name_format(name, text);
        reason_set(ret, 0, "No policy can list %s. Give it another id: nspawn-creds rename %s NEW",
                   text, shell_word(text).text);
        return;
    }
    switch (status->kind) {
    case POLICY_STATUS_NO_POLICY:
        reason_set(ret, 0,
                   "%s has no policy yet, so its unit does not ask for %s@%s. Add it: "
                   "nspawn-creds enable %s %s",
                   machine, machine, id, machine, shell_argument(id).text);
        break;
    case POLICY_STATUS_USED:
        reason_set(ret, 0,
                   status->delivery == POLICY_LIVE
                       ? "Services in %s will receive it when they start next."
                       : "%s will receive it at its next start.",
                   machine);
        break;
    case POLICY_STATUS_ELSEWHERE:
        reason_set(ret, 0, "It is not used: %s's policy takes %s from %s\"%s\".", machine, id,
                   status->fleet[0] ? "the fleet " : "its ",
                   status->fleet[0] ? status->fleet : policy_source_names[status->source]);
        break;
    case POLICY_STATUS_MISSING:
        reason_set(ret, 0,
                   "%s@%s is stored, but %s's policy does not list it yet. Add it: "
                   "nspawn-creds enable %s %s",
                   machine, id, machine, machine, shell_argument(id).text);
        break;
    case POLICY_STATUS_BAD:
        reason_set(ret, 0, "The broker refuses it until %s's policy is corrected: %.200s.", machine,
                   status->fault.text);
        break;
    }
}
