/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * This host's own identity: made from its TPM, and kept by root where the broker finds the names of
 * its keys.
 */

#include "credential/identity.h"
#include "options.h"

/* Makes the identity; PROVE: with endorsement keys. Where the broker is installed, root's call
 * makes the key for reports to fleets. */
int own_identity_make(const Context *context, const Options *options, bool prove, Reason *reason,
                      Identity *ret);

/* Reads the identity that is kept beside STORE. OUTCOME_NOT_FOUND; OUTCOME_FILE_UNSAFE;
 * OUTCOME_BAD_IDENTITY. */
int own_identity_read(const Context *context, const char *store, Reason *reason, Identity *ret);

/* Keeps IDENTITY, whose JSON is TEXT, where the broker is installed. One that is the same and has
 * endorsement keys, too, stays: a challenge may be for it. */
int own_identity_keep(const Context *context, const Identity *identity, const char *text,
                      const char *store, Reason *reason);
