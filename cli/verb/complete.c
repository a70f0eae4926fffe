/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds complete: prints the names that the files in completions/ offer, one a line.
 *
 * Machines and credentials are those of the store and of the policies, as far as the user may read
 * them. What cannot be read is silently not offered.
 *
 * A shell may put a candidate into the command line as it is. Credential ids are file names, and
 * may contain characters that a shell expands, so only names made of harmless characters are
 * printed.
 */

#include "policy/policy_load.h"
#include "store/store_installed.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <string.h>

/* What an id may contain besides letters and digits. Not "~" and "=", which shells expand. */
#define HARMLESS_MARKS "-_.+@,"

typedef struct Wanted {
    const Context *context;
    const Store *store; /* NULL if there is none */
    bool ids;           /* ID alone instead of MACHINE@ID */
} Wanted;

static void print_id(const Wanted *wanted, const char *machine, const char *id)
{
    if (!name_made_of(id, HARMLESS_MARKS))
        return;
    if (wanted->ids)
        puts(id);
    else
        printf("%s@%s\n", machine, id);
}

static void print_policy(const Wanted *wanted, const char *machine)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault;

    if (policy_load(wanted->context, machine, &fault, NULL, &policy) != 0)
        return;
    for (size_t i = 0; i < policy->count; i++)
        print_id(wanted, machine, policy->credentials[i].id);
}

static void print_stored(const Wanted *wanted, const char *machine)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;

    if (!wanted->store || store_list(wanted->store, machine, NULL, &entries, &count) != 0)
        return;
    for (size_t i = 0; i < count; i++)
        print_id(wanted, machine, entries[i].name.id);
}

/* The machines, or with NAMES their credentials. */
static int print_all(const Wanted *wanted, bool names)
{
    _cleanup_(policy_machines_freep) PolicyMachine *machines = NULL;
    _cleanup_(freep) MachineName *stored = NULL;
    size_t count = 0;
    int r = policy_machines(wanted->context, NULL, &machines);

    if (r != 0)
        return r;
    for (const PolicyMachine *machine = machines; machine->name; machine++)
        names ? print_policy(wanted, machine->name) : (void)puts(machine->name);
    if (!wanted->store || store_machines(wanted->store, NULL, &stored, &count) != 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        names ? print_stored(wanted, stored[i].text) : (void)puts(stored[i].text);
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(store_freep) Store *store = NULL;
    Wanted wanted = {.context = context};
    const char *what = arguments[0], *machine = arguments[1];
    Reason reason = {0};

    (void)(options->store ? store_new(options->store, NULL, &store)
                          : store_open_installed(options->host->store, NULL, &store));
    wanted.store = store;
    if (!machine && (strcmp(what, "machines") == 0 || strcmp(what, "names") == 0))
        return print_all(&wanted, strcmp(what, "names") == 0);
    if (strcmp(what, "ids") == 0 && machine) {
        wanted.ids = true;
        if (machine_name_valid(machine)) {
            print_policy(&wanted, machine);
            print_stored(&wanted, machine);
        }
        return 0;
    }
    reason_set(&reason, OUTCOME_USAGE, "complete takes machines, names or ids MACHINE");
    return output_error(OUTCOME_USAGE, NULL, &reason);
}

const Verb verb_complete = {
    .name = "complete",
    .arguments = "machines|names|ids [MACHINE]",
    .summary = "Print names for the completions of shells",
    .details = "Only names that are harmless in a shell are printed.",
    .options = OPTION_STORE,
    .arguments_min = 1,
    .arguments_max = 2,
    .hidden = true,
    .run = run,
};
