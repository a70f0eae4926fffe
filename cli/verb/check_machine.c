/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/check_machine.h"

#include "client/broker_check.h"
#include "doctor/doctor.h"
#include "hint.h"
#include "terminal/fields.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <errno.h>
#include <string.h>

typedef struct MachineCheck {
    const Context *context;
    const Options *options;
    const char *machine;
    Policy *policy; /* NULL if it has none, or an invalid one, which the broker reports */
    char unit[MANAGER_UNIT_BYTES];
    ManagerService service;      /* .credentials is NULL if the unit was not looked at */
    struct json_object *checked; /* what the broker says; "requested": what the unit does */
} MachineCheck;

static void machine_check_done(MachineCheck *check)
{
    policy_unref(check->policy);
    manager_service_done(&check->service);
    json_object_put(check->checked);
}

/* --- the unit --- */

/* Where no service manager can be reached, as in a container, only the broker is asked. */
static void look_at_unit(MachineCheck *check)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    Reason reason = {0};
    ManagerUnit state;
    int r = manager_new(NULL, &reason, &manager);

    if (r == 0)
        r = manager_find_unit(manager, check->machine, &reason, check->unit, &state,
                              &check->service);
    if (r != 0)
        output_note("The unit of %s was not looked at: %s", check->machine, reason.text);
}

static bool has_id(struct json_object *checked, const char *id)
{
    for (size_t i = 0; i < json_length(checked); i++)
        if (strcmp(varlink_text(json_object_array_get_idx(checked, i), "credential"), id) == 0)
            return true;
    return false;
}

/* Says of each credential in the policy whether the unit asks for it. */
static void add_requested(const MachineCheck *check)
{
    for (size_t i = 0; check->service.credentials && i < json_length(check->checked); i++) {
        struct json_object *checked = json_object_array_get_idx(check->checked, i);
        const PolicyCredential *credential =
            check->policy ? policy_find(check->policy, varlink_text(checked, "credential")) : NULL;

        json_add(
            checked, "requested",
            json_object_new_boolean(
                !credential || manager_service_asks(&check->service, check->machine, credential)));
    }
}

/* --- what both say --- */

/* Checks the policy's credentials, and any others that the unit asks the broker for. */
static int collect(MachineCheck *check, Reason *reason)
{
    BrokerCheck wanted = {.context = check->context, .machine = check->machine};
    int r = broker_check(CLIENT_DEFAULT_PATH, &wanted, &terminal_observer, reason, check->checked);

    if (r == OUTCOME_NOT_FOUND) /* it has no policy */
        r = 0;
    for (char **pair = check->service.credentials; r == 0 && pair && *pair; pair += 2) {
        wanted.id = pair[0];
        if (strcmp(pair[1], BROKER_SOCKET) == 0 && !has_id(check->checked, wanted.id))
            r = broker_check(CLIENT_DEFAULT_PATH, &wanted, &terminal_observer, reason,
                             check->checked);
    }
    if (r == 0 && json_length(check->checked) == 0)
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "%s has no policy, and its unit asks for no credential", check->machine);
    return r;
}

/* Whether the machine gets CHECKED. */
static bool is_right(struct json_object *checked)
{
    struct json_object *requested = NULL;
    Reason reason;

    json_object_object_get_ex(checked, "requested", &requested);
    return broker_check_outcome(checked, &reason) == 0 &&
           (!requested || json_object_get_boolean(requested));
}

/* --- printing --- */

static void state(struct json_object *checked, FILE *stream)
{
    struct json_object *requested = NULL;

    if (strcmp(varlink_text(checked, "outcome"), outcome_name(0)) != 0)
        fputs(varlink_text(checked, "outcome"), stream);
    else if (json_object_object_get_ex(checked, "requested", &requested) &&
             !json_object_get_boolean(requested))
        fputs("not requested", stream);
    else
        fputs(varlink_flag(checked, "willBeGenerated") ? "will be generated" : "ok", stream);
    if (varlink_text(checked, "fleet")) {
        fputs(", fleet ", stream);
        field_fleet(checked, stream);
    }
}

static void print_problem(const MachineCheck *check, struct json_object *checked)
{
    char name[CREDENTIAL_NAME_TEXT_BYTES];
    Reason reason;
    int rc = broker_check_outcome(checked, &reason);

    snprintf(name, sizeof(name), "%s@%s", check->machine, varlink_text(checked, "credential"));
    if (rc != 0)
        output_error(rc, name, &reason);
    else if (!is_right(checked))
        output_note("%s: %s does not ask for it. Load the units again: systemctl daemon-reload. "
                    "If that does not help: nspawn-creds doctor %s",
                    name, check->unit, check->machine);
}

/* Prints the table, and how much of what a unit may have the machine gets, if it starts. */
static void print(const MachineCheck *check)
{
    static const Field fields[] = {{"MACHINE", "/machine", NULL},
                                   {"CREDENTIAL", "/credential", NULL},
                                   {"DELIVERY", "/delivery", NULL},
                                   {"VALUE", "/size", field_bytes},
                                   {"STATE", "", state},
                                   {0}};
    int64_t total = 0;
    bool starts = true;

    fields_print_table(
        &(FieldTable){.fields = fields, .legend = true, .fit = !check->options->full},
        check->checked);
    for (size_t i = 0; i < json_length(check->checked); i++) {
        struct json_object *checked = json_object_array_get_idx(check->checked, i);
        struct json_object *so_far = json_object_object_get(checked, "total");

        if (strcmp(varlink_text(checked, "delivery"), "live") == 0)
            continue;
        starts = starts && is_right(checked);
        if (so_far)
            total = json_object_get_int64(so_far);
    }
    if (check->policy && starts && total > 0)
        output_line(stdout, "At its start %s gets %lld bytes, ids included, of at most %zu.",
                    check->machine, (long long)total, LIMIT_PLAINTEXT_BYTES);
}

static void on_name(void *any, const char *)
{
    *(bool *)any = true;
}

/* Checks MACHINE, and prints the result or appends it to ALL (NULL without JSON). Sets RET_RIGHT to
 * false if something is wrong. */
static int check_one(const Context *context, const Options *options, const char *machine,
                     struct json_object *all, bool *ret_right)
{
    _cleanup_(machine_check_done) MachineCheck check = {.context = context,
                                                        .options = options,
                                                        .machine = machine,
                                                        .checked = json_object_new_array()};
    PolicyFault fault = {0};
    Reason reason = {0};
    bool stored = false;
    int r = machine_name_check(machine, &reason);

    if (r == 0) {
        look_at_unit(&check);
        r = collect(&check, &reason);
    }
    if (r == 0 && policy_load(context, machine, &fault, &check.policy) < 0)
        r = -ENOMEM;
    if (r == OUTCOME_NOT_FOUND)
        hint_names(context, options, machine, on_name, &stored);
    if (stored)
        reason_set(&reason, 0,
                   "%s has no policy, and its unit asks for no credential. To deliver what the "
                   "store holds: nspawn-creds enable %s",
                   machine, machine);
    if (r != 0)
        return hint_error(context, options, r, machine, &reason);
    add_requested(&check);
    if (!all)
        print(&check);
    for (size_t i = 0; i < json_length(check.checked); i++) {
        struct json_object *checked = json_object_array_get_idx(check.checked, i);

        print_problem(&check, checked);
        *ret_right = *ret_right && is_right(checked);
        if (all)
            json_append(all, json_object_get(checked));
    }
    return 0;
}

int check_machines(const Context *context, const Options *options, char **machines)
{
    _cleanup_(json_object_putp) struct json_object *all =
        options->json == JSON_OFF ? NULL : json_object_new_array();
    bool right = true;
    int r = 0;

    for (; r == 0 && *machines; machines++)
        r = check_one(context, options, *machines, all, &right);
    if (r != 0)
        return r;
    if (all)
        output_json(TAKE_PTR(all), options->json);
    return right ? 0 : OUTCOME_PROBLEMS;
}
