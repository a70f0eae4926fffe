/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The key with which an administrator enrols hosts (credential/enrolment.h):
 * ~/.config/nspawn-creds/enrolment-key, mode 0600. It is the only thing that is kept of enrolments.
 */

#include "credential/enrolment.h"

/* Reads the key. OUTCOME_NOT_FOUND if there is none; OUTCOME_BAD_ENROLMENT_KEY if another user
 * could have written it or can read it, or if it is damaged. */
int enrolment_key_read(const Context *context, Reason *reason, Secret **ret);

/* The same, but makes it if there is none and nobody else can write to its directory. */
int enrolment_key_ensure(const Context *context, Reason *reason, Secret **ret);

/* Whether this administrator has made the proof of IDENTITY. OUTCOME_NOT_PROVED, with the reason,
 * and what enrolment_key_read() returns. */
int enrolment_check(const Context *context, const Identity *identity, Reason *reason);
