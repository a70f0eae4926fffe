/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/long_option.h"

#include "base/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* WORD, which may go on with "=", is no option of TABLE; names the one that was probably meant. */
static int unknown(const char *word, const struct option *table, Reason *reason)
{
    char name[NEAREST_BYTES];
    Nearest nearest = {.wanted = name};

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    for (const struct option *option = table; option->name; option++)
        nearest_offer(&nearest, option->name);
    if (nearest.name[0])
        return reason_set(reason, '?', "unknown option '--%.80s'; did you mean '--%s'?", name,
                          nearest.name);
    return reason_set(reason, '?', "unknown option '--%.80s'; see %s --help", name,
                      program_invocation_short_name);
}

/* Explains why getopt_long() returned '?' after WORD. */
static int explain(const char *word, const char *letters, const struct option *table,
                   Reason *reason)
{
    const struct option *option = table;

    if (optopt == 0)
        return unknown(word + strlen("--"), table, reason);
    while (option->name && option->val != optopt)
        option++;
    if (strncmp(word, "--", strlen("--")) != 0 && strchr(letters, optopt))
        return reason_set(reason, '?', "option '-%c' needs a value", optopt);
    if (strncmp(word, "--", strlen("--")) != 0 || !option->name)
        return reason_set(reason, '?', "unknown option '-%c'; see %s --help", optopt,
                          program_invocation_short_name);
    return reason_set(reason, '?', "option '--%s' %s", option->name,
                      option->has_arg == no_argument ? "takes no value" : "needs a value");
}

int long_option_next(int argc, char *const argv[], const char *short_options,
                     const struct option *table, Reason *reason)
{
    int index = -1, c;
    const char *word, *name;

    opterr = 0;
    c = getopt_long(argc, argv, short_options, table, &index);
    if (c == '?')
        return explain(argv[optind - 1], short_options, table, reason);
    if (c < 0 || index < 0)
        return c;
    /* the argument of "--name ARGUMENT" is a word of its own */
    word = argv[optind - 1] == optarg ? argv[optind - 2] : argv[optind - 1];
    name = table[index].name;
    if (strcspn(word, "=") == strlen("--") + strlen(name))
        return c;
    return reason_set(reason, '?', "unknown option '%.*s'; did you mean '--%s'?",
                      (int)strcspn(word, "="), word, name);
}
