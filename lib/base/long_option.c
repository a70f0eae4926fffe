/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/long_option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int long_option_next(int argc, char *const argv[], const char *short_options,
                     const struct option *table)
{
    int index = -1, c = getopt_long(argc, argv, short_options, table, &index);
    const char *word, *name;

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
