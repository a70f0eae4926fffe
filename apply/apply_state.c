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

void apply_state_clear_units(ApplyState *state)
{
    for (size_t i = 0; i < state->unit_count; i++)
        free(state->units[i].name);
    free(state->units);
    state->units = NULL;
    state->unit_count = 0;
}

void apply_state_done(ApplyState *state)
{
    value_changes_done(&state->applied);
    value_changes_done(&state->begun);
    apply_state_clear_units(state);
}

static int add_unit(ApplyState *state, const char *machine, const char *unit, bool begun)
{
    char *name = strdup(unit);

    if (!name || !ARRAY_GROW(state->units, state->unit_count)) {
        free(name);
        return -ENOMEM;
    }
    state->units[state->unit_count] = (ApplyUnit){.name = name, .begun = begun};
    strcpy(state->units[state->unit_count++].machine, machine);
    return 0;
}

static ApplyUnit *find_unit(const ApplyState *state, const RestartUnit *unit)
{
    for (size_t i = 0; i < state->unit_count; i++)
        if (strcmp(state->units[i].machine, unit->machine->name) == 0 &&
            strcmp(state->units[i].name, unit->name) == 0)
            return &state->units[i];
    return NULL;
}

int apply_state_put_unit(ApplyState *state, const RestartUnit *unit, bool begun)
{
    ApplyUnit *found = find_unit(state, unit);

    if (!found)
        return add_unit(state, unit->machine->name, unit->name, begun);
    found->begun = begun;
    return 0;
}

const ApplyUnit *apply_state_find_unit(const ApplyState *state, const RestartUnit *unit)
{
    return find_unit(state, unit);
}

/* --- the file --- */

static void file_path(const Context *context, const char *fleet, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s" APPLY_STATE_FOLDER "%s%s%s", context->root, *fleet ? "/" : "",
             fleet, *fleet ? ".json" : "");
}

static int read_units(struct json_object *array, Reason *reason, ApplyState *ret)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_length(array); i++) {
        struct json_object *object = json_object_array_get_idx(array, i);
        const char *machine = json_text(json_object_object_get(object, "machine"));
        const char *unit = json_text(json_object_object_get(object, "unit"));

        if (!machine || !machine_name_valid(machine) || !unit || !unit_name_valid(unit))
            return reason_set(reason, OUTCOME_MALFORMED, "a unit is not a machine and a unit");
        r = add_unit(ret, machine, unit,
                     json_object_get_boolean(json_object_object_get(object, "begun")));
    }
    return r;
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
        r = read_units(json_object_object_get(object, "units"), reason, &state);
    if (r == 0)
        *ret = TAKE(state);
    return r;
}

int apply_state_write(const Context *context, const char *fleet, const ApplyState *state,
                      Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *units = json_object_new_array();
    _cleanup_(bytes_done) Bytes text = {0};
    char path[PATH_MAX];
    int r;

    for (size_t i = 0; i < state->unit_count; i++) {
        struct json_object *unit = json_object_new_object();

        json_add_text(unit, "machine", state->units[i].machine);
        json_add_text(unit, "unit", state->units[i].name);
        if (state->units[i].begun)
            json_add(unit, "begun", json_object_new_boolean(true));
        json_append(units, unit);
    }
    json_add_number(object, "version", VERSION);
    json_add(object, "applied", value_changes_to_json(&state->applied));
    json_add(object, "begun", value_changes_to_json(&state->begun));
    json_add(object, "units", units);
    r = json_print(object, &text);
    if (r != 0)
        return r;
    file_path(context, "", path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make %s", path);
    file_path(context, fleet, path);
    return file_write(path, bytes_view(&text), 0600, true, reason);
}
