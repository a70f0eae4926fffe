/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What reseal prints.
 */

#include "options.h"
#include "seal/reseal.h"

/* The credentials of MACHINE, or with NULL single files: together or not at all. */
typedef struct ResealSet {
    const char *machine;
    ResealItem *items;
    size_t count;
} ResealSet;

typedef struct ResealSets {
    ResealSet *sets;
    size_t count;
} ResealSets;

/* Each failure once, about "web@a" or "web@a and 23 more". */
void reseal_report_failures(const ResealSet *set);

/* A line for a machine, or for each file that was stored. */
void reseal_report_done(const ResealSet *set);

/* Of all sets: as JSON, or for --dry-run as a table. */
void reseal_report_all(const Options *options, const ResealSets *sets);

/* A table of how many of each machine's credentials open after an update of the firmware. */
void reseal_report_after(const Options *options, const ResealSets *sets);
