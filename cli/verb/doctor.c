/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds doctor: finds problems on this host, and says how to fix them.
 */

#include "doctor/doctor.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "verb/verb.h"

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(doctor_done) Doctor doctor = {
        .context = context, .options = *options, .machine = arguments[0]};
    Reason reason = {0};
    int r = 0;

    if (doctor.machine)
        r = machine_name_check(doctor.machine, &reason);
    if (r == 0 && options->fix)
        r = confirm_possible(options, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    r = doctor_examine(&doctor, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->json != JSON_OFF)
        output_json(doctor_to_json(&doctor), options->json);
    else
        doctor_print(&doctor);
    return doctor_count(&doctor, DOCTOR_PROBLEM) > 0 ? OUTCOME_PROBLEMS : 0;
}

const Verb verb_doctor = {
    .name = "doctor",
    .arguments = "[MACHINE]",
    .summary = "Look for problems on this host, and say how to fix them",
    .details = "Checks systemd, TPM, host key, broker, store, policies and units, and "
               "opens every credential, of\nall machines or of MACHINE. After \"#\" is the "
               "command that fixes the problem of that line. With --fix it\ncorrects owners and "
               "modes in the store, leftovers of killed commands and live sockets itself; it "
               "asks\nfirst, unless --no-ask is given. Otherwise it changes nothing. With "
               "--after-update it also says which\ncredentials open in the states that "
               "systemd-pcrlock predicts. The exit "
               "status is 9 if there are\nproblems; warnings do not count. Only root sees "
               "everything.",
    .options = OPTION_JSON | OPTION_TPM_DEVICE | OPTION_FIX | OPTION_NO_ASK | OPTION_AFTER_UPDATE,
    .run = run,
};
