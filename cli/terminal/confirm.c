/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions. See confirm.h.
 */

#include "terminal/confirm.h"

#include "base/cleanup.h"
#include "terminal/safe_text.h"

#include <string.h>
#include <unistd.h>

static bool can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int confirm_possible(const Options *options, Reason *reason)
{
    return options->no_ask || can_ask()
               ? 0
               : reason_set(reason, OUTCOME_USAGE,
                            "there is no terminal to ask on. Use --no-ask to go ahead");
}

int confirm(const Options *options, Reason *reason, const char *question, ...)
{
    _cleanup_(freep) char *text = NULL;
    char answer[16];
    va_list arguments;

    if (options->no_ask)
        return 0;
    va_start(arguments, question);
    text = safe_text_format(question, arguments);
    va_end(arguments);
    if (!can_ask())
        return reason_set(reason, OUTCOME_USAGE,
                          "%s There is no terminal to ask on. Use --no-ask to go ahead", text);
    fprintf(stderr, "%s [y/N] ", text);
    if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
        return reason_set(reason, OUTCOME_USAGE, "not confirmed; nothing was changed");
    return 0;
}

char confirm_choice(const Options *options, const char *letters, const char *question)
{
    char answer[16];

    if (options->no_ask || !can_ask())
        return '\0';
    for (;;) {
        fprintf(stderr, "%s ", question);
        if (!fgets(answer, sizeof(answer), stdin))
            return '\0';
        if (answer[0] != '\0' && answer[1] == '\n' && strchr(letters, answer[0]))
            return answer[0];
    }
}
