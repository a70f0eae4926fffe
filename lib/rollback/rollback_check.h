/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Compares the rollback state (store/rollback.h) with the store and the fleets' accepted sets, and
 * takes what is there for right. The TPM's counter is not asked here.
 */

#include "store/rollback.h"

/* STORE is the absolute path of the host's store. Returns 0 if all is as the state says;
 * OUTCOME_NOT_FOUND if protection is off; OUTCOME_ROLLED_BACK; OUTCOME_TIMEOUT if other programs
 * keep changing the store; what store_new(), fleet_set_open() and store_list() return. With SETTLE
 * also writes which end an interrupted commit had. RET is set if the return value is 0. */
int rollback_check(const char *store, bool settle, Reason *reason, RollbackState *ret);

/* Writes a state of what is there, with VALUE, which the COUNTER has now; rollback_advance() is to
 * follow. NOW is in µs since 1970.
 * rollback_make() must have made the folder. Returns 0 or as above. */
int rollback_take(const char *store, uint32_t counter, uint64_t value, uint64_t now,
                  Reason *reason);
