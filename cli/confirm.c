/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking. See confirm.h.
 */

#include "confirm.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

int confirm(const Options *options, Reason *reason, const char *question, ...)
{
    char answer[16];
    va_list arguments;

    if (options->no_ask)
        return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return reason_set(reason, OUTCOME_USAGE,
                          "this is not done without being asked for: say --no-ask");
    va_start(arguments, question);
    vfprintf(stderr, question, arguments);
    va_end(arguments);
    fputs(" [y/N] ", stderr);
    if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
        return reason_set(reason, OUTCOME_USAGE, "not confirmed; nothing was done");
    return 0;
}
