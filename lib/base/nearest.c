/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/nearest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Both are shorter than NEAREST_BYTES. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][NEAREST_BYTES], width = strlen(b);
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t *oldest = before;

        before = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[width];
}

void nearest_offer(Nearest *nearest, const char *candidate)
{
    size_t length = strlen(candidate), distance;

    if (length >= NEAREST_BYTES || strlen(nearest->wanted) >= NEAREST_BYTES)
        return;
    distance = edit_distance(nearest->wanted, candidate);
    if (distance > (length < 3 ? 1 : length / 3) || distance >= length ||
        (nearest->name[0] && distance >= nearest->distance))
        return;
    memcpy(nearest->name, candidate, length + 1);
    nearest->distance = distance;
}
