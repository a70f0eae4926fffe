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

void apply_units_done(ApplyUnits *units)
{
    for (size_t i = 0; i < units->count; i++)
        free(units->all[i].name);
    free(units->all);
    *units = (ApplyUnits){0};
}

void apply_state_done(ApplyState *state)
{
    value_changes_done(&state->applied);
    value_changes_done(&state->begun);
    apply_units_done(&state->units);
    apply_units_done(&state->failed);
    apply_units_done(&state->counted);
}

/* NULL if there is no memory. */
static ApplyUnit *add_unit(ApplyUnits *units, const char *machine, const char *unit)
{
    char *name = strdup(unit);

    if (!name || !ARRAY_GROW(units->all, units->count)) {
        free(name);
        return NULL;
    }
    units->all[units->count] = (ApplyUnit){.name = name};
    strcpy(units->all[units->count].machine, machine);
    return &units->all[units->count++];
}

ApplyUnit *apply_units_find(const ApplyUnits *units, const RestartUnit *unit)
{
    for (size_t i = 0; i < units->count; i++)
        if (strcmp(units->all[i].machine, unit->machine->name) == 0 &&
            strcmp(units->all[i].name, unit->name) == 0)
            return &units->all[i];
    return NULL;
}

/* The same, but adds it if it is not there. NULL if there is no memory. */
static ApplyUnit *find_or_add(ApplyUnits *units, const RestartUnit *unit)
{
    ApplyUnit *found = apply_units_find(units, unit);

    return found ? found : add_unit(units, unit->machine->name, unit->name);
}

void apply_units_remove(ApplyUnits *units, size_t i)
{
    free(units->all[i].name);
    units->all[i] = units->all[--units->count];
}

int apply_state_put_unit(ApplyState *state, const RestartUnit *unit, bool begun)
{
    ApplyUnit *found = find_or_add(&state->units, unit);

    if (!found)
        return -ENOMEM;
    found->begun = begun;
    return 0;
}

int apply_state_put_failed(ApplyState *state, const RestartUnit *unit, const char *credential)
{
    ApplyUnit *failed = find_or_add(&state->failed, unit);

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

const ApplyUnit *apply_state_first_failed(const ApplyState *state, bool postponed)
{
    for (size_t i = 0; i < state->failed.count; i++)
        if (state->failed.all[i].postponed == postponed)
            return &state->failed.all[i];
    return NULL;
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

    for (size_t i = state->counted.count; i-- > 0;)
        if (!is_counted(&state->counted.all[i], now))
            apply_units_remove(&state->counted, i);
    found = find_or_add(&state->counted, unit);
    if (!found)
        return -ENOMEM;
    if (found->jobs++ == 0)
        found->since = now;
    return 0;
}

uint64_t apply_state_next(const ApplyState *state, const RestartUnit *unit, uint64_t now)
{
    const ApplyUnit *found = apply_units_find(&state->counted, unit);

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

static int read_units(struct json_object *array, Reason *reason, ApplyUnits *ret)
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
        unit = add_unit(ret, machine, name);
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

static struct json_object *units_to_json(const ApplyUnits *units)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < units->count; i++) {
        const ApplyUnit *unit = &units->all[i];
        struct json_object *object = json_object_new_object();

        json_add_text(object, "machine", unit->machine);
        json_add_text(object, "unit", unit->name);
        json_add_flag(object, "begun", unit->begun);
        json_add_flag(object, "postponed", unit->postponed);
        json_add_view(object, "credential", text_view(unit->credential));
        json_add_view(object, "invocation", text_view(unit->invocation));
        if (unit->jobs > 0) {
            json_add_number(object, "jobs", unit->jobs);
            json_add_number(object, "since", unit->since);
        }
        json_append(array, object);
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
    if (r == 0 && !json_is_version(object, VERSION))
        r = reason_set(reason, OUTCOME_MALFORMED, "%s is not of version %d", path, VERSION);
    if (r == 0)
        r = value_changes_from_json(json_object_object_get(object, "applied"), reason,
                                    &state.applied);
    if (r == 0)
        r = value_changes_from_json(json_object_object_get(object, "begun"), reason, &state.begun);
    if (r == 0)
        r = read_units(json_object_object_get(object, "units"), reason, &state.units);
    if (r == 0)
        r = read_units(json_object_object_get(object, "failed"), reason, &state.failed);
    if (r == 0)
        r = read_units(json_object_object_get(object, "counted"), reason, &state.counted);
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
    json_add(object, "units", units_to_json(&state->units));
    json_add(object, "failed", units_to_json(&state->failed));
    json_add(object, "counted", units_to_json(&state->counted));
    r = json_print(object, &text);
    if (r != 0)
        return r;
    file_path(context, "", path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make %s", path);
    file_path(context, fleet, path);
    return file_write(path, bytes_view(&text), 0600, true, reason);
}
