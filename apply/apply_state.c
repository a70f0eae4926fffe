/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "apply_state.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION    1
/* Nesting: the state, its lists, one of them, a value. */
#define JSON_DEPTH 4

static void clear(ApplyUnit **units, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        free((*units)[i].name);
    free(*units);
    *units = NULL;
    *count = 0;
}

void apply_state_clear_units(ApplyState *state)
{
    clear(&state->units, &state->unit_count);
}

void apply_state_done(ApplyState *state)
{
    value_changes_done(&state->applied);
    value_changes_done(&state->begun);
    apply_state_clear_units(state);
    clear(&state->failed, &state->failed_count);
    clear(&state->counted, &state->counted_count);
}

/* NULL if there is no memory. */
static ApplyUnit *add_unit(ApplyUnit **units, size_t *count, const char *machine, const char *unit)
{
    char *name = strdup(unit);

    if (!name || !ARRAY_GROW(*units, *count)) {
        free(name);
        return NULL;
    }
    (*units)[*count] = (ApplyUnit){.name = name};
    strcpy((*units)[*count].machine, machine);
    return &(*units)[(*count)++];
}

static ApplyUnit *find_unit(ApplyUnit *units, size_t count, const RestartUnit *unit)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(units[i].machine, unit->machine->name) == 0 &&
            strcmp(units[i].name, unit->name) == 0)
            return &units[i];
    return NULL;
}

int apply_state_put_unit(ApplyState *state, const RestartUnit *unit, bool begun)
{
    ApplyUnit *found = find_unit(state->units, state->unit_count, unit);

    if (!found)
        found = add_unit(&state->units, &state->unit_count, unit->machine->name, unit->name);
    if (!found)
        return -ENOMEM;
    found->begun = begun;
    return 0;
}

const ApplyUnit *apply_state_find_unit(const ApplyState *state, const RestartUnit *unit)
{
    return find_unit(state->units, state->unit_count, unit);
}

int apply_state_put_failed(ApplyState *state, const RestartUnit *unit, const char *credential)
{
    ApplyUnit *failed = find_unit(state->failed, state->failed_count, unit);

    if (!failed)
        failed = add_unit(&state->failed, &state->failed_count, unit->machine->name, unit->name);
    if (!failed)
        return -ENOMEM;
    if (credential[0])
        strcpy(failed->credential, credential);
    failed->postponed = unit->postponed;
    if (unit->postponed)
        failed->invocation[0] = '\0';
    for (size_t i = 0; unit->touched && i < sizeof(unit->before.invocation); i++)
        snprintf(failed->invocation + 2 * i, 3, "%02x", unit->before.invocation[i]);
    return 0;
}

const ApplyUnit *apply_state_find_failed(const ApplyState *state, const RestartUnit *unit)
{
    return find_unit(state->failed, state->failed_count, unit);
}

const ApplyUnit *apply_state_first_failed(const ApplyState *state, bool postponed)
{
    for (size_t i = 0; i < state->failed_count; i++)
        if (state->failed[i].postponed == postponed)
            return &state->failed[i];
    return NULL;
}

static void remove_unit(ApplyUnit *units, size_t *count, size_t i)
{
    free(units[i].name);
    units[i] = units[--*count];
}

void apply_state_remove_failed(ApplyState *state, const ApplyUnit *failed)
{
    remove_unit(state->failed, &state->failed_count, (size_t)(failed - state->failed));
}

/* --- how many jobs a unit had --- */

/* Its window; one that has ended, or begins in the future because the clock was set back, does not
 * count. */
static bool is_counted(const ApplyUnit *unit, uint64_t now)
{
    return unit->since <= now && now - unit->since < LIMIT_APPLY_WINDOW_USEC;
}

int apply_state_count(ApplyState *state, const RestartUnit *unit, uint64_t now)
{
    ApplyUnit *found;

    for (size_t i = state->counted_count; i-- > 0;)
        if (!is_counted(&state->counted[i], now))
            remove_unit(state->counted, &state->counted_count, i);
    found = find_unit(state->counted, state->counted_count, unit);
    if (!found) {
        found = add_unit(&state->counted, &state->counted_count, unit->machine->name, unit->name);
        if (!found)
            return -ENOMEM;
        found->since = now;
    }
    found->jobs++;
    return 0;
}

uint64_t apply_state_next(const ApplyState *state, const RestartUnit *unit, uint64_t now)
{
    const ApplyUnit *found = find_unit(state->counted, state->counted_count, unit);

    return found && is_counted(found, now) && found->jobs >= LIMIT_APPLY_JOBS
               ? found->since + LIMIT_APPLY_WINDOW_USEC
               : 0;
}

/* --- the file --- */

static void file_path(const Context *context, const char *fleet, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s" APPLY_STATE_FOLDER "%s%s%s", context->root, *fleet ? "/" : "",
             fleet, *fleet ? ".json" : "");
}

static int read_units(struct json_object *array, Reason *reason, ApplyUnit **ret_units,
                      size_t *ret_count)
{
    for (size_t i = 0; i < json_length(array); i++) {
        struct json_object *object = json_object_array_get_idx(array, i);
        const char *machine = json_text(json_object_object_get(object, "machine"));
        const char *name = json_text(json_object_object_get(object, "unit"));
        const char *credential = json_text(json_object_object_get(object, "credential"));
        const char *invocation = json_text(json_object_object_get(object, "invocation"));
        ApplyUnit *unit;

        if (!machine || !machine_name_valid(machine) || !name || !unit_name_valid(name))
            return reason_set(reason, OUTCOME_MALFORMED, "a unit is not a machine and a unit");
        unit = add_unit(ret_units, ret_count, machine, name);
        if (!unit)
            return -ENOMEM;
        unit->begun = json_is_true(json_object_object_get(object, "begun"));
        unit->postponed = json_is_true(json_object_object_get(object, "postponed"));
        snprintf(unit->credential, sizeof(unit->credential), "%s", credential ? credential : "");
        snprintf(unit->invocation, sizeof(unit->invocation), "%s", invocation ? invocation : "");
        unit->jobs = json_object_get_uint64(json_object_object_get(object, "jobs"));
        unit->since = json_object_get_uint64(json_object_object_get(object, "since"));
    }
    return 0;
}

static struct json_object *units_to_json(const ApplyUnit *units, size_t count)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < count; i++) {
        struct json_object *unit = json_object_new_object();

        json_add_text(unit, "machine", units[i].machine);
        json_add_text(unit, "unit", units[i].name);
        json_add_flag(unit, "begun", units[i].begun);
        json_add_flag(unit, "postponed", units[i].postponed);
        json_add_text(unit, "credential", units[i].credential[0] ? units[i].credential : NULL);
        json_add_text(unit, "invocation", units[i].invocation[0] ? units[i].invocation : NULL);
        if (units[i].jobs > 0) {
            json_add_number(unit, "jobs", units[i].jobs);
            json_add_number(unit, "since", units[i].since);
        }
        json_append(array, unit);
    }
    return array;
}

int apply_state_read(const Context *context, const char *fleet, Reason *reason, ApplyState *ret)
{
    _cleanup_(apply_state_done) ApplyState state = {0};
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(bytes_done) Bytes text = {0};
    char path[PATH_MAX];
    int r;

    file_path(context, fleet, path);
    r = file_read(path, 4 * LIMIT_VALUE_CHANGES_BYTES, reason, &text);
    if (r == -ENOENT) {
        *ret = (ApplyState){0};
        return 0;
    }
    if (r == 0)
        r = json_parse(bytes_view(&text), JSON_DEPTH, NULL, reason, &object);
    if (r == 0 && json_object_get_int64(json_object_object_get(object, "version")) != VERSION)
        r = reason_set(reason, OUTCOME_MALFORMED, "%s is not of version %d", path, VERSION);
    if (r == 0)
        r = value_changes_from_json(json_object_object_get(object, "applied"), reason,
                                    &state.applied);
    if (r == 0)
        r = value_changes_from_json(json_object_object_get(object, "begun"), reason, &state.begun);
    if (r == 0)
        r = read_units(json_object_object_get(object, "units"), reason, &state.units,
                       &state.unit_count);
    if (r == 0)
        r = read_units(json_object_object_get(object, "failed"), reason, &state.failed,
                       &state.failed_count);
    if (r == 0)
        r = read_units(json_object_object_get(object, "counted"), reason, &state.counted,
                       &state.counted_count);
    if (r == 0)
        *ret = TAKE(state);
    return r;
}

int apply_state_write(const Context *context, const char *fleet, const ApplyState *state,
                      Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes text = {0};
    char path[PATH_MAX];
    int r;

    json_add_number(object, "version", VERSION);
    json_add(object, "applied", value_changes_to_json(&state->applied));
    json_add(object, "begun", value_changes_to_json(&state->begun));
    json_add(object, "units", units_to_json(state->units, state->unit_count));
    json_add(object, "failed", units_to_json(state->failed, state->failed_count));
    json_add(object, "counted", units_to_json(state->counted, state->counted_count));
    r = json_print(object, &text);
    if (r != 0)
        return r;
    file_path(context, "", path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make %s", path);
    file_path(context, fleet, path);
    return file_write(path, bytes_view(&text), 0600, true, reason);
}
