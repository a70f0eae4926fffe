/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files of an enrolment as arguments of commands: "-" and NULL are standard input.
 */

#include "credential/enrolment.h"

/* OUTCOME_BAD_IDENTITY; a negative errno. */
int enrolment_read_identity(const char *path, Reason *reason, Identity *ret);

/* OUTCOME_BAD_CHALLENGE; a negative errno. */
int enrolment_read_challenge(const char *path, Reason *reason, EnrolmentChallenge *ret);
int enrolment_read_answer(const char *path, Reason *reason, EnrolmentAnswer *ret);
