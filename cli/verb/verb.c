/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/verb.h"

#include "base/nearest.h"

#include <string.h>

/* In the order of the help, which begins a group with some of them. */
/* clang-format off */
const Verb *const verbs[] = {&verb_set, &verb_list, &verb_show, &verb_reveal, &verb_cat, &verb_edit,
                             &verb_rotate, &verb_copy, &verb_rename, &verb_remove, &verb_import,
                             &verb_exec,
                             /* what a machine gets */
                             &verb_enable, &verb_disable,
                             /* what happens, and what is wrong */
                             &verb_check, &verb_status, &verb_log, &verb_why, &verb_doctor,
                             &verb_has_tpm2, &verb_help,
                             /* sealed files and this host */
                             &verb_encrypt, &verb_decrypt, &verb_inspect, &verb_reseal, &verb_seal,
                             &verb_host, &verb_setup, &verb_backup, &verb_restore, &verb_fleet,
                             &verb_complete, NULL};
/* clang-format on */

const VerbAlias verb_aliases[] = {
    {"ls", &verb_list}, {"rm", &verb_remove}, {"mv", &verb_rename}, {"cp", &verb_copy}, {0}};

const Verb *verb_find(const char *name)
{
    for (const Verb *const *verb = verbs; *verb; verb++)
        if (strcmp((*verb)->name, name) == 0)
            return *verb;
    for (const VerbAlias *alias = verb_aliases; alias->name; alias++)
        if (strcmp(alias->name, name) == 0)
            return alias->verb;
    return NULL;
}

int verb_need(const char *name, Reason *reason, const Verb **ret)
{
    Nearest nearest = {.wanted = name};

    *ret = verb_find(name);
    if (*ret)
        return 0;
    for (const Verb *const *verb = verbs; *verb; verb++)
        if (!(*verb)->hidden)
            nearest_offer(&nearest, (*verb)->name);
    return nearest.name[0]
               ? reason_set(reason, OUTCOME_USAGE, "unknown verb \"%.40s\"; did you mean \"%s\"?",
                            name, nearest.name)
               : reason_set(reason, OUTCOME_USAGE,
                            "unknown verb \"%.40s\"; see nspawn-creds --help", name);
}

int verb_need_command(const Verb *verb, const char *name, Reason *reason, const Verb **ret)
{
    Nearest nearest = {.wanted = name};

    for (const Verb *const *command = verb->commands; *command; command++) {
        const char *word = (*command)->name + strlen(verb->name) + 1;

        if (strcmp(word, name) == 0) {
            *ret = *command;
            return 0;
        }
        nearest_offer(&nearest, word);
    }
    return nearest.name[0] ? reason_set(reason, OUTCOME_USAGE,
                                        "unknown command \"%s %.40s\"; did you mean \"%s %s\"?",
                                        verb->name, name, verb->name, nearest.name)
                           : reason_set(reason, OUTCOME_USAGE,
                                        "unknown command \"%s %.40s\"; see nspawn-creds %s --help",
                                        verb->name, name, verb->name);
}
