/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Secrets that cannot be delivered. A unit receives at most LIMIT_PLAINTEXT_BYTES of credentials,
 * which includes their ids; the service manager ends one that asks for more. And nobody can tell a
 * value of zeros only from a refusal that was cut short (wrapper/main.c).
 */

#include "policy/policy.h"
#include "secret/secret.h"
#include "store/store.h"

/* Whether VALUE can be delivered as ID. OUTCOME_EMPTY, also for zeros only; OUTCOME_TOO_LARGE. */
int unit_size_check_value(const char *id, const Secret *value, Reason *reason);

/* Whether a machine's unit can receive all that POLICY delivers at its start, as far as this can be
 * seen without opening anything: what is not in STORE (may be NULL) nor a file does not count.
 * OUTCOME_TOO_LARGE. */
int unit_size_check(const Store *store, const Policy *policy, Reason *reason);
