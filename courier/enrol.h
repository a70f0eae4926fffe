/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Carries the messages of enrolments (docs/FLEET.md, "Enrolment over a carrier") for a program of
 * an administrator, or of root on a host.
 */

#include "carrier.h"

/* Reads lines from standard input, each about a name v1/FLEET/enrol/HOST/request, /challenge or
 * /answer. The name alone gets the file: prints the name, a tab, and its content in base64, or
 * nothing if the carrier has no such file, or "!" if it cannot be got. A name, a tab and base64 put
 * a file; a name and a tab remove it, where that is possible. Requests and answers are where
 * reports are. OUTCOME_USAGE; OUTCOME_BAD_FLEET_CONFIG for a web server that takes no files of
 * hosts; OUTCOME_CARRIER_FAILED; a negative errno. */
int enrol(const CarrierSettings *settings, long stall, Reason *reason);
