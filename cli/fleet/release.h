/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which hosts get their newly sealed files by the next statement: all, or a wave of them. The
 * others keep what they had by the last statement that enough have signed. Hosts that are new, and
 * not in the wave, are not in the statement.
 *
 * Hosts that share a secret whose value has changed move together: otherwise one would use the new
 * value and another one the old.
 */

#include "fleet/workspace.h"

typedef struct Release {
    KnownLeaves leaves; /* of the statement */
    char **wave;        /* the hosts that get other files than before, sorted */
    size_t wave_count;
    size_t waiting; /* hosts whose new files are not released */
} Release;

void release_done(Release *release); /* for _cleanup_ */

/* Chooses the hosts: those of --to= in WORK's options, or --wave=, or all. SEALED are the leaves of
 * all hosts' sealed files. Adds to CHANGES whatever the administrator has to confirm: hosts that
 * were not asked for, and files that were signed before and are not known here. OUTCOME_USAGE,
 * OUTCOME_UNSIGNED. */
int release_choose(const Workspace *work, const KnownLeaves *sealed, FleetChanges *changes,
                   Reason *reason, Release *ret);

/* The same as STATEMENT, which is in the repository, has released. RET stays empty if its hosts or
 * files are not there any more. */
int release_as_in(const Workspace *work, const KnownLeaves *sealed, const Statement *statement,
                  FleetChanges *changes, Reason *reason, Release *ret);
