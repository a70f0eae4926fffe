/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a rotation does with inner units. See rotation.h.
 */

#include "manager/rotation.h"

#include "base/json.h"
#include "policy/policy_file.h"
#include "protocol/varlink.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

/* From this version of systemd on a reload can bring a new value (RefreshOnReload=). */
#define VERSION_REFRESH 260U

/* How long a unit is looked at after its job, and how often: many a service finds out that it
 * cannot live with a secret a moment after its start was called done. */
#define SETTLE_USEC     2000000U
#define SETTLE_STEPS    20U

void rotation_done(Rotation *rotation)
{
    for (size_t i = 0; i < rotation->machine_count; i++)
        inner_manager_free(rotation->machines[i].manager);
    free(rotation->machines);
    for (size_t i = 0; i < rotation->unit_count; i++)
        free(rotation->units[i].name);
    free(rotation->units);
    *rotation = (Rotation){0};
}

static const char *machine_of(const Rotation *rotation, const RotationUnit *unit)
{
    return rotation->machines[unit->machine].name;
}

static InnerManager *manager_of(const Rotation *rotation, const RotationUnit *unit)
{
    return rotation->machines[unit->machine].manager;
}

/* --- signals --- */

static void fill_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

void rotation_hold_signals(void)
{
    sigset_t set;

    fill_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Whether one has come since it was asked last. */
static bool take_signal(void)
{
    static const struct timespec now;
    sigset_t set;

    fill_signals(&set);
    return sigtimedwait(&set, NULL, &now) > 0;
}

/* --- the plan --- */

static int find_machine(Rotation *rotation, const char *name, size_t *ret)
{
    RotationMachine *larger;

    for (*ret = 0; *ret < rotation->machine_count; ++*ret)
        if (strcmp(rotation->machines[*ret].name, name) == 0)
            return 0;
    larger = reallocarray(rotation->machines, rotation->machine_count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    rotation->machines = larger;
    larger[rotation->machine_count] = (RotationMachine){0};
    strcpy(larger[rotation->machine_count++].name, name);
    return 0;
}

static int add_unit(Rotation *rotation, size_t machine, const char *name, PolicyChange action)
{
    RotationUnit *larger;
    char *copy;

    for (size_t i = 0; i < rotation->unit_count; i++) {
        RotationUnit *unit = &rotation->units[i];

        if (unit->machine != machine || strcmp(unit->name, name) != 0)
            continue;
        if (action == POLICY_RESTART)
            unit->action = action;
        return 0;
    }
    larger = reallocarray(rotation->units, rotation->unit_count + 1, sizeof(larger[0]));
    if (!larger)
        return -ENOMEM;
    rotation->units = larger;
    copy = strdup(name);
    if (!copy)
        return -ENOMEM;
    larger[rotation->unit_count++] =
        (RotationUnit){.machine = machine, .name = copy, .action = action};
    return 0;
}

static int plan_change(Rotation *rotation, struct json_object *change)
{
    const char *machine = varlink_text(change, "machine");
    const char *unit = varlink_text(change, "unit"), *action = varlink_text(change, "action");
    size_t number;
    int r;

    if (!machine || !machine_name_valid(machine) || !action || (unit && !unit_name_valid(unit)))
        return -EPROTO;
    if (!unit)
        return 0;
    r = find_machine(rotation, machine, &number);
    if (r == 0 && strcmp(action, policy_change_name(POLICY_RESTART)) == 0)
        return add_unit(rotation, number, unit, POLICY_RESTART);
    if (r == 0 && strcmp(action, policy_change_name(POLICY_RELOAD)) == 0)
        return add_unit(rotation, number, unit, POLICY_RELOAD);
    return r;
}

int rotation_plan(struct json_object *changes, Rotation *rotation)
{
    size_t count =
        json_object_is_type(changes, json_type_array) ? json_object_array_length(changes) : 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = plan_change(rotation, json_object_array_get_idx(changes, i));
    return r;
}

/* --- words --- */

__attribute__((format(printf, 3, 4))) static void say(const Rotation *rotation,
                                                      const RotationUnit *unit, const char *format,
                                                      ...)
{
    va_list arguments;

    if (rotation->quiet)
        return;
    printf("%s: %s: ", machine_of(rotation, unit), unit->name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

typedef struct Wait {
    const Rotation *rotation;
    const RotationUnit *unit;
} Wait;

static void on_waiting(void *userdata, unsigned seconds)
{
    const Wait *wait = userdata;

    say(wait->rotation, wait->unit, "still waiting, after %u s", seconds);
}

static void set_result(RotationUnit *unit, const char *result)
{
    snprintf(unit->result, sizeof(unit->result), "%s", result);
}

/* Forwards RC, which is UNIT's, as RC_ALL. */
static int failed(const Rotation *rotation, RotationUnit *unit, int rc_all, Reason *reason)
{
    Reason why = *reason;

    set_result(unit, "failed");
    return reason_set(reason, rc_all, "%s of %s: %s", unit->name, machine_of(rotation, unit),
                      why.text);
}

/* --- jobs --- */

static int run_job(Rotation *rotation, RotationUnit *unit, const char *method, bool stoppable,
                   Reason *reason)
{
    Wait wait = {rotation, unit};
    int r;

    unit->touched = true;
    r = inner_manager_run(manager_of(rotation, unit),
                          &(InnerManagerJob){.unit = unit->name,
                                             .method = method,
                                             .waiting = on_waiting,
                                             .stopped = stoppable ? take_signal : NULL,
                                             .userdata = &wait},
                          reason);
    if (r == 0)
        r = inner_manager_read(manager_of(rotation, unit), unit->name, reason, &unit->after);
    return r;
}

/* A reload brings the new value only where the manager fetches it again for a reload. */
static PolicyChange choose_action(const Rotation *rotation, const RotationUnit *unit)
{
    unsigned version = inner_manager_version(manager_of(rotation, unit));

    if (unit->action != POLICY_RELOAD || unit->before.refreshes)
        return unit->action;
    if (version < VERSION_REFRESH)
        say(rotation, unit,
            "restarting instead of reloading: with systemd %u a reload does not bring the new "
            "value",
            version);
    else
        say(rotation, unit,
            "restarting instead of reloading, which would not bring the new value: it has no "
            "RefreshOnReload=credentials");
    return POLICY_RESTART;
}

static int apply_one(Rotation *rotation, RotationUnit *unit, Reason *reason)
{
    InnerManager *manager = manager_of(rotation, unit);
    int r;

    if (!manager) {
        set_result(unit, "machine-not-running");
        say(rotation, unit, "skipped: %s does not run", machine_of(rotation, unit));
        return 0;
    }
    r = inner_manager_read(manager, unit->name, reason, &unit->before);
    if (r == 0 && !inner_manager_unit_runs(&unit->before)) {
        set_result(unit, "not-running");
        say(rotation, unit, "skipped: it does not run (%s)", unit->before.active);
        return 0;
    }
    if (r == 0) {
        unit->action = choose_action(rotation, unit);
        say(rotation, unit, "%s", unit->action == POLICY_RELOAD ? "reloading" : "restarting");
        r = run_job(rotation, unit,
                    unit->action == POLICY_RELOAD ? "ReloadOrTryRestartUnit" : "TryRestartUnit",
                    true, reason);
    }
    if (r == 0)
        set_result(unit, unit->action == POLICY_RELOAD ? "reloaded" : "restarted");
    return r;
}

/* --- whether they came back --- */

/* Whether it still is what its job made of it: neither down nor started again. What was on its way
 * up, as a service that does one thing and ends, may have come to its end. */
static int check_one(const Rotation *rotation, const RotationUnit *unit, Reason *reason)
{
    InnerManagerUnit now = {0};
    bool ended_well, told;
    int r = inner_manager_read(manager_of(rotation, unit), unit->name, reason, &now);

    if (r != 0)
        return r;
    ended_well = strcmp(unit->before.active, "activating") == 0 &&
                 strcmp(now.active, "inactive") == 0 && strcmp(now.result, "success") == 0;
    if (ended_well || (inner_manager_unit_runs(&now) &&
                       memcmp(now.invocation, unit->after.invocation, sizeof(now.invocation)) == 0))
        return 0;
    told = now.result[0] && strcmp(now.result, "success") != 0;
    return reason_set(reason, OUTCOME_NOT_ROTATED, "it does not stay up (%s%s%s)", now.active,
                      told ? ", result " : "", told ? now.result : "");
}

static int watch(Rotation *rotation, bool stoppable, int rc, Reason *reason)
{
    for (unsigned step = 0; step < SETTLE_STEPS; step++) {
        bool any = false;

        for (size_t i = 0; i < rotation->unit_count; i++) {
            RotationUnit *unit = &rotation->units[i];

            if (!unit->touched)
                continue;
            any = true;
            if (check_one(rotation, unit, reason) != 0)
                return failed(rotation, unit, rc, reason);
        }
        if (stoppable && take_signal())
            return reason_set(reason, rc, "it was interrupted");
        if (!any)
            break;
        usleep(SETTLE_USEC / SETTLE_STEPS);
    }
    return 0;
}

static int settle(Rotation *rotation, bool stoppable, int rc, Reason *reason)
{
    int r;

    progress_begin("the units, whether they stay up");
    r = watch(rotation, stoppable, rc, reason);
    progress_end();
    return r;
}

int rotation_apply(Rotation *rotation, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < rotation->machine_count; i++) {
        RotationMachine *machine = &rotation->machines[i];

        r = inner_manager_new(machine->name, reason, &machine->manager);
        if (r == OUTCOME_NOT_FOUND)
            r = 0;
        if (r != 0)
            return reason->text[0] ? OUTCOME_NOT_ROTATED : r;
    }
    for (size_t i = 0; i < rotation->unit_count; i++)
        if (apply_one(rotation, &rotation->units[i], reason) != 0)
            return failed(rotation, &rotation->units[i], OUTCOME_NOT_ROTATED, reason);
    return settle(rotation, true, OUTCOME_NOT_ROTATED, reason);
}

/* What is up takes the old value in the same way; what is down was up before. */
static int undo_one(Rotation *rotation, RotationUnit *unit, Reason *reason)
{
    InnerManagerUnit now = {0};
    int r = inner_manager_read(manager_of(rotation, unit), unit->name, reason, &now);
    bool reload = unit->action == POLICY_RELOAD && strcmp(now.active, "active") == 0;

    if (r == 0) {
        inner_manager_reset(manager_of(rotation, unit), unit->name);
        r = run_job(rotation, unit, reload ? "ReloadOrRestartUnit" : "RestartUnit", false, reason);
    }
    if (r != 0)
        return failed(rotation, unit, OUTCOME_HALF_ROTATED, reason);
    set_result(unit, "put-back");
    say(rotation, unit, "%s with the old value", reload ? "reloaded" : "restarted");
    return 0;
}

int rotation_undo(Rotation *rotation, Reason *reason)
{
    int r = 0;

    /* one that fails keeps none of the others from it */
    for (size_t i = 0; i < rotation->unit_count; i++) {
        RotationUnit *unit = &rotation->units[i];
        int rc = unit->touched ? undo_one(rotation, unit, reason) : 0;

        if (rc != 0)
            r = rc;
    }
    return r == 0 ? settle(rotation, false, OUTCOME_HALF_ROTATED, reason) : r;
}

struct json_object *rotation_to_json(const Rotation *rotation)
{
    _cleanup_(json_object_putp) struct json_object *list = json_object_new_array();

    for (size_t i = 0; list && i < rotation->unit_count; i++) {
        const RotationUnit *unit = &rotation->units[i];
        struct json_object *object = json_object_new_object();

        if (json_object_array_add(list, object) != 0 ||
            !json_add(object, "machine", json_object_new_string(machine_of(rotation, unit))) ||
            !json_add(object, "unit", json_object_new_string(unit->name)) ||
            !json_add(object, "action", json_object_new_string(policy_change_name(unit->action))) ||
            (unit->result[0] && !json_add(object, "result", json_object_new_string(unit->result))))
            return NULL;
    }
    return TAKE_PTR(list);
}
