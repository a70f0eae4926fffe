/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A counter in the TPM's memory, which nobody can wind back: not by removing and defining it again,
 * and not by clearing the TPM, because a new counter begins above all earlier ones.
 *
 * Its attributes are AUTHREAD, AUTHWRITE, NO_DA and the type COUNTER, with an empty password: it
 * works during a dictionary attack lockout and with an owner's password, and whoever may use the
 * TPM may increment it. It is not "orderly", because a TPM that lost power would skip values of
 * such a counter.
 *
 * Reading and incrementing take two commands each: the public area, of which the name is compared
 * with what we define, and the command itself. A bus interposer can answer what it likes.
 *
 * TCG TPM 2.0 Library, Part 1, 37.2.4 (NV counters), Part 3, 31 (commands); TCG Registry of
 * Reserved TPM 2.0 Handles, 2.2.
 */

#include "tpm/tpm.h"

/* The indices that owners may use as they like. */
#define TPM_COUNTER_FIRST   UINT32_C(0x01800000)
#define TPM_COUNTER_LAST    UINT32_C(0x01bfffff)
#define TPM_COUNTER_DEFAULT UINT32_C(0x01804e43)

/* The common outcomes: OUTCOME_TPM_NO_COUNTER if there is no counter at INDEX, or it was never
 * incremented; OUTCOME_TPM_NV_TAKEN if something else is there; any other OUTCOME_TPM_…; -ENOMEM.
 */

int tpm_counter_read(Tpm *tpm, uint32_t index, Reason *reason, uint64_t *ret);

/* Adds 1. The TPM does not say to what. If the answer is lost, the counter may be incremented
 * nevertheless. */
int tpm_counter_increment(Tpm *tpm, uint32_t index, Reason *reason);

/* Defines the counter unless it exists, and increments it if nobody has yet. Can be repeated after
 * it was interrupted. OUTCOME_TPM_NV_SPACE if the TPM has no room; OUTCOME_TPM_PASSWORD if the
 * owner hierarchy has a password and the counter does not exist; never OUTCOME_TPM_NO_COUNTER. */
int tpm_counter_ensure(Tpm *tpm, uint32_t index, Reason *reason, uint64_t *ret);

/* Removes the counter, and nothing else that may be at INDEX. Returns 0 if there is none. */
int tpm_counter_remove(Tpm *tpm, uint32_t index, Reason *reason);
