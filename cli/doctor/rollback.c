/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: whether the store is the last one, and what protects against an older one.
 */

#include "doctor/doctor.h"
#include "fleet/fleet_status.h"
#include "verb/setup_rollback.h"

#include <inttypes.h>

static void say_off(Doctor *doctor)
{
    _cleanup_(strings_freep) char **fleets = NULL;
    int r = fleet_status_list(doctor->context, doctor->options.host->store, NULL, &fleets);

    doctor_say(doctor, DOCTOR_OK,
               r == 0 && fleets[0]
                   ? "accepted sequences protect against fleets' carriers, and nothing against an "
                     "older disk"
                   : "nothing protects against an older disk");
    doctor_advice(doctor, "A counter in the TPM does: nspawn-creds setup --rollback-protection");
}

void doctor_rollback(Doctor *doctor)
{
    Reason reason = {0};
    uint64_t value = 0;
    int r = rollback_look(&doctor->options, &reason, &value);

    if (r == OUTCOME_NOT_FOUND) {
        say_off(doctor);
    } else if (r == OUTCOME_ROLLED_BACK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "%s", reason.text);
        doctor_remedy(doctor, "nspawn-creds setup --accept-rollback");
        doctor_advice(doctor, "Find out first who restored it, and give new values to what was "
                              "rotated or revoked since");
    } else if (r != 0) {
        doctor_say(doctor, doctor_level(r),
                   "it cannot be told whether the store is the last one: %s",
                   outcome_reason(r, &reason));
    } else {
        doctor_say(doctor, DOCTOR_OK,
                   "the TPM's counter protects against an older disk, and is at %" PRIu64, value);
    }
}
