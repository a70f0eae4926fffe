/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which machine a unit is: a table of template units, each the starter of one machine an instance.
 *
 * The instance is taken as it stands (%i), not unescaped (%I): that is what systemd-nspawn@.service
 * names its machine by.
 */

#include "base/limits.h"
#include "base/outcome.h"

#include <stddef.h>

/* Templates in a table, and bytes of the part before the "@". */
#define UNIT_TEMPLATES_MAX 8U
#define UNIT_PREFIX_BYTES  ((size_t)64)

typedef struct UnitTemplates {
    char prefixes[UNIT_TEMPLATES_MAX][UNIT_PREFIX_BYTES + 1]; /* "systemd-nspawn@" */
    size_t count;
} UnitTemplates;

/* systemd-nspawn@.service, and container@.service, which is how nixpkgs starts its own. */
void unit_templates_default(UnitTemplates *ret);

/* Adds TEXT, "PREFIX@.service". OUTCOME_USAGE if it is not that, or one too many. */
int unit_templates_add(UnitTemplates *templates, const char *text, Reason *reason);

/* Writes the name of the machine that UNIT starts. OUTCOME_FOREIGN_UNIT if no template fits, or if
 * the instance is not a machine name. */
int unit_machine(const UnitTemplates *templates, const char *unit, Reason *reason,
                 char ret[LIMIT_MACHINE_BYTES + 1]);
