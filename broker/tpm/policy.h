/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The digest of the one policy that is used here, PolicyPCR. Pure; TCG TPM 2.0 Library, Part 3,
 * 23.7. A key that is sealed for no PCRs has a digest of zeros, which an empty session fulfils.
 */

#include "base/bytes.h"
#include "tpm/tpm.h"

/* Of the PCRs of MASK (not 0) in BANK; VALUES are theirs, in ascending order, in one piece. */
void tpm_policy_pcr(uint64_t mask, uint16_t bank, BytesView values,
                    uint8_t ret_policy[TPM_POLICY_BYTES]);

/* Bytes of a PCR in BANK; 0 if it is none that we know. */
size_t tpm_bank_digest_bytes(uint16_t bank);
