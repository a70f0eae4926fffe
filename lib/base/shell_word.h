/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Words of commands that are shown to be pasted into a shell. Names in the store are the broker's,
 * and file names may be anyone's, so that no command contains them as they are.
 */

typedef struct ShellWord {
    char text[2048];
} ShellWord;

/* Quotes TEXT as one word, as far as that is necessary. A text that is too long is cut. */
ShellWord shell_word(const char *text);

/* The same for an argument that may begin with "-": then it follows "--", and options have to stand
 * before it. */
ShellWord shell_argument(const char *text);
