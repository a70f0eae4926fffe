/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds check: checks policy files, which it reads as the broker does, or machines
 * (verb/check_machine.h).
 *
 * Files are combined by machine, according to their names: MACHINE.json and the drop-ins in
 * MACHINE.json.d. Without arguments the policies of this host are checked. References of a drop-in
 * without its main file, and shares with an unknown machine, only cause warnings.
 */

#include "base/array.h"
#include "doctor/broker_access.h"
#include "policy/policy_load.h"
#include "terminal/output.h"
#include "verb/check_machine.h"
#include "verb/verb.h"

#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <string.h>

/* The files of a machine. */
typedef struct Group {
    Policy *policy;
    bool has_main; /* not only drop-ins */
    bool broken;   /* one of them is not valid */
} Group;

typedef struct Check {
    JsonMode json;
    struct json_object *faults;
    Group *groups;
    size_t count;
    bool partial; /* there may be more machines than groups */
    bool failed;
} Check;

static void check_done(Check *check)
{
    for (size_t i = 0; i < check->count; i++)
        policy_unref(check->groups[i].policy);
    free(check->groups);
    json_object_put(check->faults);
}

static void report(Check *check, const PolicyFault *fault, bool error)
{
    bool located = fault->position.line > 0;

    check->failed = check->failed || error;
    if (check->json == JSON_OFF) {
        char position[64] = "";

        if (located)
            snprintf(position, sizeof(position), "%zu:%zu:", fault->position.line,
                     fault->position.column);
        output_line(stdout, "%s:%s %s%s", fault->file, position,
                    error ? "" : "warning: ", fault->what.text);
    } else {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "level", error ? "error" : "warning");
        json_add_text(object, "file", fault->file);
        if (located) {
            json_add(object, "line", json_object_new_uint64(fault->position.line));
            json_add(object, "column", json_object_new_uint64(fault->position.column));
        }
        json_add_text(object, "message", fault->what.text);
        json_object_array_add(check->faults, object);
    }
}

/* --- files --- */

/* Finds the machine in PATH: MACHINE.json, or MACHINE.json.d/NAME.json. */
static bool split_path(const char *path, char machine[NAME_MAX + 1], bool *ret_main)
{
    _cleanup_(regfree) regex_t pattern;
    regmatch_t found[4];
    int length;

    if (regcomp(&pattern, "(^|/)([^/]+)\\.json(\\.d/[^/]+\\.json)?$", REG_EXTENDED) != 0)
        abort();
    if (regexec(&pattern, path, 4, found, 0) != 0)
        return false;
    length = found[2].rm_eo - found[2].rm_so;
    snprintf(machine, NAME_MAX + 1, "%.*s", length, path + found[2].rm_so);
    *ret_main = found[3].rm_so < 0;
    return length <= NAME_MAX;
}

static Group *find_group(Check *check, const char *machine)
{
    for (size_t i = 0; i < check->count; i++)
        if (strcmp(check->groups[i].policy->machine, machine) == 0)
            return &check->groups[i];
    return NULL;
}

static int name_fault(PolicyFault *fault, const char *path, const char *what)
{
    return policy_fault_set(fault, OUTCOME_BAD_POLICY, path, (JsonPosition){0}, "%s", what);
}

static int add_file(Check *check, const char *path, PolicyFault *fault)
{
    _cleanup_(bytes_done) Bytes text = {0};
    char machine[NAME_MAX + 1];
    Group *group;
    bool is_main;
    int r;

    if (!split_path(path, machine, &is_main))
        return name_fault(fault, path,
                          "a policy must be named MACHINE.json or MACHINE.json.d/NAME.json");
    r = policy_file_read(path, fault, &text);
    if (r == OUTCOME_NOT_FOUND)
        return name_fault(fault, path, strerror(ENOENT));
    if (r != 0)
        return r;
    group = find_group(check, machine);
    if (!group) {
        if (!ARRAY_GROW(check->groups, check->count))
            return -ENOMEM;
        group = &check->groups[check->count];
        *group = (Group){0};
        r = policy_new(machine, path, fault, &group->policy);
        if (r != 0)
            return r;
        check->count++;
    }
    if (is_main && group->has_main)
        return name_fault(fault, path, "this machine's policy was given twice");
    group->has_main = group->has_main || is_main;
    /* an empty file hides others */
    if (text.size > 0)
        r = policy_file_parse(bytes_view(&text), path, group->policy, fault);
    group->broken = group->broken || r != 0;
    return r;
}

/* Sorts a machine's main file before its drop-ins, and those by name. */
static int compare_paths(const void *left, const void *right)
{
    const char *a = *(char *const *)left, *b = *(char *const *)right;
    char machine[NAME_MAX + 1];
    bool main_a, main_b;

    if (!split_path(a, machine, &main_a) || !split_path(b, machine, &main_b))
        return strcmp(a, b);
    if (main_a != main_b)
        return main_a ? -1 : 1;
    return strcmp(basename(a), basename(b));
}

static int add_files(Check *check, char **paths)
{
    size_t count = 0;
    int r = 0;

    while (paths[count])
        count++;
    qsort(paths, count, sizeof(paths[0]), compare_paths);
    for (size_t i = 0; r == 0 && i < count; i++) {
        PolicyFault fault = {0};

        r = add_file(check, paths[i], &fault);
        if (r == OUTCOME_BAD_POLICY) {
            report(check, &fault, true);
            r = 0;
        }
    }
    return r;
}

/* --- this host --- */

/* Root can read what the broker cannot. */
static void check_access(Check *check, const Policy *policy)
{
    for (size_t i = 0; i < policy->file_count; i++) {
        const char *file = policy->files[i].name;
        const char *why;
        PolicyFault fault = {0};
        BrokerAccess access;

        if (broker_access_policy_file(file, &access))
            continue;
        /* report() names the file, too */
        why = strncmp(access.why, file, strlen(file)) == 0 ? access.why + strlen(file) + 1
                                                           : access.why;
        policy_fault_set(&fault, OUTCOME_BAD_POLICY, file, (JsonPosition){0}, "%s%s%s", why,
                         access.command[0] ? ". Fix it: " : "", access.command);
        report(check, &fault, true);
    }
}

static int add_machines(Check *check, const Context *context)
{
    _cleanup_(strings_freep) char **machines = NULL;
    PolicyFault missing = {0};
    int r = policy_machines(context, &missing, NULL, &machines);

    if (r != 0)
        return r;
    if (missing.file[0])
        report(check, &missing, true);
    for (size_t i = 0; machines[i]; i++) {
        PolicyFault fault = {0};
        Group *group;

        if (!ARRAY_GROW(check->groups, check->count))
            return -ENOMEM;
        group = &check->groups[check->count];
        *group = (Group){.has_main = true};
        r = policy_load(context, machines[i], &fault, &group->policy);
        if (r < 0)
            return r;
        if (r == OUTCOME_BAD_POLICY)
            report(check, &fault, true);
        if (r == 0)
            check_access(check, group->policy);
        check->count += r == 0;
    }
    return 0;
}

/* --- what they say together --- */

static const Policy *look_up(void *userdata, const char *machine)
{
    Group *group = find_group(userdata, machine);

    return group && group->has_main && !group->broken ? group->policy : NULL;
}

static void warn_of_strangers(Check *check, const Policy *policy)
{
    for (size_t i = 0; i < policy->count; i++) {
        const PolicyCredential *credential = &policy->credentials[i];
        PolicyFault fault;
        CredentialName name;

        if (credential->source != POLICY_SHARE ||
            credential_name_parse(credential->text, NULL, &name) != 0 ||
            strcmp(name.machine, policy->machine) == 0 || look_up(check, name.machine))
            continue;
        policy_fault_set(
            &fault, 0, policy->files[credential->file].name, policy_position(policy, credential),
            "\"%s\" is a share with %s, whose policy was not given", credential->id, name.machine);
        report(check, &fault, false);
    }
}

static void check_groups(Check *check)
{
    for (size_t i = 0; i < check->count; i++) {
        const Group *group = &check->groups[i];
        PolicyFault fault = {0};

        if (group->broken)
            continue;
        if (policy_check(group->policy, look_up, check, &fault) != 0)
            report(check, &fault, group->has_main);
        if (check->partial)
            warn_of_strangers(check, group->policy);
    }
}

/* Whether ARGUMENT is not a file: a policy's name ends with ".json". */
static bool is_machine(const char *argument)
{
    const char *end = strrchr(argument, '.');

    return !strchr(argument, '/') && (!end || strcmp(end, ".json") != 0);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(check_done) Check check = {.json = options->json, .partial = arguments[0] != NULL};
    Reason reason = {0};
    size_t machines = 0, count = 0;
    int r;

    for (; arguments[count]; count++)
        machines += is_machine(arguments[count]);
    if (machines > 0 && machines < count)
        return output_error(reason_set(&reason, OUTCOME_USAGE,
                                       "name either machines or files, whose names end with .json"),
                            NULL, &reason);
    if (machines > 0)
        return check_machines(context, options, arguments);
    check.faults = json_object_new_array();
    r = arguments[0] ? add_files(&check, arguments) : add_machines(&check, context);
    if (r != 0)
        return output_error(r, NULL, &reason);
    check_groups(&check);
    if (check.json != JSON_OFF)
        output_json(json_object_get(check.faults), check.json);
    else if (!check.failed && check.count == 0)
        printf("There are no policies.\n");
    else if (!check.failed)
        printf("%zu %s valid.\n", check.count, check.count == 1 ? "policy is" : "policies are");
    return check.failed ? OUTCOME_BAD_POLICY : 0;
}

const Verb verb_check = {
    .name = "check",
    .arguments = "[MACHINE|FILE...]",
    .summary = "Check what machines would get, or policy files",
    .details = "For a MACHINE, asks the broker whether it would deliver now what the policy "
               "lists, and the service\nmanager whether the machine's unit asks for it. The exit "
               "status is 9 if something is wrong.\n\n"
               "Files are named MACHINE.json, and drop-ins MACHINE.json.d/NAME.json; "
               "those of one machine are\ncombined. Without FILE this host's policies are "
               "checked. Mistakes are printed as FILE:LINE:COLUMN\nwith an explanation, "
               "and the exit status is then 3. A share with a machine that is not among "
               "the\nfiles only causes a warning. See nspawn-creds-policy(5).",
    .options = OPTION_JSON | OPTION_FULL,
    .run = run,
};
