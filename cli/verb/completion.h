/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Completions for shells, made of the tables of verbs and options and of nothing else: a verb or an
 * option that is new has them, with its row.
 *
 * What an argument stands for is told by the word that the help has for it: FILE, MACHINE@ID, KEY
 * and so on are rows of one table, in which each has a source: files, the machines or credentials
 * that there are, or words that can be told beforehand. A word in small letters stands for itself.
 */

#include "verb/verb.h"

typedef enum CompletionSource {
    COMPLETION_NOTHING,
    COMPLETION_FILES,
    COMPLETION_MACHINES, /* "nspawn-creds completion machines" prints them, */
    COMPLETION_NAMES,    /* "nspawn-creds completion names" these, MACHINE@ID */
    COMPLETION_IDS,      /* and "nspawn-creds completion ids MACHINE" these */
    COMPLETION_WORDS,
    _COMPLETION_SOURCE_MAX,
} CompletionSource;

/* What may stand for an option's value or for any of a verb's arguments. */
typedef struct Completion {
    bool sources[_COMPLETION_SOURCE_MAX];
    char words[128]; /* COMPLETION_WORDS: with spaces between */
} Completion;

/* Of the help's TEXT, such as "FILE|MACHINE...". Returns false if a placeholder is not known. */
bool completion_of(const char *text, Completion *ret);

/* The scripts, to standard output. */
void completion_print_bash(void);
void completion_print_zsh(void);
void completion_print_fish(void);
