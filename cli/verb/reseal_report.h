/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The output of reseal.
 */

#include "options.h"
#include "seal/reseal.h"

/* The credentials of MACHINE, or with NULL single files: together or not at all. */
typedef struct ResealSet {
    const char *machine;
    ResealItem *items;
    size_t count;
} ResealSet;

/* --dry-run: a table. */
void reseal_report_table(const ResealSet *sets, size_t count);

/* Why SET's items cannot be sealed anew, each reason once. */
void reseal_report_failures(const ResealSet *set);

/* Reports the part of SET that was stored: a line for a machine, or for each file. */
void reseal_report_done(const ResealSet *set);

/* --json=: all credentials, and what is or was to become of each. */
int reseal_report_json(const Options *options, const ResealSet *sets, size_t count);
