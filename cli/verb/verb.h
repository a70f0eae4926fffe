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
    uint64_t options;      /* set of OptionId bits that it takes */
    bool hidden;           /* not for people */

    /* Its commands, "seal" of "fleet seal"; NULL ends the list. A verb with commands has no .run,
     * and .options has all of theirs. */
    const struct Verb *const *commands;

    /* Does it; 0, a negative errno or an Outcome, which was explained on stderr already. */
    int (*run)(const Context *context, const Options *options, char **arguments);
} Verb;

/* All of them; NULL ends the list. */
extern const Verb *const verbs[];

/* Other names of verbs; one without a name ends the list. */
typedef struct VerbAlias {
    const char *name;
    const Verb *verb;
} VerbAlias;
extern const VerbAlias verb_aliases[];

/* By name or alias; NULL if there is none. */
const Verb *verb_find(const char *name);

/* The same with an error: OUTCOME_USAGE, which names the verb that was meant. */
int verb_need(const char *name, Reason *reason, const Verb **ret);

/* Finds the command NAME of VERB. OUTCOME_USAGE. */
int verb_need_command(const Verb *verb, const char *name, Reason *reason, const Verb **ret);

/* Prints the help of VERB, or of all for NULL, through the pager. */
void help_print(const Options *options, const Verb *verb);

/* a machine's credentials */
extern const Verb verb_set, verb_list, verb_show, verb_reveal, verb_cat, verb_edit, verb_rotate,
    verb_copy, verb_rename, verb_remove, verb_import, verb_exec;
/* what a machine gets */
extern const Verb verb_enable, verb_disable;
/* what happens, and what is wrong */
extern const Verb verb_check, verb_status, verb_log, verb_why, verb_doctor, verb_has_tpm2,
    verb_help;
/* sealed files and this host */
extern const Verb verb_encrypt, verb_decrypt, verb_inspect, verb_reseal, verb_seal, verb_host,
    verb_setup, verb_backup, verb_restore, verb_complete;
/* many hosts */
extern const Verb verb_fleet;
