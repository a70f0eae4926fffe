/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/long_option.h"

#include "base/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Prints which one of TABLE was probably meant by WORD, which may go on with "=". */
static void suggest(const char *word, const struct option *table)
{
    char name[NEAREST_BYTES];
    Nearest nearest = {.wanted = name};

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    for (const struct option *option = table; option->name; option++)
        nearest_offer(&nearest, option->name);
    if (nearest.name[0])
        fprintf(stderr, "%s: did you mean '--%s'?\n", program_invocation_short_name, nearest.name);
}

int long_option_next(int argc, char *const argv[], const char *short_options,
                     const struct option *table)
{
    int index = -1, c = getopt_long(argc, argv, short_options, table, &index);
    const char *word, *name;

    if (c == '?' && optopt == 0 && strncmp(argv[optind - 1], "--", 2) == 0)
        suggest(argv[optind - 1] + 2, table);
    if (c < 0 || c == '?' || index < 0)
        return c;
    /* the argument of "--name ARGUMENT" is a word of its own */
    word = argv[optind - 1] == optarg ? argv[optind - 2] : argv[optind - 1];
    name = table[index].name;
    if (strcspn(word, "=") == strlen("--") + strlen(name))
        return c;
    fprintf(stderr, "%s: unrecognized option '%.*s'; did you mean '--%s'?\n",
            program_invocation_short_name, (int)strcspn(word, "="), word, name);
    return '?';
}
