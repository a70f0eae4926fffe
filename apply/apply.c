/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "apply_internal.h"

#include "base/timestamp.h"
#include "policy/policy_load.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Names that are shown of those that are left out. */
#define SHOWN_MAX 5U

static void apply_done(Apply *apply)
{
    fleet_set_done(&apply->set);
    value_changes_done(&apply->offered);
    value_changes_done(&apply->wanted);
    apply_state_done(&apply->state);
    restart_list_done(&apply->list);
    policy_unref(apply->policy);
}

static int write_state(Apply *apply, Reason *reason)
{
    return apply_state_write(apply->options->context, apply->fleet, &apply->state, reason);
}

/* --- what there is to do --- */

/* What root's policy says about NAME, if it takes it from the fleet; else NULL. The names of a list
 * are sorted, so that each policy is read once. */
static int find_credential(Apply *apply, const CredentialName *name, const PolicyCredential **ret)
{
    int r = 0;

    *ret = NULL;
    if (strcmp(apply->machine, name->machine) != 0) {
        apply->policy = policy_unref(apply->policy);
        strcpy(apply->machine, name->machine);
        r = policy_load(apply->options->context, name->machine, NULL, &apply->policy);
    }
    if (apply->policy)
        *ret = policy_find(apply->policy, name->id);
    if (*ret && ((*ret)->source != POLICY_FLEET || strcmp((*ret)->text, apply->fleet) != 0))
        *ret = NULL;
    return r < 0 ? r : 0; /* without a valid policy it gets nothing */
}

static bool is_known(const ValueChanges *changes, const ValueChange *change)
{
    const ValueChange *found = value_changes_find(changes, &change->name);

    return found && strcmp(found->sha256, change->sha256) == 0;
}

static int choose(Apply *apply)
{
    const Observer *observer = apply->options->restart.observer;
    size_t left_out = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < apply->offered.count; i++) {
        const ValueChange *change = &apply->offered.changes[i];
        const PolicyCredential *credential;

        if (is_known(&apply->state.applied, change))
            continue;
        r = find_credential(apply, &change->name, &credential);
        if (r == 0 && credential)
            r = value_changes_put(&apply->wanted, &change->name, change->sha256);
        else if (r == 0 && left_out++ < SHOWN_MAX)
            observer_note(observer, "%s@%s has changed, but its policy does not take it from %s",
                          change->name.machine, change->name.id, apply->fleet);
    }
    if (left_out > SHOWN_MAX)
        observer_note(observer, "the same is true of %zu more", left_out - SHOWN_MAX);
    return r;
}

int apply_make_list(const Apply *apply, const ValueChanges *changes, RestartList *ret)
{
    _cleanup_(freep) CredentialName *names = calloc(changes->count + 1, sizeof(names[0]));

    if (!names)
        return -ENOMEM;
    for (size_t i = 0; i < changes->count; i++)
        names[i] = changes->changes[i].name;
    return restart_list_new(apply->options->context, names, changes->count, ret);
}

/* Units that an earlier run has restarted are not restarted again, unless something that they use
 * has changed since. One whose job it has only begun is, unless that has failed. */
static int resume(Apply *apply)
{
    _cleanup_(value_changes_done) ValueChanges fresh = {0};
    _cleanup_(restart_list_done) RestartList again = {0};
    _cleanup_(apply_units_done) ApplyUnits before = TAKE(apply->state.units);
    int r = 0;

    for (size_t i = 0; r == 0 && i < apply->wanted.count; i++)
        if (!is_known(&apply->state.begun, &apply->wanted.changes[i]))
            r = value_changes_put(&fresh, &apply->wanted.changes[i].name,
                                  apply->wanted.changes[i].sha256);
    if (r == 0)
        r = apply_make_list(apply, &fresh, &again);
    for (size_t i = 0; r == 0 && i < apply->list.unit_count; i++) {
        RestartUnit *unit = &apply->list.units[i];
        const ApplyUnit *known = apply_units_find(&before, unit);

        if (!known || restart_list_find(&again, unit->machine->name, unit->name))
            continue;
        unit->begun = known->begun;
        unit->resumed = !known->begun;
        r = apply_state_put_unit(&apply->state, unit, known->begun);
    }
    return r;
}

/* --- doing it --- */

static uint64_t time_now(const Apply *apply)
{
    return apply->options->context->now(apply->options->context);
}

void apply_postpone(Apply *apply, RestartList *list)
{
    for (size_t i = 0; i < list->unit_count; i++) {
        RestartUnit *unit = &list->units[i];
        uint64_t next = apply_state_next(&apply->state, unit, time_now(apply));
        char text[TIMESTAMP_TEXT_BYTES];

        if (next == 0 || unit->resumed || unit->checked)
            continue;
        timestamp_format(next, text);
        observer_note(
            apply->options->restart.observer,
            "%s: %s: it was restarted or reloaded %u times within an hour, and is not before %s",
            unit->machine->name, unit->name, LIMIT_APPLY_JOBS, text);
        unit->postponed = true;
        if (apply->due == 0 || next < apply->due)
            apply->due = next;
    }
}

static int put_unit(Apply *apply, const RestartUnit *unit, bool begun)
{
    int r = apply_state_put_unit(&apply->state, unit, begun);

    return r == 0 ? write_state(apply, NULL) : r;
}

int apply_count_job(void *userdata, const RestartUnit *unit)
{
    Apply *apply = userdata;
    int r = apply_state_count(&apply->state, unit, time_now(apply));

    return r == 0 ? write_state(apply, NULL) : r;
}

static int on_begin(void *userdata, const RestartUnit *unit)
{
    int r = apply_count_job(userdata, unit);

    return r == 0 ? put_unit(userdata, unit, true) : r;
}

static int on_done(void *userdata, const RestartUnit *unit)
{
    return put_unit(userdata, unit, false);
}

RestartOptions apply_restart_options(Apply *apply,
                                     int (*begin)(void *userdata, const RestartUnit *unit))
{
    RestartOptions options = apply->options->restart;

    options.go_on = true;
    options.begin = begin;
    options.userdata = apply;
    return options;
}

bool apply_is_stopped(const Apply *apply)
{
    return poll(&(struct pollfd){.fd = apply->options->restart.stop, .events = POLLIN}, 1, 0) > 0;
}

static int restart(Apply *apply, Reason *reason)
{
    RestartOptions options = apply_restart_options(apply, on_begin);
    int r;

    options.done = on_done;
    apply_postpone(apply, &apply->list);
    r = restart_list_connect(&apply->list, &options, reason);
    if (r == 0)
        r = restart_list_apply(&apply->list, &options, reason);
    if (apply_is_stopped(apply))
        return OUTCOME_INTERRUPTED;
    return r == OUTCOME_NOT_ROTATED ? OUTCOME_NOT_APPLIED : r;
}

/* The names to restore: those that a unit which has failed uses, if root's policy says so. */
static int find_unwanted(Apply *apply, CredentialName *names, size_t *ret_count)
{
    int r = 0;

    *ret_count = 0;
    for (size_t k = 0; r == 0 && k < apply->wanted.count; k++) {
        const CredentialName *name = &apply->wanted.changes[k].name;
        const PolicyCredential *credential = NULL;
        bool affects = false;

        for (size_t i = 0; r == 0 && !affects && i < apply->list.unit_count; i++)
            if (apply_has_failed(&apply->list.units[i]) && !apply->list.units[i].postponed)
                r = restart_list_affects(&apply->list, name, &apply->list.units[i], &affects);
        if (r == 0 && affects)
            r = find_credential(apply, name, &credential);
        if (r == 0 && credential && credential->on_failure == POLICY_PREVIOUS)
            names[(*ret_count)++] = *name;
    }
    return r;
}

/* Of all units, restart_list_undo() takes those that use one of NAMES. RET_ALL says whether they
 * are all that have failed. */
static int choose_undone(Apply *apply, const CredentialName *names, size_t count, bool *ret_all)
{
    int r = 0;

    *ret_all = true;
    for (size_t i = 0; r == 0 && i < apply->list.unit_count; i++) {
        RestartUnit *unit = &apply->list.units[i];
        bool affects = false;

        for (size_t k = 0; r == 0 && !affects && k < count; k++)
            r = restart_list_affects(&apply->list, &names[k], unit, &affects);
        *ret_all = *ret_all && (affects || !apply_has_failed(unit));
        unit->touched = unit->touched && affects;
    }
    return r;
}

/* Services have failed: has the previous values served again where root's policy says so, and
 * restarts what uses them. Returns 0, or a negative errno; RC is what became of it. */
static int restore(Apply *apply, Reason *reason, int *rc)
{
    const Observer *observer = apply->options->restart.observer;
    _cleanup_(freep) CredentialName *names = calloc(apply->wanted.count + 1, sizeof(names[0]));
    RestartOptions options = apply_restart_options(apply, apply_count_job);
    Reason undoing = {0};
    size_t count = 0;
    bool all;
    int r = names ? find_unwanted(apply, names, &count) : -ENOMEM;

    if (r == 0)
        r = fleet_set_restore(&apply->set, names, count, &undoing, &count);
    if (r != 0)
        return r < 0 ? reason_set(reason, r, "%s", undoing.text) : r;
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        observer_note(observer, "%s@%s: the previous value is served again", names[i].machine,
                      names[i].id);
        audit_write(apply->options->audit, &(AuditRecord){
                                               .verdict = AUDIT_ROTATED,
                                               .machine = names[i].machine,
                                               .id = names[i].id,
                                               .peer_pid = getpid(),
                                               .peer_uid = getuid(),
                                               .fleet = apply->set.fleet,
                                               .sequence = apply->set.statement.sequence,
                                           });
    }
    r = choose_undone(apply, names, count, &all);
    if (r != 0)
        return r;
    r = restart_list_undo(&apply->list, &options, &undoing);
    if (r > 0)
        observer_note(observer, "with the previous value, too: %s", undoing.text);
    if (r == 0 && all)
        *rc = OUTCOME_NOT_ROTATED;
    return r < 0 ? r : 0;
}

/* --- the end --- */

/* For the broker's report. It was said already if a run was killed right after it. */
static int tell(const Apply *apply, int rc, const char *culprit, Reason *reason)
{
    FleetApplied applied = {.outcome = rc, .time = time_now(apply)}, before;

    strcpy(applied.credential, culprit);
    strcpy(applied.statement, apply->set.digest);
    if (apply->wanted.count == 0 && fleet_set_applied(&apply->set, NULL, &before) == 0 &&
        strcmp(before.statement, applied.statement) == 0 && before.outcome == rc &&
        strcmp(before.credential, culprit) == 0)
        return 0;
    return fleet_set_write_applied(&apply->set, &applied, reason);
}

/* Remembers what was dealt with, of what the broker still lists. */
static int remember(Apply *apply, Reason *reason)
{
    _cleanup_(value_changes_done) ValueChanges applied = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < apply->offered.count; i++) {
        const ValueChange *change = &apply->offered.changes[i];

        if (is_known(&apply->wanted, change) || is_known(&apply->state.applied, change))
            r = value_changes_put(&applied, &change->name, change->sha256);
    }
    if (r != 0)
        return r;
    value_changes_done(&apply->state.applied);
    apply->state.applied = TAKE(applied);
    value_changes_done(&apply->state.begun);
    apply_units_done(&apply->state.units);
    return write_state(apply, reason);
}

static int run(Apply *apply, Reason *reason)
{
    char culprit[CREDENTIAL_NAME_TEXT_BYTES];
    int rc, r = apply_make_list(apply, &apply->wanted, &apply->list);

    if (r == 0)
        r = resume(apply);
    if (r != 0)
        return r;
    value_changes_done(&apply->state.begun);
    for (size_t i = 0; r == 0 && i < apply->wanted.count; i++)
        r = value_changes_put(&apply->state.begun, &apply->wanted.changes[i].name,
                              apply->wanted.changes[i].sha256);
    if (r == 0)
        r = write_state(apply, reason);
    if (r != 0)
        return r;
    rc = restart(apply, reason);
    if (rc != 0 && rc != OUTCOME_NOT_APPLIED)
        return rc;
    /* in this run, in one that was killed, or before */
    if (rc == 0 && apply->set.restored.count > 0)
        rc = OUTCOME_NOT_ROTATED;
    r = apply_note_failures(apply, &apply->list);
    if (r == 0 && rc == OUTCOME_NOT_APPLIED)
        r = restore(apply, reason, &rc);
    if (r == 0 && apply_is_stopped(apply))
        return OUTCOME_INTERRUPTED;
    if (r == 0)
        r = apply_note_failures(apply, &apply->list);
    if (r == 0)
        r = apply_check_failed(apply, rc == 0 ? reason : NULL);
    if (r != 0)
        return r;
    if (apply->state.failed.count > 0)
        rc = apply_outcome(apply);
    r = apply_find_culprit(apply, culprit);
    if (r == 0)
        r = tell(apply, rc, culprit, rc == 0 ? reason : NULL);
    if (r == 0)
        r = remember(apply, rc == 0 ? reason : NULL);
    return r == 0 ? rc : r;
}

/* Nothing has changed: what has failed before, or is restored, stays so. */
static int say_again(Apply *apply, Reason *reason)
{
    char culprit[CREDENTIAL_NAME_TEXT_BYTES];
    size_t before = apply->state.failed.count;
    int rc, r = before > 0 ? apply_check_failed(apply, reason) : 0;

    if (r == 0)
        r = apply_find_culprit(apply, culprit);
    if (r != 0)
        return r;
    rc = apply_outcome(apply);
    r = tell(apply, rc, culprit, reason);
    if (r == 0 && before > 0)
        r = write_state(apply, reason);
    return r;
}

int apply_fleet(const ApplyOptions *options, const char *fleet, Reason *reason, uint64_t *due)
{
    _cleanup_(apply_done) Apply apply = {.options = options, .fleet = fleet};
    Reason why = {0};
    int r = fleet_set_open(options->store, fleet, reason, &apply.set);

    if (r == OUTCOME_NO_SET)
        return 0;
    if (r != 0)
        return r;
    r = apply_state_read(options->context, fleet, &why, &apply.state);
    if (r > 0)
        observer_note(options->restart.observer, "what was done before is not known: %s", why.text);
    else if (r < 0)
        return reason_set(reason, r, "%s", why.text);
    r = fleet_set_changes(&apply.set, &why, &apply.offered);
    if (r == OUTCOME_CHANGED) /* another set was accepted: its notice is there, or comes */
        return 0;
    if (r == OUTCOME_MALFORMED)
        return reason_set(reason, r, "the broker's list of changes of %s: %s", fleet, why.text);
    if (r == 0)
        r = choose(&apply);
    if (r != 0 && r != OUTCOME_NOT_FOUND) /* no list: an earlier version has accepted the set */
        return r;
    r = apply.wanted.count > 0 ? run(&apply, reason) : say_again(&apply, reason);
    if (apply.due > 0 && apply.due < *due)
        *due = apply.due;
    return r;
}
