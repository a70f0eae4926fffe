/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Seals a new value.
 */

#include "seal/seal_spec.h"
#include "secret/secret.h"

/* Seals PLAINTEXT according to the spec of SEAL; what the spec leaves open is taken from LIKE (may
 * be NULL). OUTCOME_USAGE if it would expire before it is sealed, and every return of
 * seal_target_make() and seal_keys_make(). */
int seal_new(const SealContext *seal, const CredentialSections *like, const Secret *plaintext,
             Reason *reason, Bytes *ret);
