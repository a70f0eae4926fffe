/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Gets files from a carrier for a program that knows their names, such as hosts' reports.
 */

#include "carrier.h"

/* Reads names from standard input, one a line, and prints for each the name, a tab, and its content
 * in base64, or nothing if the carrier has no such file. OUTCOME_CARRIER_FAILED; a negative errno.
 */
int get(Carrier *carrier, Reason *reason);
