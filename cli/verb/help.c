/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds help: what --help prints.
 */

#include "terminal/output.h"
#include "terminal/screen.h"
#include "verb/verb.h"

#include <string.h>

/* Each begins with the verb FIRST, in the order of verbs[]. */
static const struct {
    const Verb *first;
    const char *title;
} groups[] = {
    {&verb_set, "Everyday"},     {&verb_enable, "Delivery"},
    {&verb_check, "Diagnosis"},  {&verb_encrypt, "Files and hosts"},
    {&verb_fleet, "Many hosts"},
};

/* Where the text begins in the list of verbs. */
#define SUMMARY_COLUMN 31

static void print_heading(const char *text)
{
    putchar('\n');
    screen_put(COLOUR_HEADING, text);
    printf(":\n");
}

static void print_verb(const char *name, const Verb *verb)
{
    if (printf("  %-8s %-19s", name, verb->arguments) < SUMMARY_COLUMN)
        putchar(' ');
    else
        printf("\n%*s", SUMMARY_COLUMN, "");
    output_wrapped(SUMMARY_COLUMN, verb->summary);
}

static void print_all(void)
{
    const char *separator = "\nAliases: ";

    printf("nspawn-creds [OPTION...] VERB [ARGUMENT...]\n\n");
    screen_put(COLOUR_TITLE,
               "Seal secrets for systemd-nspawn containers in systemd's own credential format.");
    putchar('\n');
    for (const Verb *const *verb = verbs; *verb; verb++) {
        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
            if (groups[i].first == *verb)
                print_heading(groups[i].title);
        if (!(*verb)->hidden)
            print_verb((*verb)->name, *verb);
    }
    print_heading("Options");
    options_print_help(0);
    for (const VerbAlias *alias = verb_aliases; alias->name; alias++, separator = ", ")
        printf("%s%s (%s)", separator, alias->name, alias->verb->name);
    puts(".\n\"nspawn-creds help VERB\" describes a verb and its options. See also\n"
         "nspawn-creds(1).");
}

void help_print(const Options *options, const Verb *verb)
{
    screen_page(options);
    if (!verb) {
        print_all();
        return;
    }
    printf("nspawn-creds %s [OPTION...] %s\n\n", verb->name, verb->arguments);
    screen_put(COLOUR_TITLE, verb->summary);
    printf(".\n\n");
    output_wrapped(0, verb->details);
    if (verb->commands) {
        print_heading("Commands");
        for (const Verb *const *command = verb->commands; *command; command++)
            print_verb((*command)->name + strlen(verb->name) + 1, *command);
        printf("\n\"nspawn-creds %s COMMAND --help\" describes a command and its options.\n",
               verb->name);
    }
    print_heading("Options");
    options_print_help(verb->options);
}

static int run(const Context *, const Options *options, char **arguments)
{
    const Verb *verb = NULL;
    Reason reason = {0};

    if (arguments[0] && verb_need(arguments[0], &reason, &verb) != 0)
        return output_error(OUTCOME_USAGE, NULL, &reason);
    help_print(options, verb);
    return 0;
}

const Verb verb_help = {
    .name = "help",
    .arguments = "[VERB]",
    .summary = "Describe all verbs, or one and its options",
    .details = "The same as --help.",
    .run = run,
};
