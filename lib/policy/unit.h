/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Maps units to machines with a table of template units, each instance of which starts one machine.
 *
 * The instance is used as it is (%i), not unescaped (%I), because systemd-nspawn@.service uses that
 * as the name of its machine.
 */

#include "base/limits.h"
#include "base/outcome.h"

#include <stddef.h>

/* Number of templates in a table, and size of the part before the "@". */
#define UNIT_TEMPLATES_MAX 8U
#define UNIT_PREFIX_BYTES  ((size_t)64)

typedef struct UnitTemplates {
    char prefixes[UNIT_TEMPLATES_MAX][UNIT_PREFIX_BYTES + 1]; /* "systemd-nspawn@" */
    size_t count;
} UnitTemplates;

/* systemd-nspawn@.service, and container@.service for the containers of nixpkgs. */
void unit_templates_default(UnitTemplates *ret);

/* Adds TEXT, "PREFIX@.service". OUTCOME_USAGE if it has another form, or the table is full. */
int unit_templates_add(UnitTemplates *templates, const char *text, Reason *reason);

/* Returns the name of the machine that UNIT starts. OUTCOME_FOREIGN_UNIT if no template matches, or
 * if the instance is not a machine name. */
int unit_machine(const UnitTemplates *templates, const char *unit, Reason *reason,
                 char ret[LIMIT_MACHINE_BYTES + 1]);
