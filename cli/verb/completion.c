/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds completion: scripts for shells, and what they ask for while somebody types.
 *
 * Machines and credentials are those of the store and of policies, as far as this user may read
 * them: everybody may read policies. What cannot be read is silently not offered.
 */

#include "verb/completion.h"
#include "policy/policy_load.h"
#include "store/store.h"
#include "terminal/output.h"

#include <string.h>

static void print_policy(const Context *context, const char *machine, bool with_machine)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault;

    if (policy_load(context, machine, &fault, NULL, &policy) != 0)
        return;
    for (size_t i = 0; i < policy->count; i++)
        printf("%s%s%s\n", with_machine ? machine : "", with_machine ? "@" : "",
               policy->credentials[i].id);
}

static void print_stored(const Store *store, const char *machine, bool with_machine)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;

    if (!store || store_list(store, machine, NULL, &entries, &count) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        printf("%s%s%s\n", with_machine ? machine : "", with_machine ? "@" : "",
               entries[i].name.id);
}

/* The machines, or with NAMES their credentials. */
static int print_all(const Context *context, const Store *store, bool names)
{
    _cleanup_(policy_machines_freep) PolicyMachine *machines = NULL;
    _cleanup_(freep) MachineName *stored = NULL;
    size_t count = 0;
    int r = policy_machines(context, &machines);

    if (r != 0)
        return r;
    for (const PolicyMachine *machine = machines; machine->name; machine++)
        names ? print_policy(context, machine->name, true) : (void)puts(machine->name);
    if (store && store_machines(store, NULL, &stored, &count) != 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        names ? print_stored(store, stored[i].text, true) : (void)puts(stored[i].text);
    return 0;
}

/* For tests: what stands for an argument and is no row of the table in completion.c. */
static int print_unknown(void)
{
    Completion completion;
    OptionRow option;
    bool known = true;

    for (size_t i = 0; i < verb_count; i++)
        if (!completion_of(verbs[i]->arguments, &completion)) {
            printf("%s of %s\n", verbs[i]->arguments, verbs[i]->name);
            known = false;
        }
    for (size_t i = 0; options_row(i, &option); i++)
        if (option.argument && !completion_of(option.argument, &completion)) {
            printf("%s of --%s\n", option.argument, option.name);
            known = false;
        }
    return known ? 0 : OUTCOME_USAGE;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", completion_print_bash},
                  {"zsh", completion_print_zsh},
                  {"fish", completion_print_fish}};
    _cleanup_(store_freep) Store *store = NULL;
    const char *what = arguments[0];
    Reason reason = {0};

    (void)options;
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(what, shells[i].shell) == 0) {
            shells[i].print();
            return 0;
        }
    (void)store_new(STORE_DEFAULT_PATH, NULL, &store);
    if (strcmp(what, "machines") == 0 || strcmp(what, "names") == 0)
        return print_all(context, store, strcmp(what, "names") == 0);
    if (strcmp(what, "unknown") == 0)
        return print_unknown();
    if (strcmp(what, "ids") == 0 && arguments[1]) {
        print_policy(context, arguments[1], false);
        if (machine_name_valid(arguments[1]))
            print_stored(store, arguments[1], false);
        return 0;
    }
    reason_set(&reason, OUTCOME_USAGE, "there are completions for bash, zsh and fish");
    return output_error(OUTCOME_USAGE, NULL, &reason);
}

const Verb verb_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "Print completions for a shell",
    .details = "They come with the installation, made by this.",
    .options = 0,
    .arguments_min = 1,
    .arguments_max = 2,
    .hidden = true,
    .run = run,
};
