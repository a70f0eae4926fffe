/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: collects what the checks need, runs them in the order of one table, and prints their
 * findings.
 */

#include "base/array.h"
#include "doctor/doctor.h"
#include "hint.h"
#include "terminal/output.h"
#include "terminal/screen.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(Doctor *doctor);
    void (*machine)(Doctor *doctor, const DoctorMachine *machine);
} checks[] = {
    {"systemd", doctor_systemd, NULL},   {"memory", doctor_memory, NULL},
    {"journal", doctor_journal, NULL},   {"user", doctor_user, NULL},
    {"config", doctor_config, NULL},     {"sockets", doctor_sockets, NULL},
    {"broker", doctor_broker, NULL}, /* this starts it and its sockets if it does not run */
    {"host-key", doctor_host_key, NULL}, {"tpm", doctor_tpm, NULL},
    {"store", doctor_store, NULL},       {"fleets", doctor_fleets, NULL},
    {"rollback", doctor_rollback, NULL}, {"policies", NULL, doctor_policy},
    {"units", NULL, doctor_unit},        {"containers", NULL, doctor_container},
    {"live", NULL, doctor_live},         {"credentials", doctor_unopened, doctor_credentials},
    {"copy", doctor_copy, NULL},         {"after-update", doctor_update, NULL},
};

#define CHECK_COUNT (sizeof(checks) / sizeof(checks[0]))

static const struct DoctorLevelInfo {
    const char *name;
    Colour colour;
} levels[_DOCTOR_LEVEL_MAX] = {
    [DOCTOR_OK] = {"ok", COLOUR_GOOD},          [DOCTOR_FIXED] = {"fixed", COLOUR_GOOD},
    [DOCTOR_UNSEEN] = {"unseen", COLOUR_FAINT}, [DOCTOR_WARNING] = {"warning", COLOUR_WARNING},
    [DOCTOR_PROBLEM] = {"problem", COLOUR_BAD},
};

/* Widths of the columns, in characters. */
#define LEVEL_WIDTH 8
#define CHECK_WIDTH 13

void doctor_done(Doctor *doctor)
{
    unsealer_done(&doctor->unsealer);
    manager_free(doctor->manager);
    strings_free(doctor->images);
    store_free(doctor->store);
    json_object_put(doctor->status);
    for (size_t i = 0; i < doctor->machine_count; i++) {
        policy_unref(doctor->machines[i].policy);
        manager_service_done(&doctor->machines[i].service);
    }
    free(doctor->machines);
    for (size_t i = 0; i < doctor->count; i++) {
        free(doctor->findings[i].words);
        free(doctor->findings[i].remedy);
        free(doctor->findings[i].advice);
    }
    free(doctor->findings);
}

/* --- what there is --- */

static int add_machine(Doctor *doctor, const char *name, bool stored)
{
    DoctorMachine *machine = doctor_machine(doctor, name);
    bool fits = strlen(name) < sizeof(machine->name);

    if (machine) {
        machine->stored = machine->stored || stored;
        return 0;
    }
    if (!ARRAY_GROW(doctor->machines, doctor->machine_count))
        return -ENOMEM;
    machine = &doctor->machines[doctor->machine_count++];
    *machine = (DoctorMachine){.wanted = !doctor->machine || strcmp(doctor->machine, name) == 0,
                               .stored = stored,
                               .unit_rc = -ENOTCONN};
    snprintf(machine->name, sizeof(machine->name), "%s", fits ? name : "");
    if (doctor->manager && machine->wanted)
        machine->unit_rc = manager_find_unit(doctor->manager, machine->name, &machine->unit_reason,
                                             machine->unit, &machine->state, &machine->service);
    machine->policy_rc = policy_load(doctor->context, name, &machine->fault, &machine->policy);
    return machine->policy_rc < 0 ? machine->policy_rc : 0;
}

/* Machines whose unit still has the generator's drop-in although their policy was removed. */
static int add_generated(Doctor *doctor)
{
    char machine[LIMIT_MACHINE_BYTES + 1], unit[NAME_MAX + 1];
    glob_t found = {0};
    int r = 0;

    (void)glob("/run/systemd/generator/*.service.d/50-nspawn-creds.conf", 0, NULL, &found);
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
        if (sscanf(found.gl_pathv[i], "/run/systemd/generator/%255[^/]", unit) == 1) {
            unit[strlen(unit) - strlen(".d")] = '\0';
            if (unit_machine(&doctor->options.host->templates, unit, NULL, machine) == 0)
                r = add_machine(doctor, machine, false);
        }
    globfree(&found);
    return r;
}

/* RET_KNOWN says whether the only machine to check is among them. */
static int find_machines(Doctor *doctor, bool *ret_known)
{
    _cleanup_(strings_freep) char **with_policy = NULL, **stored = NULL;
    size_t count;
    int r = policy_machines(doctor->context, NULL, NULL, &with_policy);

    for (char **machine = with_policy; r == 0 && *machine; machine++)
        r = add_machine(doctor, *machine, false);
    if (r == 0 && doctor->store)
        (void)store_machines(doctor->store, NULL, &stored);
    for (char **machine = stored; r == 0 && machine && *machine; machine++)
        r = add_machine(doctor, *machine, true);
    if (r == 0)
        r = add_generated(doctor);
    count = doctor->machine_count;
    if (r == 0 && doctor->machine)
        r = add_machine(doctor, doctor->machine, false);
    *ret_known = !doctor->machine || doctor->machine_count == count;
    return r;
}

/* Whether the only machine to check, of which there is no policy and nothing in the store, exists
 * otherwise. A service manager or machined that cannot be asked may know it. */
static bool exists(const Doctor *doctor)
{
    const DoctorMachine *machine = doctor_machine(doctor, doctor->machine);
    _cleanup_(strings_freep) char **images = NULL;
    _cleanup_(freep) char *running = NULL;

    return !doctor->store || machine->unit_rc != 0 ||
           strcmp(machine->state.active, "inactive") != 0 ||
           manager_service_names_image(&machine->service) ||
           manager_unit_of_machine(doctor->manager, doctor->machine, &running) == 0 ||
           manager_images(doctor->manager, &images) != 0 || strings_have(images, doctor->machine);
}

int doctor_examine(Doctor *doctor, Reason *reason)
{
    const HostConfig *host = doctor->options.host;
    bool known;
    int r;

    /* data that cannot be read stays empty, and the checks report it */
    if (manager_new(NULL, NULL, &doctor->manager) != 0)
        doctor->manager = NULL;
    if (store_open_installed(host->store, NULL, &doctor->store) != 0)
        doctor->store = NULL;
    doctor->unsealer = spec_unsealer(doctor->context, &doctor->options);
    r = find_machines(doctor, &known);
    if (r == 0 && !known && !exists(doctor))
        r = reason_set(
            reason, OUTCOME_USAGE,
            "there is no image, policy or credential of \"%s\", and its unit does not run%s",
            doctor->machine, hint_find(doctor->context, &doctor->options, doctor->machine).text);
    if (r != 0)
        return r;
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        doctor->check = checks[i].name;
        if (checks[i].run)
            checks[i].run(doctor);
        doctor->of_machine = true;
        for (size_t k = 0; checks[i].machine && k < doctor->machine_count; k++)
            if (doctor->machines[k].wanted)
                checks[i].machine(doctor, &doctor->machines[k]);
        doctor->of_machine = false;
        /* everything else depends on it, and the broker does not start without it */
        if (checks[i].run == doctor_config && doctor->options.host_fault)
            break;
    }
    return 0;
}

/* --- what was found --- */

/* For "why", only what is wrong with the machine, keeps every machine from starting, or keeps
 * refusals out of the journal. */
static bool is_shown(const Doctor *doctor, const DoctorFinding *finding)
{
    return !doctor->why || finding->level == DOCTOR_PROBLEM ||
           (finding->level > DOCTOR_FIXED &&
            (finding->of_machine || strcmp(finding->check, "journal") == 0));
}

size_t doctor_count(const Doctor *doctor, DoctorLevel level)
{
    size_t count = 0;

    for (size_t i = 0; i < doctor->count; i++)
        count += doctor->findings[i].level == level && is_shown(doctor, &doctor->findings[i]);
    return count;
}

void doctor_print(const Doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++) {
        const DoctorFinding *finding = &doctor->findings[i];
        const struct DoctorLevelInfo *level = &levels[finding->level];

        if (!is_shown(doctor, finding))
            continue;
        screen_put(level->colour, level->name);
        printf("%*s%-*s", LEVEL_WIDTH - (int)strlen(level->name), "", CHECK_WIDTH, finding->check);
        output_text(COLOUR_NONE, LEVEL_WIDTH + CHECK_WIDTH, finding->words);
        if (finding->advice) {
            _cleanup_(freep) char *sentence = NULL;

            if (asprintf(&sentence, "%s%s", finding->advice, output_full_stop(finding->advice)) < 0)
                abort();
            printf("%*s", LEVEL_WIDTH + CHECK_WIDTH, "");
            output_text(COLOUR_NONE, LEVEL_WIDTH + CHECK_WIDTH, sentence);
        }
        if (finding->remedy)
            printf("%*s# %s\n", LEVEL_WIDTH + CHECK_WIDTH, "", finding->remedy);
    }
    printf("Problems: %zu. Warnings: %zu. Not checked: %zu.", doctor_count(doctor, DOCTOR_PROBLEM),
           doctor_count(doctor, DOCTOR_WARNING), doctor_count(doctor, DOCTOR_UNSEEN));
    if (doctor->options.fix)
        printf(" Fixed: %zu.", doctor_count(doctor, DOCTOR_FIXED));
    printf("\n");
}

/* Absent texts are null. */
static void add_text(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, text ? json_object_new_string(text) : NULL);
}

struct json_object *doctor_to_json(const Doctor *doctor)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < doctor->count; i++) {
        const DoctorFinding *finding = &doctor->findings[i];
        struct json_object *object;

        if (!is_shown(doctor, finding))
            continue;
        object = json_object_new_object();
        add_text(object, "level", levels[finding->level].name);
        add_text(object, "check", finding->check);
        add_text(object, "message", finding->words);
        add_text(object, "remedy", finding->remedy);
        add_text(object, "advice", finding->advice);
        json_object_array_add(list, object);
    }
    return list;
}
