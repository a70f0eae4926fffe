/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds complete: prints the names that the files in completions/ offer, one a line.
 *
 * Machines and credentials are those of the store and of the policies, as far as the user may read
 * them. It silently offers nothing for the rest.
 *
 * A shell may put a candidate into the command line as it is. Credential ids are file names, and
 * may contain characters that a shell expands, so only names made of harmless characters are
 * printed.
 */

#include "policy/policy_load.h"
#include "store/store.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <string.h>

/* The other characters that an id may contain. Not "~" and "=", which shells expand. */
#define HARMLESS_MARKS "-_.+@,"

typedef enum Wanted { MACHINES, NAMES, IDS } Wanted;

static void print_id(Wanted wanted, const char *machine, const char *id)
{
    if (!name_made_of(id, HARMLESS_MARKS))
        return;
    if (wanted == IDS)
        puts(id);
    else
        printf("%s@%s\n", machine, id);
}

/* What STORE holds for MACHINE; without STORE what its policy lists. */
static void print_names(const Context *context, const Store *store, Wanted wanted,
                        const char *machine)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    _cleanup_(freep) StoreEntry *entries = NULL;
    PolicyFault fault;
    size_t count = 0;

    if (wanted == MACHINES)
        puts(machine);
    else if (store && store_list(store, machine, NULL, &entries, &count) == 0)
        for (size_t i = 0; i < count; i++)
            print_id(wanted, machine, entries[i].name.id);
    else if (!store && policy_load(context, machine, &fault, &policy) == 0)
        for (size_t i = 0; i < policy->count; i++)
            print_id(wanted, machine, policy->credentials[i].id);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    static const char *const words[] = {[MACHINES] = "machines", [NAMES] = "names", [IDS] = "ids"};
    _cleanup_(strings_freep) char **machines = NULL, **stored = NULL;
    _cleanup_(store_freep) Store *store = NULL;
    const char *machine = arguments[1];
    Reason reason = {0};
    Wanted wanted = 0;
    int r;

    while (wanted <= IDS && strcmp(arguments[0], words[wanted]) != 0)
        wanted++;
    if (wanted > IDS || (wanted == IDS) != (machine != NULL))
        return output_error(
            reason_set(&reason, OUTCOME_USAGE, "complete takes machines, names or ids MACHINE"),
            NULL, &reason);
    (void)(options->store ? store_new(options->store, NULL, &store)
                          : store_open_installed(options->host->store, NULL, &store));
    if (machine && machine_name_valid(machine)) {
        print_names(context, NULL, wanted, machine);
        if (store)
            print_names(context, store, wanted, machine);
    }
    if (machine)
        return 0;
    r = policy_machines(context, NULL, NULL, &machines);
    if (r != 0)
        return r;
    for (char **found = machines; *found; found++)
        print_names(context, NULL, wanted, *found);
    if (store && store_machines(store, NULL, &stored) == 0)
        for (char **found = stored; *found; found++)
            print_names(context, store, wanted, *found);
    return 0;
}

const Verb verb_complete = {
    .name = "complete",
    .arguments = "machines|names|ids [MACHINE]",
    .summary = "Print names for the completions of shells",
    .details = "Only names that are harmless in a shell are printed.",
    .options = OPTION_STORE,
    .hidden = true,
    .run = run,
};
