/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The reports of a fleet's hosts about a statement.
 */

#include "fleet/repository.h"

#include <json-c/json.h>

/* How many hosts are in which state. */
typedef struct ReportCounts {
    size_t accepted, failed; /* about this statement */
    size_t waiting;          /* no report, or one about another statement */
    size_t invalid;          /* not signed by the host, or the host's identity has no key for it */
} ReportCounts;

/* Fetches the reports of all hosts from CARRIER, and verifies them with the keys in the hosts'
 * identities. STATEMENT is the text that they are about. RET_ROWS is an array of objects, sorted by
 * host, for the caller to release: host, state, and of a valid report statement, outcome, time and
 * credential. Returns what carrier_run() returns. */
int reports_fetch(const Repository *repository, struct json_object *carrier, BytesView statement,
                  Reason *reason, ReportCounts *ret, struct json_object **ret_rows);
