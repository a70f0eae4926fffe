/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The digests of the policies that are used here, PolicyPCR and, in front of it, PolicyAuthorize.
 * Pure; TCG TPM 2.0 Library, Part 3, 23.7. A key that is sealed for no PCRs has a digest of zeros,
 * which an empty session fulfils.
 */

#include "base/bytes.h"
#include "tpm/tpm.h"

/* Policies are chained: each command replaces POLICY, which begins as zeros, by a digest of it. */

/* PolicyAuthorize: whatever the key with this name (algorithm and digest) signs. It leaves nothing
 * of what came before, so that it has to be the first one. Part 3, 23.16. */
void tpm_policy_extend_authorize(BytesView key_name, uint8_t policy[TPM_POLICY_BYTES]);

/* PolicyPCR: the PCRs of MASK (not 0) in BANK; VALUES are theirs, in ascending order, in one piece.
 */
void tpm_policy_extend_pcr(uint64_t mask, uint16_t bank, BytesView values,
                           uint8_t policy[TPM_POLICY_BYTES]);

/* PolicyPCR alone. Of the PCRs of MASK (not 0) in BANK; VALUES are theirs, in ascending order, in
 * one piece. */
void tpm_policy_pcr(uint64_t mask, uint16_t bank, BytesView values,
                    uint8_t ret_policy[TPM_POLICY_BYTES]);
