/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What root's commands do with rollback protection (store/rollback.h): turn it on and off, accept
 * what is there, and look.
 */

#include "options.h"

/* Turns protection on: counter, key, state. RET_CHANGED says whether it was off. If it is on,
 * returns what rollback_look() returns. */
int rollback_turn_on(const Context *context, const Options *options, Reason *reason,
                     bool *ret_changed);

/* Takes what is there for right, and makes the counter again if it is missing. OUTCOME_USAGE if
 * protection is off. */
int rollback_accept(const Context *context, const Options *options, Reason *reason);

/* Removes state, key and counter. A counter that cannot be removed is noted. */
int rollback_turn_off(const Options *options, Reason *reason, bool *ret_changed);

/* Compares everything, counter included. Returns 0; OUTCOME_NOT_FOUND if protection is off;
 * OUTCOME_ROLLED_BACK; what rollback_check() and tpm_counter_read() return. */
int rollback_look(const Options *options, Reason *reason, uint64_t *ret_value);
