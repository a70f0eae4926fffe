/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/shell_word.h"

#include <stdio.h>
#include <string.h>

static void add_word(ShellWord *word, size_t used, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_.+@,=/:";

    if (*text && text[strspn(text, plain)] == '\0') {
        snprintf(word->text + used, sizeof(word->text) - used, "%s", text);
        return;
    }
    word->text[used++] = '\'';
    for (; *text && used < sizeof(word->text) - 6; text++) {
        if (*text == '\'') {
            memcpy(word->text + used, "'\\'", 3);
            used += 3;
        }
        word->text[used++] = *text;
    }
    word->text[used++] = '\'';
    word->text[used] = '\0';
}

ShellWord shell_word(const char *text)
{
    ShellWord word;

    add_word(&word, 0, text);
    return word;
}

ShellWord shell_argument(const char *text)
{
    ShellWord word = {.text = "-- "};

    add_word(&word, *text == '-' ? 3 : 0, text);
    return word;
}
