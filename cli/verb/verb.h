/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A verb of the command line: a row, and a file of its own. The help is made from the rows. Tests
 * compare the manual page and the files in completions/ with it.
 */

#include "base/context.h"
#include "base/outcome.h"
#include "options.h"

typedef struct Verb {
    const char *name;
    const char *arguments; /* as the help shows them, and how many: "[INPUT [OUTPUT]]", "ID..." */
    const char *summary;   /* one line for the list of verbs */
    const char *details;   /* for the verb's own help */
    unsigned options;      /* set of OptionId bits that it takes */
    bool hidden;           /* not for people */

    /* Does it; 0, a negative errno or an Outcome, which was explained on stderr already. */
    int (*run)(const Context *context, const Options *options, char **arguments);
} Verb;

/* All of them; NULL ends the list. */
extern const Verb *const verbs[];

/* NULL if there is none. */
const Verb *verb_find(const char *name);

extern const Verb verb_encrypt;
extern const Verb verb_decrypt;
extern const Verb verb_inspect;
extern const Verb verb_setup;
extern const Verb verb_reseal;
extern const Verb verb_seal;
extern const Verb verb_host;
extern const Verb verb_check;
extern const Verb verb_list;
extern const Verb verb_remove;
extern const Verb verb_rotate;
extern const Verb verb_status;
extern const Verb verb_log;
extern const Verb verb_set;
extern const Verb verb_show;
extern const Verb verb_edit;
extern const Verb verb_reveal;
extern const Verb verb_copy;
extern const Verb verb_rename;
extern const Verb verb_enable;
extern const Verb verb_disable;
extern const Verb verb_doctor;
extern const Verb verb_complete;
