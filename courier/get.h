/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Gets files from a carrier for a program that knows their names, such as hosts' reports.
 */

#include "carrier.h"

/* Reads names from standard input, one a line, and prints for each the name, a tab, and its content
 * in base64, or nothing if the carrier of SETTINGS, which may be silent for STALL seconds, has no
 * such file. In any order. OUTCOME_CARRIER_FAILED; a negative errno. */
int get(const CarrierSettings *settings, long stall, Reason *reason);

/* Prints NAME and CONTENT as get() does. -ENOMEM. */
int get_print(const char *name, const Bytes *content);

/* Whether a request that began at BEGIN (monotonic, in µs) has waited for STALL seconds: then
 * nothing answers, and another file would wait as long. */
bool get_stalled(uint64_t begin, long stall);
