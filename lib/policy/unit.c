/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Units and machines. See unit.h.
 */

#include "policy/unit.h"

#include "base/names.h"

#include <string.h>

#define UNIT_SUFFIX ".service"

static const char *const default_templates[] = {
    "systemd-nspawn@.service",
    "container@.service",
};

void unit_templates_default(UnitTemplates *ret)
{
    *ret = (UnitTemplates){0};
    for (size_t i = 0; i < sizeof(default_templates) / sizeof(default_templates[0]); i++)
        unit_templates_add(ret, default_templates[i], NULL);
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

/* Returns the instance of UNIT, and its length, if it belongs to the template with PREFIX; else
 * NULL. */
static const char *find_instance(const char *prefix, const char *unit, size_t *ret_length)
{
    size_t before = strlen(prefix);
    size_t after = strlen(UNIT_SUFFIX);
    size_t length = strlen(unit);

    if (length < before + after || strncmp(unit, prefix, before) != 0 ||
        strcmp(unit + length - after, UNIT_SUFFIX) != 0)
        return NULL;
    *ret_length = length - before - after;
    return unit + before;
}

int unit_machine(const UnitTemplates *templates, const char *unit, Reason *reason,
                 char ret[LIMIT_MACHINE_BYTES + 1])
{
    char machine[LIMIT_MACHINE_BYTES + 1];
    const char *instance = NULL;
    size_t length = 0;

    for (size_t i = 0; i < templates->count && !instance; i++)
        instance = find_instance(templates->prefixes[i], unit, &length);
    if (!instance)
        return reason_set(reason, OUTCOME_FOREIGN_UNIT, "the unit %.108s does not start a machine",
                          unit);
    if (length <= LIMIT_MACHINE_BYTES) {
        memcpy(machine, instance, length);
        machine[length] = '\0';
    }
    if (length > LIMIT_MACHINE_BYTES || !machine_name_valid(machine))
        return reason_set(reason, OUTCOME_FOREIGN_UNIT,
                          "the instance of %.108s is not a machine name", unit);
    strcpy(ret, machine);
    return 0;
}
