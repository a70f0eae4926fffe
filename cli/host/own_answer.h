/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * This host's answer to a challenge.
 *
 * The identity is the one that root has kept, in a directory that only root can write to: the
 * answer is about all that the host has said of itself.
 */

#include "credential/enrolment.h"
#include "options.h"

/* Has the TPM answer CHALLENGE. OUTCOME_IDENTITY_CHANGED if it is for another identity,
 * OUTCOME_OTHER_TPM, OUTCOME_BAD_CHALLENGE, OUTCOME_BAD_IDENTITY and those of TPMs; a negative
 * errno. */
int own_answer_make(const Context *context, const Options *options,
                    const EnrolmentChallenge *challenge, Reason *reason, EnrolmentAnswer *ret);
