/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: what the broker says about credentials that root can open. It runs as another user, with
 * a host key that it was given when it started, and it alone decides what a machine gets.
 */

#include "broker_units.h"
#include "client/broker_check.h"
#include "doctor/doctor.h"
#include "key/host_key.h"
#include "terminal/output.h"
#include "terminal/progress.h"

/* Reports that the broker would refuse CREDENTIAL. */
static void say_refused(Doctor *doctor, const char *machine, const PolicyCredential *credential,
                        int rc, const Reason *reason)
{
    char remedy[OUTCOME_REMEDY_BYTES];
    BrokerAccess access;

    if (!broker_access_source(credential, &access)) {
        doctor_say_access(doctor, &access);
        return;
    }
    doctor_say(doctor, DOCTOR_PROBLEM, "the broker would refuse %s@%s: %s%s%s", machine,
               credential->id, rc > 0 ? outcome_sentence(rc) : "",
               rc > 0 && reason->text[0] ? ": " : "", reason->text);
    if (rc == OUTCOME_TOO_LARGE)
        doctor_advice(doctor, "Deliver large ones live: nspawn-creds enable %s ID --live", machine);
    else if (output_remedy(rc, machine, credential->id, reason, remedy))
        doctor_advice(doctor, "%s", remedy);
}

/* Whether a file of the policy is one that the broker cannot read, as "policies" has reported. */
static bool has_unreadable_file(const Policy *policy)
{
    BrokerAccess access;

    for (size_t i = 0; i < policy->file_count; i++)
        if (!broker_access_policy_file(policy->files[i].name, &access))
            return true;
    return false;
}

bool doctor_ask_broker(Doctor *doctor, const DoctorMachine *machine, const bool *reported)
{
    _cleanup_(json_object_putp) struct json_object *all = json_object_new_array();
    const Policy *policy = machine->policy;
    const BrokerCheck check = {.context = doctor->context, .machine = machine->name};
    bool right = true;
    Reason reason = {0};
    int r;

    if (!doctor->status || !policy || policy->count == 0)
        return true;
    r = broker_check(CLIENT_DEFAULT_PATH, &check, &terminal_observer, &reason, all);
    if (r == OUTCOME_BAD_POLICY && has_unreadable_file(policy))
        return false;
    if (r != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "the broker would deliver nothing to %s: %s%s%s",
                   machine->name, outcome_sentence(r), reason.text[0] ? ": " : "", reason.text);
        if (outcome_remedy(r))
            doctor_advice(doctor, "%s", outcome_remedy(r));
        return false;
    }
    if (broker_check_other_key(doctor->context, all)) {
        right = false;
        doctor_say(doctor, DOCTOR_PROBLEM, "the broker has another host key than " HOST_KEY_PATH);
        doctor_advice(doctor, "Its unit takes the key from elsewhere: systemctl cat " BROKER_UNIT);
    }
    for (size_t i = 0; i < json_length(all); i++) {
        struct json_object *checked = json_object_array_get_idx(all, i);
        const PolicyCredential *credential =
            policy_find(policy, varlink_text(checked, "credential"));
        int rc = broker_check_outcome(checked, &reason);

        /* what is delivered natively, the service manager opens by itself */
        if (rc == 0 || !credential || credential->delivery == POLICY_NATIVE ||
            reported[credential - policy->credentials])
            continue;
        say_refused(doctor, machine->name, credential, rc, &reason);
        right = false;
    }
    return right;
}
