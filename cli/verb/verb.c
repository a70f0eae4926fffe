/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/verb.h"

#include <string.h>

const Verb *const verbs[] = {
    /* a machine's credentials */
    &verb_set, &verb_list, &verb_show, &verb_reveal, &verb_edit, &verb_rotate, &verb_copy,
    &verb_rename, &verb_remove, &verb_reseal,
    /* machines and this host */
    &verb_enable, &verb_disable, &verb_check, &verb_status, &verb_log, &verb_doctor, &verb_setup,
    /* sealed files */
    &verb_encrypt, &verb_decrypt, &verb_inspect, &verb_seal, &verb_host, &verb_complete, NULL};

const Verb *verb_find(const char *name)
{
    for (const Verb *const *verb = verbs; *verb; verb++)
        if (strcmp((*verb)->name, name) == 0)
            return *verb;
    return NULL;
}
