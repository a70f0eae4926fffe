/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the broker counts, as the families of samples that OpenMetrics has (metrics.c has the list).
 * Labels have a bounded number of values: verdicts, outcomes, durations, and never what a peer
 * says.
 */

#include "control/method.h"

/* The method Metrics of the control socket. */
int metrics_method(const ControlEnvironment *environment, struct json_object *parameters,
                   Reason *reason, struct json_object **ret);
