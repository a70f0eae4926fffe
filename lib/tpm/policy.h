/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Policy digests. Pure.
 *
 * A policy is a chain of commands, each of which extends the digest, which begins as zeros. We use
 * PolicyAuthorize, which discards everything before it and so must come first, and PolicyPCR.
 * Either may be missing. A key without a policy has a digest of zeros, which an empty session
 * meets. TCG TPM 2.0 Library, Part 3, 23.7 and 23.16.
 */

#include "base/bytes.h"
#include "tpm/signer.h"
#include "tpm/tpm.h"

/* Computes the policy of everything that SIGNER (NULL: nobody) signs, and of PCRS, which must all
 * have values (there may be none). */
void tpm_policy_of(const TpmSigner *signer, const TpmPcrs *pcrs,
                   uint8_t ret_policy[TPM_POLICY_BYTES]);

/* Computes the policy of PCRS and, unless PUBLIC_KEY (PEM) is empty, of what that key signs for
 * PUBLIC_KEY_MASK, and describes it in SEALED, as in a header. OUTCOME_USAGE, OUTCOME_MALFORMED;
 * -ENOMEM. */
int tpm_policy_describe(const TpmPcrs *pcrs, BytesView public_key, uint64_t public_key_mask,
                        Reason *reason, TpmSealed *sealed);
