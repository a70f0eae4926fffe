/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Adding a host to a fleet's repository.
 */

#include "base/context.h"
#include "credential/identity.h"
#include "fleet/repository.h"
#include "options.h"

/* A host that is to be added, as the repository has it so far. */
typedef struct KnownHost {
    bool known, same_tpm, proved;
    char key[17]; /* the first digits of the old TPM's key if it was proved, else "" */
} KnownHost;

/* Looks NAME up, and compares the TPM that it has with that of IDENTITY. */
int host_look_up(const Repository *repository, const char *name, const Identity *identity,
                 Reason *reason, KnownHost *ret);

/* Whether the machine with IDENTITY calls itself NAME, with a domain or without. */
bool host_calls_itself(const Identity *identity, const char *name);

/* Adds the host NAME with IDENTITY to the repository of OPTIONS, after questions before it replaces
 * one. OUTCOME_USAGE if another host has the same TPM, or for "no"; OUTCOME_NOT_PROVED if --proved
 * or the fleet insists on a proof by this administrator, and what enrolment_check() returns. */
int host_add(const Context *context, const Options *options, const char *name,
             const Identity *identity, Reason *reason, bool *ret_replaced, bool *ret_proved);
