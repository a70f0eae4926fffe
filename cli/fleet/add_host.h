/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Adding a host to a fleet's repository.
 */

#include "base/context.h"
#include "credential/identity.h"
#include "options.h"

/* Adds the host NAME with IDENTITY to the repository of OPTIONS, after questions before it replaces
 * one. OUTCOME_USAGE if another host has the same TPM, or for "no"; OUTCOME_NOT_PROVED if --proved
 * or the fleet insists on a proof by this administrator, and what enrolment_check() returns. */
int host_add(const Context *context, const Options *options, const char *name,
             const Identity *identity, Reason *reason, bool *ret_replaced, bool *ret_proved);
