/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor: which drop-in of a unit changes what the unit asks for. The service manager tells what it
 * has loaded, but not from which file. Only files of this host are read, never a container's.
 */

#include "doctor/doctor.h"

#include <string.h>

/* What FILE does with the list KEY, read from its beginning on: false in SET, after an assignment
 * that empties it, true after one that sets WORD. Returns whether it does either. */
static bool read_assignments(const char *file, const char *key, const char *word, bool *set)
{
    _cleanup_(fclosep) FILE *stream = fopen(file, "re");
    _cleanup_(freep) char *line = NULL;
    size_t room = 0, length = strlen(key);
    bool changed = false, was;

    while (stream && getline(&line, &room, stream) >= 0) {
        const char *value = line + strspn(line, " \t");

        if (strncmp(value, key, length) != 0)
            continue;
        value += length + strspn(value + length, " \t");
        if (*value++ != '=')
            continue;
        value += strspn(value, " \t\"");
        was = *set;
        if (strncmp(value, word, strlen(word)) == 0)
            changed = *set = true;
        else if (*value == '\n' || *value == '\0') {
            *set = false;
            changed = changed || was;
        }
    }
    return changed;
}

const char *doctor_find_drop_in(const ManagerService *service, const char *key, const char *word,
                                bool sets)
{
    const char *last = NULL;
    bool set = false;

    if (service->file && read_assignments(service->file, key, word, &set))
        last = service->file;
    for (char **file = service->drop_ins; file && *file; file++)
        if (read_assignments(*file, key, word, &set))
            last = *file;
    return set == sets ? last : NULL;
}

void doctor_advise_emptied(Doctor *doctor, const char *key)
{
    doctor_advice(doctor, "Remove the line \"%s=\" there, then run: systemctl daemon-reload", key);
}
