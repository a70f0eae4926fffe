/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Standard output as a terminal: colours and a pager, as systemd's programs have them.
 *
 * Only a terminal gets colours, also through the pager: no file, no pipe, no JSON. No secret goes
 * through the pager, which may keep it: verbs that print one do not call screen_page().
 */

#include "options.h"

#include <stddef.h>

typedef enum Colour {
    COLOUR_NONE,
    COLOUR_GOOD,
    COLOUR_WARNING,
    COLOUR_BAD,
    COLOUR_FAINT,
    COLOUR_TITLE,
    COLOUR_HEADING,
    _COLOUR_MAX,
} Colour;

/* Prints TEXT in COLOUR, if standard output gets colours. */
void screen_put(Colour colour, const char *text);

/* Whether somebody reads standard output on a terminal. */
bool screen_is_terminal(void);

/* The width of the terminal, in columns; 0 if standard output is none. */
size_t screen_columns(void);

/* Whether the terminal shows UTF-8. */
bool screen_is_utf8(void);

/* If it is a terminal, sends what is printed from now on through a pager, except with --no-pager.
 * Ctrl-C is the pager's then. */
void screen_page(const Options *options);

/* Waits until the pager, if there is one, is quit. Returns whether there was one; what it did not
 * read is nobody's loss. */
bool screen_finish(void);
