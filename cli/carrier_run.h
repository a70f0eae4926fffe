/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An administrator's way to the fleet's carrier: the courier, the only program with the network.
 */

#include "base/bytes.h"
#include "base/outcome.h"

struct json_object;

/* Runs the courier's COMMAND, such as "reports", with ARGUMENT (NULL: none) for CARRIER, as the
 * administrator's configuration has it. What INPUT has becomes its standard input, and its output,
 * at most LIMIT bytes, the text RET, allocated. OUTCOME_BAD_FLEET_CONFIG if CARRIER is NULL;
 * what the courier fails with, such as OUTCOME_CARRIER_FAILED, with its REASON; -ECANCELED if it
 * was killed; -ENOMEM, also if INPUT has failed. */
int carrier_run(struct json_object *carrier, const char *command, const char *argument,
                const Writer *input, size_t limit, Reason *reason, char **ret);
