/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Waiting for the hosts of a wave, by their signed reports. Only a report about this statement
 * counts that the host's own key has signed; a host that is silent has not accepted.
 */

#include "fleet/repository.h"
#include "options.h"

/* OUTCOME_USAGE if hosts cannot report by CARRIER, which is valid: a web server without a
 * place for reports. */
int rollout_check(struct json_object *carrier, Reason *reason);

/* Waits until all hosts of the wave have accepted the statement TEXT, and restarted their services
 * unless they have no nspawn-creds-apply; more of them have failed than --tolerate= allows:
 * OUTCOME_HOSTS_FAILED; or the time of --wait= is over: OUTCOME_HOSTS_SILENT. Prints the result,
 * also as JSON. */
int rollout_wait(const Options *options, const Repository *repository, struct json_object *carrier,
                 uint64_t sequence, BytesView text);
