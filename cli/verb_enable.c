/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds enable: a machine gets its credentials when it starts.
 *
 * They are added to the machine's policy, which the broker's own parser has to take before it is
 * put in place; the service manager reads its units anew, so that nspawn-creds-generator(8) writes
 * the drop-in; and the broker's sockets are enabled. All of it may be so already: then nothing
 * happens.
 *
 * A policy that another place than /etc has stays what it is: the credentials then go into a
 * drop-in, for a file of the same name in /etc would hide it.
 */

#include "base/fsutil.h"
#include "base/json.h"
#include "base/rewrite.h"
#include "enabling.h"
#include "output.h"
#include "policy/policy_file.h"
#include "policy/policy_load.h"
#include "store/store.h"

#include <errno.h>
#include <string.h>

#define POLICY_FILE_MODE ((mode_t)0644)

typedef struct Enabling {
    const Context *context;
    const char *machine;
    Policy *policy; /* as it is; NULL if there is none */
    CredentialName *names;
    size_t count; /* those that the policy does not have yet */
    char *path;   /* of the file that gets them */
} Enabling;

static void enabling_done(Enabling *enabling)
{
    policy_unref(enabling->policy);
    free(enabling->names);
    free(enabling->path);
}

/* --- which --- */

static int add_name(Enabling *enabling, const char *id, Reason *reason)
{
    CredentialName name;
    int r = credential_name_new(enabling->machine, id, reason, &name);

    if (r != 0)
        return r;
    if (!policy_id_valid(id))
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "\"%.80s\" cannot stand in a policy: ids there have letters, digits and "
                          "-_.+@,=~",
                          id);
    if (enabling->policy && policy_find(enabling->policy, id))
        return 0;
    for (size_t i = 0; i < enabling->count; i++)
        if (strcmp(enabling->names[i].id, id) == 0)
            return 0;
    enabling->names[enabling->count++] = name;
    return 0;
}

/* A remark where there is nothing to give yet. */
static void look_for(const Store *store, const CredentialName *name)
{
    _cleanup_(bytes_done) Bytes file = {0};

    if (!store || store_read(store, name, NULL, &file) == OUTCOME_NOT_FOUND)
        output_note("The store has no %s@%s yet. Give it a value with: nspawn-creds set %s@%s",
                    name->machine, name->id, name->machine, name->id);
}

static int add_named(Enabling *enabling, char **ids, const Store *store, Reason *reason)
{
    size_t count = 0;
    int r = 0;

    while (ids[count])
        count++;
    enabling->names = calloc(count, sizeof(enabling->names[0]));
    if (!enabling->names)
        return -ENOMEM;
    for (; r == 0 && *ids; ids++)
        r = add_name(enabling, *ids, reason);
    for (size_t i = 0; r == 0 && i < enabling->count; i++)
        look_for(store, &enabling->names[i]);
    return r;
}

static int add_stored(Enabling *enabling, const Store *store, Reason *reason)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;
    int r = store_list(store, enabling->machine, reason, &entries, &count);

    if (r != 0)
        return r;
    if (count == 0 && !enabling->policy)
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "the store has no credential of machine \"%s\", and none is named",
                          enabling->machine);
    enabling->names = calloc(count + 1, sizeof(enabling->names[0]));
    if (!enabling->names)
        return -ENOMEM;
    /* the last written comes first */
    for (size_t i = count; r == 0 && i-- > 0;)
        r = add_name(enabling, entries[i].name.id, reason);
    return r;
}

/* --- the policy --- */

static int load(Enabling *enabling, Reason *reason)
{
    PolicyFault fault = {0};
    int r = policy_load(enabling->context, enabling->machine, &fault, NULL, &enabling->policy);

    if (r == OUTCOME_NOT_FOUND)
        return 0;
    return r == 0 ? 0 : policy_fault_reason(&fault, r, reason);
}

/* Which file is written, and what it has; none is like an empty object. */
static int read_file(Enabling *enabling, Reason *reason, Bytes *ret)
{
    int r = enabling_file(enabling->machine, &enabling->path);

    if (r != 0)
        return r;
    r = rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret);
    if (r != -ENOENT || !enabling->policy)
        return r;
    free(enabling->path);
    enabling->path = NULL;
    r = enabling_drop_in(enabling->machine, &enabling->path);
    return r == 0 ? rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret) : r;
}

static int extend(const Enabling *enabling, BytesView before, Reason *reason, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *root = NULL;
    struct json_object *credentials;
    const char *text;
    int r = 0;

    if (before.size > 0)
        r = json_parse(before, LIMIT_JSON_DEPTH, reason, &root);
    else if (!(root = json_object_new_object()))
        r = -ENOMEM;
    if (r != 0)
        return r;
    if (!json_object_object_get_ex(root, "credentials", &credentials)) {
        credentials = json_object_new_object();
        if (!json_add(root, "credentials", credentials))
            return -ENOMEM;
    }
    for (size_t i = 0; i < enabling->count; i++) {
        struct json_object *credential = json_object_new_object();

        if (!json_add(credential, "store", json_object_new_boolean(true)) ||
            !json_add(credentials, enabling->names[i].id, credential))
            return -ENOMEM;
    }
    text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                    JSON_C_TO_STRING_NOSLASHESCAPE);
    if (!text)
        return -ENOMEM;
    ret->size = strlen(text) + 1;
    ret->data = malloc(ret->size);
    if (!ret->data)
        return -ENOMEM;
    memcpy(ret->data, text, ret->size - 1);
    ret->data[ret->size - 1] = '\n';
    return 0;
}

/* As the broker will read it. */
static int validate(const Enabling *enabling, BytesView text, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    int r = policy_new(enabling->machine, enabling->path, &fault, &policy);

    if (r == 0)
        r = policy_file_parse(text, enabling->path, policy, &fault);
    return r == 0 ? 0 : policy_fault_reason(&fault, r, reason);
}

static int write_policy(Enabling *enabling, const Options *options, Reason *reason)
{
    _cleanup_(bytes_done) Bytes before = {0}, after = {0};
    int r = read_file(enabling, reason, &before);
    bool is_new = r == -ENOENT;

    if (r == 0 && before.size == 0)
        r = confirm(options, reason,
                    "%s is empty, which hides policies of this machine in other places. Fill it?",
                    enabling->path);
    if (r != 0 && !is_new)
        return r;
    r = extend(enabling, bytes_view(&before), reason, &after);
    if (r == 0)
        r = validate(enabling, bytes_view(&after), reason);
    if (r == 0 && is_new)
        r = enabling_make_folder(enabling->path, reason);
    if (r != 0)
        return r;
    if (is_new)
        return file_write(enabling->path, bytes_view(&after),
                          (FileOwnership){POLICY_FILE_MODE, (gid_t)-1}, false, reason);
    return rewrite_write(enabling->path, bytes_view(&before), bytes_view(&after), reason);
}

static void say_added(const Enabling *enabling)
{
    printf("Added to %s:", enabling->path);
    for (size_t i = 0; i < enabling->count; i++)
        printf("%s %s", i > 0 ? "," : "", enabling->names[i].id);
    printf(".\n");
}

/* --- the units --- */

static int enable_sockets(Manager *manager, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ENABLING_SOCKETS; i++) {
        bool changed = false;

        r = manager_enable_socket(manager, enabling_sockets[i], ENABLING_BROKER, reason, &changed);
        if (changed)
            printf("Enabled %s.\n", enabling_sockets[i]);
    }
    return r;
}

/* Whether the machine's unit asks for what was added. */
static bool is_in_effect(Manager *manager, const Enabling *enabling, const char *unit)
{
    _cleanup_(manager_service_done) ManagerService service = {0};

    if (manager_service(manager, unit, NULL, &service) != 0)
        return false;
    for (size_t i = 0; i < enabling->count; i++) {
        char **pair = service.credentials;

        while (*pair && strcmp(pair[0], enabling->names[i].id) != 0)
            pair += 2;
        if (!*pair)
            return false;
    }
    return true;
}

static void say_next(Manager *manager, const Enabling *enabling)
{
    const char *machine = enabling->machine;
    ManagerUnit state;
    char unit[128];

    snprintf(unit, sizeof(unit), "systemd-nspawn@%s.service", machine);
    if (!is_in_effect(manager, enabling, unit))
        output_note("%s does not ask for them yet. Why: nspawn-creds doctor %s", unit, machine);
    else if (manager_unit(manager, unit, NULL, &state) == 0 && strcmp(state.active, "active") == 0)
        printf("%s runs, and has them when it is started again: systemctl restart %s\n", machine,
               unit);
    else
        printf("Its next start has them: machinectl start %s\n", machine);
}

static int take_effect(const Enabling *enabling, Reason *reason)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r = manager_new(reason, &manager);

    if (r == 0)
        r = manager_reload(manager, reason);
    if (r == 0)
        r = enable_sockets(manager, reason);
    if (r == 0)
        say_next(manager, enabling);
    return r;
}

/* What is to be enabled: the policy as it is, and what it lacks. */
static int find(Enabling *enabling, char **ids, Reason *reason)
{
    _cleanup_(store_freep) Store *store = NULL;
    int r;

    if (!machine_name_valid(enabling->machine))
        return reason_set(reason, OUTCOME_INVALID_NAME, "\"%.80s\" is not a machine's name",
                          enabling->machine);
    r = load(enabling, reason);
    if (r == 0)
        r = store_new(STORE_DEFAULT_PATH, reason, &store);
    if (r == -ENOENT && *ids)
        r = 0; /* nothing was sealed yet */
    if (r != 0)
        return r;
    return *ids ? add_named(enabling, ids, store, reason) : add_stored(enabling, store, reason);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(enabling_done) Enabling enabling = {.context = context, .machine = arguments[0]};
    Reason reason = {0};
    int r = find(&enabling, arguments + 1, &reason);

    if (r == 0 && enabling.count > 0)
        r = write_policy(&enabling, options, &reason);
    if (r == 0 && enabling.count > 0)
        say_added(&enabling);
    else if (r == 0)
        printf("The policy of %s has them already.\n", enabling.machine);
    if (r == 0)
        r = take_effect(&enabling, &reason);
    return r == 0 ? 0 : output_error(r, enabling.machine, &reason);
}

const Verb verb_enable = {
    .name = "enable",
    .arguments = "MACHINE [ID...]",
    .summary = "Give a machine its credentials when it starts",
    .details = "Adds those that are named, or all that the store has for it, to its policy, "
               "/etc/nspawn-creds/MACHINE.json,\nand has the service manager read its units anew. "
               "What is in the policy stays. Enables the\nbroker's sockets. It may be called "
               "again at any time.",
    .options = OPTION_NO_ASK,
    .arguments_min = 1,
    .arguments_max = ARGUMENTS_ANY,
    .run = run,
};
