/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * check MACHINE: what would happen if the machine started now, as the broker and the service
 * manager say: whether its unit, as it is loaded, asks for what the policy lists, and whether the
 * broker would deliver it.
 */

#include "base/context.h"
#include "options.h"

/* Checks MACHINES, and prints the result. OUTCOME_PROBLEMS if one would not get what it should;
 * otherwise what was explained already. */
int check_machines(const Context *context, const Options *options, char **machines);
