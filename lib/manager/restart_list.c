/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "manager/restart_list.h"

#include "base/array.h"
#include "base/context.h"
#include "base/shell_word.h"
#include "policy/policy_load.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* The first version of systemd in which a reload can bring a new value (RefreshOnReload=). */
#define VERSION_REFRESH 260U

/* How often units are checked while they have to stay up. */
#define SETTLE_STEPS    20U

/* How often the D-Bus of a container that boots is tried. */
#define CONNECT_MSEC    200

/* After a container that takes all of a unit's time, the next ones get half of it, and so on, but
 * not less than this part: together they cost about as much as two. An honest unit that needs
 * longer than that still gets its job, whose end is not awaited. */
#define LEAST_PART      8U

/* How long a container may take to answer when it is asked first, µs; later twice as long. */
#define ANSWER_USEC     ((uint64_t)2 * 1000 * 1000)

void restart_list_done(RestartList *list)
{
    for (size_t i = 0; i < list->machine_count; i++)
        manager_free(list->machines[i].manager);
    free(list->machines);
    free(list->units);
    policy_effects_done(&list->effects);
    for (size_t i = 0; i < list->policy_count; i++)
        policy_unref(list->policies[i]);
    free(list->policies);
    *list = (RestartList){0};
}

/* --- the list --- */

static int load_policies(const Context *context, RestartList *list)
{
    _cleanup_(strings_freep) char **machines = NULL;
    int r = policy_machines(context, NULL, NULL, &machines);

    for (char **machine = machines; r == 0 && *machine; machine++) {
        if (!ARRAY_GROW(list->policies, list->policy_count))
            return -ENOMEM;
        r = policy_load(context, *machine, NULL, &list->policies[list->policy_count]);
        list->policy_count += r == 0;
        if (r > 0) /* without a good policy it gets nothing */
            r = 0;
    }
    return r;
}

static RestartMachine *find_machine(RestartList *list, const char *name)
{
    RestartMachine *machine = list->machines;

    while (machine < list->machines + list->machine_count && strcmp(machine->name, name) != 0)
        machine++;
    if (machine == list->machines + list->machine_count) {
        strcpy(machine->name, name);
        list->machine_count++;
    }
    return machine;
}

static void add_unit(RestartList *list, const PolicyEffect *effect)
{
    RestartMachine *machine = find_machine(list, effect->name.machine);

    for (size_t i = 0; i < list->unit_count; i++) {
        RestartUnit *unit = &list->units[i];

        if (unit->machine != machine || strcmp(unit->name, effect->unit) != 0)
            continue;
        if (effect->action == POLICY_RESTART)
            unit->action = POLICY_RESTART;
        return;
    }
    list->units[list->unit_count++] =
        (RestartUnit){.machine = machine, .name = effect->unit, .action = effect->action};
}

int restart_list_new(const Context *context, const CredentialName *changed, size_t count,
                     RestartList *ret)
{
    _cleanup_(restart_list_done) RestartList list = {0};
    int r = load_policies(context, &list);

    if (r == 0)
        r = policy_effects(list.policies, list.policy_count, changed, count, &list.effects);
    if (r != 0)
        return r;
    list.machines = calloc(list.effects.count + 1, sizeof(list.machines[0]));
    list.units = calloc(list.effects.count + 1, sizeof(list.units[0]));
    if (!list.machines || !list.units)
        return -ENOMEM;
    for (size_t i = 0; i < list.effects.count; i++)
        if (list.effects.effects[i].unit)
            add_unit(&list, &list.effects.effects[i]);
    *ret = TAKE(list);
    return 0;
}

RestartUnit *restart_list_find(const RestartList *list, const char *machine, const char *unit)
{
    for (size_t i = 0; i < list->unit_count; i++)
        if (strcmp(list->units[i].machine->name, machine) == 0 &&
            strcmp(list->units[i].name, unit) == 0)
            return &list->units[i];
    return NULL;
}

int restart_list_affects(const RestartList *list, const CredentialName *name,
                         const RestartUnit *unit, bool *ret)
{
    _cleanup_(policy_effects_done) PolicyEffects effects = {0};
    int r = policy_effects(list->policies, list->policy_count, name, 1, &effects);

    *ret = false;
    for (size_t i = 0; r == 0 && i < effects.count; i++) {
        const PolicyEffect *effect = &effects.effects[i];

        *ret = *ret || (effect->unit && strcmp(effect->unit, unit->name) == 0 &&
                        strcmp(effect->name.machine, unit->machine->name) == 0);
    }
    return r;
}

/* --- one unit --- */

#define say(options, unit, format, ...)                                                            \
    observer_note((options)->observer, "%s: %s: " format, (unit)->machine->name, (unit)->name,     \
                  ##__VA_ARGS__)

/* Returns RC, and puts UNIT's name before REASON. */
static int failed(RestartUnit *unit, int rc, Reason *reason)
{
    Reason why = reason ? *reason : (Reason){0};

    unit->result = "failed";
    return reason_set(reason, rc, "%s of %s: %.200s", unit->name, unit->machine->name, why.text);
}

/* Whether the caller wants to be interrupted. */
static bool is_stopped(const RestartOptions *options)
{
    return poll(&(struct pollfd){.fd = options->stop, .events = POLLIN}, 1, 0) > 0;
}

/* UNIT has failed with RC, as WHY says. Returns RC if that ends it all. Otherwise the first failure
 * is kept in FIRST and REASON. */
static int go_on(const RestartOptions *options, const RestartUnit *unit, int rc, const Reason *why,
                 int *first, Reason *reason)
{
    if (!options->go_on || rc < 0 || is_stopped(options)) {
        if (reason)
            *reason = *why;
        return rc;
    }
    say(options, unit, "failed: %s", why->text);
    if (*first == 0 && reason)
        *reason = *why;
    if (*first == 0)
        *first = rc;
    return 0;
}

static int run_job(Manager *manager, const RestartOptions *options, RestartUnit *unit,
                   const char *method, Reason *reason)
{
    int r = options->begin ? options->begin(options->userdata, unit) : 0;

    if (r != 0)
        return r;
    unit->touched = true;
    r = manager_run(manager, unit->name, method, options->observer, reason);
    return r == 0 ? manager_state(manager, unit->name, reason, &unit->after) : r;
}

/* A manager that has made us wait for all of a unit's time would do so for the next one. */
static void give_up_if_late(const RestartOptions *options, RestartUnit *unit, int r,
                            const Reason *reason)
{
    if (r != -ETIMEDOUT || !options->go_on)
        return;
    unit->machine->given_up = true;
    reason_set(&unit->machine->why, 0, "after %.80s its container is not asked again: %.150s",
               unit->name, reason ? reason->text : "");
}

/* Its job was in an earlier run of the program. */
static int resume_one(RestartUnit *unit, Reason *reason)
{
    int r = manager_state(unit->machine->manager, unit->name, reason, &unit->after);

    unit->result = "restarted";
    unit->touched = true;
    /* whether it was starting before is not known any more */
    strcpy(unit->before.active, "activating");
    return r;
}

/* Its job has failed before: whether it was started since, and so has the new value. */
static int check_started(RestartUnit *unit, Reason *reason)
{
    int r = manager_state(unit->machine->manager, unit->name, reason, &unit->after);

    if (r != 0)
        return r;
    if (!manager_state_runs(&unit->after))
        return reason_set(reason, OUTCOME_NOT_ROTATED, "it is still down (%s)", unit->after.active);
    if (memcmp(unit->after.invocation, unit->before.invocation, sizeof(unit->after.invocation)) ==
        0)
        return reason_set(reason, OUTCOME_NOT_ROTATED, "it still runs with the value before");
    unit->result = "restarted";
    unit->touched = true;
    return 0;
}

/* Restarts instead of reloading if a reload would not bring the new value. */
static void choose_action(const RestartOptions *options, RestartUnit *unit)
{
    unsigned version;

    if (unit->action != POLICY_RELOAD || unit->before.refreshes)
        return;
    unit->action = POLICY_RESTART;
    version = manager_version(unit->machine->manager);
    if (version < VERSION_REFRESH)
        say(options, unit,
            "restarting instead of reloading: systemd %u does not update credentials at a reload",
            version);
    else
        say(options, unit,
            "restarting instead of reloading: without RefreshOnReload=credentials a reload does "
            "not bring the new value");
}

static int apply_one(const RestartOptions *options, RestartUnit *unit, Reason *reason)
{
    Manager *manager = unit->machine->manager;
    bool reload;
    int r = 0;

    if (unit->machine->given_up) {
        if (reason)
            *reason = unit->machine->why;
        return failed(unit, OUTCOME_NOT_ROTATED, reason);
    }
    if (!manager) {
        unit->result = "machine-not-running";
        say(options, unit, "skipped: %s is not running", unit->machine->name);
        return 0;
    }
    manager_allow(manager, unit->left);
    if (unit->checked) {
        r = check_started(unit, reason);
        unit->left = manager_left(manager);
        give_up_if_late(options, unit, r, reason);
        return r == 0 ? 0 : failed(unit, OUTCOME_NOT_ROTATED, reason);
    }
    if (!unit->resumed)
        r = manager_state(manager, unit->name, reason, &unit->before);
    /* it ran when its job began, so that it is the job that has failed */
    if (r == 0 && unit->begun && !manager_state_runs(&unit->before))
        unit->resumed = true;
    if (r == 0 && unit->resumed)
        r = resume_one(unit, reason);
    if (r == 0 && !unit->resumed && !manager_state_runs(&unit->before)) {
        unit->result = "not-running";
        if (strcmp(unit->before.active, "failed") == 0)
            say(options, unit,
                "skipped: it failed before. To start it with the new value: systemctl "
                "-M %s start %s",
                unit->machine->name, shell_word(unit->name).text);
        else
            say(options, unit, "skipped: it is not running (%s)", unit->before.active);
        return 0;
    }
    if (r == 0 && !unit->resumed && unit->postponed) {
        reason_set(reason, 0, "it was restarted too often");
        return failed(unit, OUTCOME_NOT_ROTATED, reason);
    }
    if (r == 0 && !unit->resumed) {
        choose_action(options, unit);
        reload = unit->action == POLICY_RELOAD;
        say(options, unit, "%s", reload ? "reloading" : "restarting");
        unit->result = reload ? "reloaded" : "restarted";
        r = run_job(manager, options, unit, reload ? "ReloadOrTryRestartUnit" : "TryRestartUnit",
                    reason);
    }
    unit->left = manager_left(manager);
    give_up_if_late(options, unit, r, reason);
    return r == 0 ? 0 : failed(unit, OUTCOME_NOT_ROTATED, reason);
}

/* A unit that is up gets the old value in the same way as the new one. One that is down was up
 * before, so it is started. */
static int undo_one(const RestartOptions *options, RestartUnit *unit, Reason *reason)
{
    Manager *manager = unit->machine->manager;
    ManagerState now = {0};
    bool reload;
    int r;

    if (unit->machine->given_up) {
        if (reason)
            *reason = unit->machine->why;
        return failed(unit, OUTCOME_HALF_ROTATED, reason);
    }
    manager_allow(manager, unit->left);
    r = manager_state(manager, unit->name, reason, &now);
    reload = unit->action == POLICY_RELOAD && strcmp(now.active, "active") == 0;
    if (r == 0) {
        manager_reset(manager, unit->name);
        r = run_job(manager, options, unit, reload ? "ReloadOrRestartUnit" : "RestartUnit", reason);
    }
    unit->left = manager_left(manager);
    if (r != 0)
        return failed(unit, OUTCOME_HALF_ROTATED, reason);
    unit->result = "put-back";
    say(options, unit, "%s with the old value", reload ? "reloaded" : "restarted");
    return 0;
}

/* --- whether they stay up --- */

/* Fails if the unit is down or was started again since its job. A unit that was starting before, as
 * a oneshot service is while it runs, may have ended successfully. */
static int check_one(const RestartOptions *options, RestartUnit *unit, int rc, Reason *reason)
{
    Manager *manager = unit->machine->manager;
    ManagerState now = {0};
    bool ended_well, known;
    int r;

    manager_allow(manager, unit->machine->given_up ? 0 : unit->left);
    r = manager_state(manager, unit->name, reason, &now);
    unit->left = manager_left(manager);
    give_up_if_late(options, unit, r, reason);
    if (r != 0)
        return failed(unit, rc, reason);
    ended_well = strcmp(unit->before.active, "activating") == 0 &&
                 strcmp(now.active, "inactive") == 0 && strcmp(now.result, "success") == 0;
    if (ended_well || (manager_state_runs(&now) &&
                       memcmp(now.invocation, unit->after.invocation, sizeof(now.invocation)) == 0))
        return 0;
    known = now.result[0] && strcmp(now.result, "success") != 0;
    reason_set(reason, 0, "it does not stay up (%s%s%s)", now.active, known ? ", result " : "",
               known ? now.result : "");
    return failed(unit, rc, reason);
}

/* Returns RC if a touched unit does not stay up. */
static int watch(RestartList *list, const RestartOptions *options, int rc, Reason *reason)
{
    struct pollfd stop = {.fd = options->stop, .events = POLLIN};
    int step_msec = (int)(options->settle_usec / SETTLE_STEPS / 1000), waited_msec = 0, first = 0;

    for (unsigned step = 0; step < SETTLE_STEPS; step++) {
        bool any = false;

        for (size_t i = 0; i < list->unit_count; i++) {
            RestartUnit *unit = &list->units[i];
            Reason why = {0};

            if (!unit->touched || strcmp(unit->result, "failed") == 0)
                continue;
            any = true;
            if (check_one(options, unit, rc, &why) != 0 &&
                go_on(options, unit, rc, &why, &first, reason) != 0)
                return rc;
        }
        if (!any)
            return first;
        if (poll(&stop, 1, step_msec) > 0)
            return reason_set(reason, rc, "it was interrupted");
        waited_msec += step_msec;
        if (waited_msec >= OBSERVER_TICK_MSEC) {
            observer_wait_tick(options->observer);
            waited_msec = 0;
        }
    }
    return first;
}

static int settle(RestartList *list, const RestartOptions *options, int rc, Reason *reason)
{
    int r;

    observer_wait_begin(options->observer, "the units to stay up");
    r = watch(list, options, rc, reason);
    observer_wait_end(options->observer);
    return r;
}

/* --- all --- */

/* Being denied does not pass. */
static bool may_answer_yet(int rc)
{
    return rc < 0 && rc != -ENOMEM && rc != -EACCES && rc != -EPERM && rc != -EINTR;
}

/* Asks each container that has not answered yet, for USEC at most, until END. Returns whether all
 * have answered. */
static bool ask_all(RestartList *list, const RestartOptions *options, uint64_t usec, uint64_t end)
{
    bool all = true;

    for (size_t i = 0; i < list->machine_count; i++) {
        RestartMachine *machine = &list->machines[i];
        uint64_t now = monotonic_usec();

        if (may_answer_yet(machine->rc) && now < end)
            machine->rc = manager_new_of_machine(machine->name, end - now < usec ? end - now : usec,
                                                 options->stop, &machine->why, &machine->manager);
        all = all && !may_answer_yet(machine->rc);
    }
    return all;
}

static void say_silent(const RestartList *list, const RestartOptions *options)
{
    for (size_t i = 0; i < list->machine_count; i++)
        if (may_answer_yet(list->machines[i].rc))
            observer_note(options->observer, "%s: waiting for its D-Bus, which does not answer yet",
                          list->machines[i].name);
}

/* Waits for the D-Bus of containers that boot. OUTCOME_NOT_ROTATED if interrupted. */
static int wait_for_all(RestartList *list, const RestartOptions *options, Reason *reason)
{
    struct pollfd stop = {.fd = options->stop, .events = POLLIN};
    uint64_t begin = monotonic_usec(), end = begin + options->boot_usec, tick = begin;
    uint64_t usec = ANSWER_USEC;

    if (ask_all(list, options, usec, UINT64_MAX) || monotonic_usec() >= end)
        return 0;
    say_silent(list, options);
    do {
        if (poll(&stop, 1, CONNECT_MSEC) > 0)
            return reason_set(reason, OUTCOME_NOT_ROTATED, "it was interrupted");
        if (monotonic_usec() >= tick) {
            observer_wait_tick(options->observer);
            tick = monotonic_usec() + (uint64_t)OBSERVER_TICK_MSEC * 1000;
        }
        usec = 2 * usec < MANAGER_USEC ? 2 * usec : MANAGER_USEC;
    } while (!ask_all(list, options, usec, end) && monotonic_usec() < end);
    return 0;
}

/* How it ended for MACHINE. */
static int take_answer(RestartMachine *machine, const RestartOptions *options, Reason *reason)
{
    if (machine->rc == 0 || machine->rc == OUTCOME_NOT_FOUND) /* it does not run */
        return 0;
    if (machine->rc == -ENOMEM)
        return machine->rc;
    if (options->go_on && !is_stopped(options)) {
        machine->given_up = true;
        return 0;
    }
    if (reason)
        *reason = machine->why;
    return OUTCOME_NOT_ROTATED;
}

int restart_list_connect(RestartList *list, const RestartOptions *options, Reason *reason)
{
    int r;

    for (size_t i = 0; i < list->machine_count; i++)
        list->machines[i].rc = -EAGAIN;
    observer_wait_begin(options->observer, "the containers to answer");
    r = wait_for_all(list, options, reason);
    observer_wait_end(options->observer);
    for (size_t i = 0; r == 0 && i < list->machine_count; i++)
        r = take_answer(&list->machines[i], options, reason);
    return r;
}

int restart_list_apply(RestartList *list, const RestartOptions *options, Reason *reason)
{
    uint64_t usec = options->unit_usec;
    int r = 0, first = 0;

    for (size_t i = 0; r == 0 && i < list->unit_count; i++) {
        RestartUnit *unit = &list->units[i];
        bool given_up = unit->machine->given_up;
        Reason why = {0};

        unit->left = usec;
        r = apply_one(options, unit, &why);
        if (!given_up && unit->machine->given_up && usec > options->unit_usec / LEAST_PART)
            usec /= 2;
        if (r != 0)
            r = go_on(options, unit, r, &why, &first, reason);
        if (r == 0 && unit->touched && !unit->resumed && options->done)
            r = options->done(options->userdata, unit);
    }
    if (r == 0)
        r = settle(list, options, OUTCOME_NOT_ROTATED, first == 0 ? reason : NULL);
    return r == 0 ? first : r;
}

int restart_list_undo(RestartList *list, const RestartOptions *options, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; i < list->unit_count; i++)
        list->units[i].left = options->unit_usec;
    for (size_t i = 0; i < list->unit_count; i++)
        if (list->units[i].touched && undo_one(options, &list->units[i], reason) != 0)
            r = OUTCOME_HALF_ROTATED;
    return r == 0 ? settle(list, options, OUTCOME_HALF_ROTATED, reason) : r;
}
