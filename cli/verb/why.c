/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds why: why a machine does not get its credentials. Shows what the broker refused it
 * last, and which of doctor's findings concern it. The drop-ins of its unit name this command in
 * Documentation=, by way of nspawn-creds-why(1).
 */

#include "base/json.h"
#include "doctor/doctor.h"
#include "terminal/output.h"
#include "verb/log.h"
#include "verb/verb.h"

#include <string.h>

/* Moves JOURNAL to the last refusal. Returns whether there is one. */
static bool find_refusal(sd_journal *journal)
{
    char verdict[AUDIT_FIELD_BYTES];

    if (sd_journal_seek_tail(journal) < 0)
        return false;
    while (sd_journal_previous(journal) > 0) {
        log_field(journal, "NSPAWN_CREDS_VERDICT", verdict);
        if (strcmp(verdict, audit_verdicts[AUDIT_REFUSED].name) == 0)
            return true;
    }
    return false;
}

/* Whether what was refused in the entry that JOURNAL is at was delivered later. Moves JOURNAL. */
static bool is_delivered_since(sd_journal *journal)
{
    char refused[AUDIT_FIELD_BYTES], id[AUDIT_FIELD_BYTES];

    log_field(journal, "NSPAWN_CREDS_CREDENTIAL", refused);
    while (sd_journal_next(journal) > 0) {
        log_field(journal, "NSPAWN_CREDS_CREDENTIAL", id);
        if (strcmp(id, refused) == 0)
            return true;
    }
    return false;
}

static void print(Doctor *doctor, sd_journal *journal, bool refused)
{
    const DoctorMachine *machine = doctor_machine(doctor, doctor->machine);
    char text[MANAGER_UNIT_BYTES + 160];

    if (refused) {
        printf("The last refusal:\n");
        log_print(journal);
        if (is_delivered_since(journal))
            printf("The credential was delivered since.\n");
    } else if (journal)
        printf("The journal has no refusal of a credential of %s.\n", machine->name);
    if (journal)
        printf("\n");
    doctor_print(doctor);
    if (doctor_count(doctor, DOCTOR_PROBLEM) == 0 && machine->unit_rc == 0) {
        snprintf(text, sizeof(text), "If %s does not start for another reason: journalctl -u %s",
                 machine->name, machine->unit);
        output_text(COLOUR_NONE, 0, text);
    }
}

static void print_json(Doctor *doctor, sd_journal *journal, bool refused)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "machine", doctor->machine);
    json_object_object_add(object, "refusal", refused ? log_to_json(journal) : NULL);
    json_add(object, "deliveredSince",
             json_object_new_boolean(refused && is_delivered_since(journal)));
    json_add(object, "findings", doctor_to_json(doctor));
    output_json(object, doctor->options.json);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(doctor_done) Doctor doctor = {
        .context = context, .options = *options, .machine = arguments[0], .why = true};
    _cleanup_(sd_journal_closep) sd_journal *journal = NULL;
    Reason reason = {0};
    bool refused = false;
    int r = machine_name_check(doctor.machine, &reason);

    if (r == 0)
        r = doctor_examine(&doctor, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (log_open(doctor.machine, AUDIT_REFUSED, &reason, &journal) == 0)
        refused = find_refusal(journal);
    else
        output_note("The last refusal is not shown: %s", reason.text);
    (options->json != JSON_OFF ? print_json : print)(&doctor, journal, refused);
    return doctor_count(&doctor, DOCTOR_PROBLEM) > 0 ? OUTCOME_PROBLEMS : 0;
}

const Verb verb_why = {
    .name = "why",
    .arguments = "MACHINE",
    .summary = "Show why a machine does not get its credentials",
    .details = "Shows what the broker refused MACHINE last, what doctor finds that concerns it, "
               "and after \"#\" the\ncommands that fix it. The exit status is 9 if there are "
               "problems; warnings do not count. Only root\nsees everything.",
    .options = OPTION_JSON | OPTION_TPM_DEVICE,
    .run = run,
};
