/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The counters as OpenMetrics families of samples. Labels have a bounded number of values:
 * verdicts, outcomes, durations, and never text from a peer.
 */

#include "control/method.h"

/* The method Metrics of the control socket. */
int metrics_method(const ControlEnvironment *environment, struct json_object *parameters,
                   Reason *reason, struct json_object **ret);
