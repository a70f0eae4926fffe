/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A new value is sealed.
 */

#include "seal/seal_spec.h"
#include "secret/secret.h"

/* Seals PLAINTEXT, for what the spec of SEAL says, and where it says nothing for what LIKE (NULL:
 * nothing) was sealed for. OUTCOME_USAGE if it would expire before it is sealed, every return of
 * seal_target_make() and seal_keys_make(). */
int seal_new(const SealContext *seal, const CredentialSections *like, const Secret *plaintext,
             Reason *reason, Bytes *ret);
