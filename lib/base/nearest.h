/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * "Did you mean …?": the name that is most like a mistyped one.
 */

#include <stddef.h>

/* Longer words are not compared. */
#define NEAREST_BYTES ((size_t)80)

typedef struct Nearest {
    const char *wanted;       /* what was typed, borrowed */
    char name[NEAREST_BYTES]; /* the best candidate so far; "" for none */
    size_t distance;          /* how many typing errors it is away */
} Nearest;

/* Considers CANDIDATE: keeps it if no other was nearer, and if at most a third of its characters
 * were mistyped, but at least one may be. An error is a missing, an additional or a wrong
 * character, or two neighbours that changed places. */
void nearest_offer(Nearest *nearest, const char *candidate);
