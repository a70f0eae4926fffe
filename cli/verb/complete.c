/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds complete: prints the names that the files in completions/ offer, one a line.
 *
 * Machines and credentials are those of the store and of the policies, as far as the user may read
 * them; hosts and secrets are those of a fleet's repository. It silently offers nothing for the
 * rest.
 *
 * A shell may put a candidate into the command line as it is. Credential ids are file names, and
 * may contain characters that a shell expands, so only names made of harmless characters are
 * printed.
 */

#include "fleet/repository.h"
#include "hint.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <string.h>

/* The other characters that an id may contain. Not "~" and "=", which shells expand. */
#define HARMLESS_MARKS "-_.+@,"

/* For whom print_id() prints ids. */
typedef struct Printing {
    const Context *context;
    const Options *options;
    const char *machine; /* NULL for ids alone */
} Printing;

static void print_machine(void *, const char *machine)
{
    puts(machine);
}

static void print_id(void *userdata, const char *id)
{
    const Printing *printing = userdata;

    if (name_made_of(id, HARMLESS_MARKS))
        printf("%s%s%s\n", printing->machine ? printing->machine : "", printing->machine ? "@" : "",
               id);
}

static void print_names(void *userdata, const char *machine)
{
    Printing printing = *(const Printing *)userdata;

    printing.machine = machine;
    hint_names(printing.context, printing.options, machine, print_id, &printing);
}

static void print_if_harmless(const char *name)
{
    if (name_made_of(name, HARMLESS_MARKS))
        puts(name);
}

/* Prints the names of the hosts, or of the SECRETS, of the fleet whose repository this is. */
static void print_fleet(const Options *options, bool secrets)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;

    if (repository_open(options->repository, false, NULL, &repository) != 0)
        return;
    for (size_t i = 0; secrets && i < repository.file.secret_count; i++)
        print_if_harmless(repository.file.secrets[i].name);
    for (size_t i = 0; !secrets && i < repository.host_count; i++)
        print_if_harmless(repository.hosts[i].name);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    Printing printing = {context, options, NULL};
    const char *wanted = arguments[0], *machine = arguments[1];
    Reason reason = {0};

    if (strcmp(wanted, "machines") == 0 && !machine)
        hint_names(context, options, NULL, print_machine, NULL);
    else if (strcmp(wanted, "names") == 0 && !machine)
        hint_names(context, options, NULL, print_names, &printing);
    else if (strcmp(wanted, "hosts") == 0 && !machine)
        print_fleet(options, false);
    else if (strcmp(wanted, "secrets") == 0 && !machine)
        print_fleet(options, true);
    else if (strcmp(wanted, "ids") != 0 || !machine)
        return output_error(reason_set(&reason, OUTCOME_USAGE,
                                       "complete takes machines, names, ids MACHINE, hosts or "
                                       "secrets"),
                            NULL, &reason);
    else
        hint_names(context, options, machine, print_id, &printing);
    return 0;
}

const Verb verb_complete = {
    .name = "complete",
    .arguments = "machines|names|ids|hosts|secrets [MACHINE]",
    .summary = "Print names for the completions of shells",
    .details = "Only names that are harmless in a shell are printed.",
    .options = OPTION_STORE | OPTION_REPOSITORY,
    .hidden = true,
    .run = run,
};
