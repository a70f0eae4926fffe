/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/unit.h"

#include "base/names.h"

#include <stdio.h>
#include <string.h>

#define UNIT_SUFFIX ".service"

void unit_templates_default(UnitTemplates *ret)
{
    *ret = (UnitTemplates){0};
    unit_templates_add(ret, "systemd-nspawn@.service", NULL);
    unit_templates_add(ret, "container@.service", NULL);
}

int unit_templates_add(UnitTemplates *templates, const char *text, Reason *reason)
{
    const char *at = strchr(text, '@');
    size_t length = at ? (size_t)(at - text) + 1 : 0;

    /* an empty prefix would be a template without a name, which does not exist */
    if (length < 2 || strcmp(at + 1, UNIT_SUFFIX) != 0 || strchr(text, '/'))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\" is not a template such as systemd-nspawn@.service", text);
    if (length > UNIT_PREFIX_BYTES)
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\" is too long: at most %zu characters before the \"@\"", text,
                          UNIT_PREFIX_BYTES - 1);
    if (templates->count == UNIT_TEMPLATES_MAX)
        return reason_set(reason, OUTCOME_USAGE, "there are more than %u unit templates",
                          UNIT_TEMPLATES_MAX);
    memcpy(templates->prefixes[templates->count], text, length);
    templates->prefixes[templates->count][length] = '\0';
    templates->count++;
    return 0;
}

int unit_machine(const UnitTemplates *templates, const char *unit, Reason *reason,
                 char ret[LIMIT_MACHINE_BYTES + 1])
{
    char machine[LIMIT_MACHINE_BYTES + 1];
    size_t i = 0, before = 0, length;

    while (i < templates->count &&
           strncmp(unit, templates->prefixes[i], strlen(templates->prefixes[i])) != 0)
        i++;
    if (i < templates->count)
        before = strlen(templates->prefixes[i]);
    /* they do not overlap: the prefix ends with "@" */
    if (before == 0 || !has_suffix(unit, UNIT_SUFFIX))
        return reason_set(reason, OUTCOME_FOREIGN_UNIT, "the unit %.108s does not start a machine",
                          unit);
    length = strlen(unit + before) - strlen(UNIT_SUFFIX);
    snprintf(machine, sizeof(machine), "%.*s", (int)length, unit + before);
    if (length > LIMIT_MACHINE_BYTES || !machine_name_valid(machine))
        return reason_set(reason, OUTCOME_FOREIGN_UNIT,
                          "the instance of %.108s is not a machine name", unit);
    strcpy(ret, machine);
    return 0;
}
