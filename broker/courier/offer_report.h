/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host's signed reports of what became of a fleet's set (fleet/report.h).
 */

#include "fleet/report.h"
#include "process/config.h"

/* Signs REPORT, whose .time it sets. If .outcome is 0, it adds whether a file is pending, and what
 * nspawn-creds-apply has done about the statement. OUTCOME_NOT_FOUND if the host has no key for
 * reports. */
int offer_report_make(const ServerConfig *config, Report *report, Bytes *ret);

/* The report of what nspawn-creds-apply has done about FLEET's accepted set; empty if
 * it has done nothing yet. OUTCOME_NOT_FOUND if FLEET is none, or the host has no key for reports;
 * a negative errno. For a child, because it reads the set. */
int offer_report_applied(const ServerConfig *config, const char *fleet, Reason *reason, Bytes *ret);
