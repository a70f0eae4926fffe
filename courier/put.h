/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Puts what the administrators have signed on a carrier: sealed files first, and bundles last, so
 * that no host sees a bundle before its files are there.
 */

#include "carrier.h"

/* How many were put. */
typedef struct PutResult {
    size_t files;
    size_t bundles;
} PutResult;

/* Puts the files in DIRECTORY, which are named as on the carrier, on the carrier of SETTINGS, which
 * may be silent for STALL seconds. "-" for DIRECTORY reads lines from standard input instead: the
 * name, a tab, and the path of the file; of a bundle another tab and its content in base64 instead,
 * or nothing if it is to be removed. It prints a line for each of these that was there, or cannot
 * be removed. OUTCOME_USAGE for a name that no carrier has, or a file that is not what its name
 * says; OUTCOME_CARRIER_FAILED; a negative errno. Nothing is put before all names have been read.
 */
int put(const CarrierSettings *settings, long stall, const char *directory, Reason *reason,
        PutResult *ret);
