/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "apply_internal.h"

/* A changed credential that UNIT uses; "" if there is none. */
static int find_used(const Apply *apply, const RestartUnit *unit,
                     char ret[CREDENTIAL_NAME_TEXT_BYTES])
{
    bool affects = false;
    int r = 0;

    ret[0] = '\0';
    for (size_t k = 0; r == 0 && !affects && k < apply->wanted.count; k++) {
        r = restart_list_affects(&apply->list, &apply->wanted.changes[k].name, unit, &affects);
        if (r == 0 && affects)
            credential_name_format(&apply->wanted.changes[k].name, ret);
    }
    return r;
}

static bool came_back(const RestartUnit *unit)
{
    return unit->result &&
           (strcmp(unit->result, "restarted") == 0 || strcmp(unit->result, "reloaded") == 0 ||
            strcmp(unit->result, "put-back") == 0);
}

static bool is_down(const RestartUnit *unit)
{
    return unit->result && strcmp(unit->result, "not-running") == 0;
}

int apply_note_failures(Apply *apply, const RestartList *list)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < list->unit_count; i++) {
        const RestartUnit *unit = &list->units[i];
        const ApplyUnit *failed = apply_units_find(&apply->state.failed, unit);
        char credential[CREDENTIAL_NAME_TEXT_BYTES] = "";

        if (apply_has_failed(unit)) {
            if (list == &apply->list)
                r = find_used(apply, unit, credential);
            if (r == 0)
                r = apply_state_put_failed(&apply->state, unit, credential);
        } else if (failed && (came_back(unit) || (failed->postponed && is_down(unit)))) {
            apply_units_remove(&apply->state.failed, (size_t)(failed - apply->state.failed.all));
        }
    }
    return r;
}

/* Those that root's policies do not restart any more. */
static void forget_failed(Apply *apply, const RestartList *list)
{
    for (size_t i = apply->state.failed.count; i-- > 0;) {
        const ApplyUnit *failed = &apply->state.failed.all[i];

        if (!restart_list_find(list, failed->machine, failed->name))
            apply_units_remove(&apply->state.failed, i);
    }
}

int apply_check_failed(Apply *apply, Reason *reason)
{
    _cleanup_(restart_list_done) RestartList list = {0};
    _cleanup_(value_changes_done) ValueChanges used = {0};
    RestartOptions options = apply_restart_options(apply, apply_count_job);
    size_t count = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < apply->state.failed.count; i++) {
        CredentialName name;

        if (credential_name_parse(apply->state.failed.all[i].credential, NULL, &name) == 0)
            r = value_changes_put(&used, &name, "");
    }
    if (r == 0)
        r = apply_make_list(apply, &used, &list);
    if (r != 0)
        return r;
    forget_failed(apply, &list);
    for (size_t i = 0; i < list.unit_count; i++) {
        const ApplyUnit *failed = apply_units_find(&apply->state.failed, &list.units[i]);
        RestartUnit *unit = &list.units[count];

        if (!failed || restart_list_find(&apply->list, failed->machine, failed->name))
            continue;
        *unit = list.units[i];
        unit->checked =
            hex_parse(failed->invocation, unit->before.invocation, sizeof(unit->before.invocation));
        count++;
    }
    list.unit_count = count;
    if (count == 0)
        return 0;
    apply_postpone(apply, &list);
    r = restart_list_connect(&list, &options, reason);
    if (r == 0)
        r = restart_list_apply(&list, &options, reason);
    if (apply_is_stopped(apply))
        return OUTCOME_INTERRUPTED;
    return r < 0 ? r : apply_note_failures(apply, &list);
}

/* Of the units that have failed, or of those that are POSTPONED. */
static int find_culprit_of(const Apply *apply, bool postponed, char ret[CREDENTIAL_NAME_TEXT_BYTES])
{
    const ApplyUnit *failed = apply_state_first_failed(&apply->state, postponed);
    int r = 0;

    for (size_t i = 0; r == 0 && !ret[0] && i < apply->list.unit_count; i++)
        if (apply_has_failed(&apply->list.units[i]) && apply->list.units[i].postponed == postponed)
            r = find_used(apply, &apply->list.units[i], ret);
    if (!ret[0] && failed)
        strcpy(ret, failed->credential);
    return r;
}

int apply_find_culprit(const Apply *apply, char ret[CREDENTIAL_NAME_TEXT_BYTES])
{
    int r;

    ret[0] = '\0';
    r = find_culprit_of(apply, false, ret);
    if (!ret[0] && apply->set.restored.count > 0)
        credential_name_format(&apply->set.restored.changes[0].name, ret);
    return r == 0 && !ret[0] ? find_culprit_of(apply, true, ret) : r;
}

int apply_outcome(const Apply *apply)
{
    if (apply_state_first_failed(&apply->state, false))
        return OUTCOME_NOT_APPLIED;
    if (apply->set.restored.count > 0)
        return OUTCOME_NOT_ROTATED;
    return apply->state.failed.count > 0 ? OUTCOME_POSTPONED : 0;
}
