/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The digests of the policies that are used here. Pure.
 *
 * A policy is a chain of commands, each of which replaces the digest, zeros at first, by one of it:
 * PolicyAuthorize, which leaves nothing of what came before and so has to be the first, and
 * PolicyPCR; either may be missing. A key that is sealed for nothing has a digest of zeros, which
 * an empty session fulfils. TCG TPM 2.0 Library, Part 3, 23.7 and 23.16.
 */

#include "base/bytes.h"
#include "tpm/tpm.h"

/* The policy of whatever the key SIGNER_NAME (algorithm and digest; empty for nobody) signs, and of
 * PCRS, all of which are given (there may be none). */
void tpm_policy_of(BytesView signer_name, const TpmPcrs *pcrs,
                   uint8_t ret_policy[TPM_POLICY_BYTES]);
