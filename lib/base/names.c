/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/names.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool machine_name_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > LIMIT_MACHINE_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool edge = i == 0 || i == length - 1;

        if (is_alphanumeric(name[i]) || name[i] == '_')
            continue;
        if (edge || (name[i] != '-' && name[i] != '.'))
            return false;
        /* labels do not begin or end with "-", and are not empty */
        if (name[i] == '.' && (name[i - 1] == '.' || name[i - 1] == '-' || name[i + 1] == '-'))
            return false;
    }
    return true;
}

int machine_name_check(const char *name, Reason *reason)
{
    CredentialName credential;

    if (strchr(name, '@') && credential_name_parse(name, NULL, &credential) == 0)
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "\"%.80s\" is not a machine name: the machine is %s, and %.80s the "
                          "credential's id",
                          name, credential.machine, credential.id);
    return machine_name_valid(name)
               ? 0
               : reason_set(reason, OUTCOME_INVALID_NAME,
                            "\"%.80s\" is not a machine name: letters, digits, \"-\", \"_\" and "
                            "\".\", at most %zu",
                            name, LIMIT_MACHINE_BYTES);
}

static bool file_name_valid(const char *name, size_t limit)
{
    size_t length = strlen(name);

    if (length == 0 || length > limit || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] < ' ' || name[i] > '~' || name[i] == '/' || name[i] == ':')
            return false;
    return true;
}

bool credential_id_valid(const char *id)
{
    return file_name_valid(id, LIMIT_ID_BYTES);
}

bool sealed_name_valid(const char *name)
{
    return file_name_valid(name, LIMIT_SEALED_NAME_BYTES);
}

bool fleet_label_valid(const char *name, size_t limit)
{
    size_t length = strlen(name);

    return length > 0 && length <= limit && name[0] != '-' && name[length - 1] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

bool fleet_name_valid(const char *name)
{
    return fleet_label_valid(name, LIMIT_FLEET_NAME_BYTES);
}

bool name_made_of(const char *name, const char *marks)
{
    for (const char *c = name; *c; c++)
        if (!is_alphanumeric(*c) && !strchr(marks, *c))
            return false;
    return true;
}

bool unit_name_valid(const char *name)
{
    const char *dot = strrchr(name, '.');

    return name_made_of(name, ":-_.\\@") && dot && dot > name && dot[1] != '\0';
}

bool has_suffix(const char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);

    return length > end && strcmp(text + length - end, suffix) == 0;
}

bool path_canonical(const char *path)
{
    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return false;
    for (const char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        size_t length = strcspn(slash + 1, "/");

        if (length == 0 || (length == 1 && slash[1] == '.') ||
            (length == 2 && slash[1] == '.' && slash[2] == '.'))
            return false;
    }
    return true;
}

int credential_name_new(const char *machine, const char *id, Reason *reason, CredentialName *ret)
{
    if (machine_name_check(machine, reason) != 0)
        return OUTCOME_INVALID_NAME;
    if (!credential_id_valid(id))
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "\"%.80s\" is not a credential id: printable characters without \"/\" "
                          "and \":\"",
                          id);
    if (strlen(machine) + strlen(id) > LIMIT_MACHINE_AND_ID_BYTES)
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "\"%.64s@%.80s\" is too long: machine and id together may have %zu "
                          "characters, but have %zu",
                          machine, id, LIMIT_MACHINE_AND_ID_BYTES, strlen(machine) + strlen(id));
    *ret = (CredentialName){0};
    strcpy(ret->machine, machine);
    strcpy(ret->id, id);
    return 0;
}

int credential_name_parse(const char *text, Reason *reason, CredentialName *ret)
{
    const char *at = strchr(text, '@');
    char machine[LIMIT_MACHINE_BYTES + 1];

    if (!at)
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "\"%.80s\" is not of the form MACHINE@ID, such as web@db-password", text);
    if ((size_t)(at - text) > LIMIT_MACHINE_BYTES)
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "the machine name in \"%.80s\" is longer than %zu characters", text,
                          LIMIT_MACHINE_BYTES);
    memcpy(machine, text, (size_t)(at - text));
    machine[at - text] = '\0';
    return credential_name_new(machine, at + 1, reason, ret);
}

bool credential_name_equal(const CredentialName *a, const CredentialName *b)
{
    return strcmp(a->machine, b->machine) == 0 && strcmp(a->id, b->id) == 0;
}

void credential_name_format(const CredentialName *name, char text[CREDENTIAL_NAME_TEXT_BYTES])
{
    snprintf(text, CREDENTIAL_NAME_TEXT_BYTES, "%s@%s", name->machine, name->id);
}
