/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parser of policy files: nspawn-creds-policy(5).
 *
 * What does not fit to the letter is refused: names that are not known, two members with one name,
 * wrong types, text behind the end. Pure: text in, credentials out. Whether they make sense
 * together is seen when all files of a machine are (policy_check()).
 */

#include "policy/policy.h"

/* Puts what TEXT says into POLICY, over what is there; FILE is the name for FAULT.
 * OUTCOME_BAD_POLICY (after which POLICY is of no use); -ENOMEM. */
int policy_file_parse(BytesView text, const char *file, Policy *policy, PolicyFault *fault);

/* "db-password" of a "source" and so on, as files have it. */
const char *policy_source_name(PolicySource source);
const char *policy_delivery_name(PolicyDelivery delivery);
const char *policy_change_name(PolicyChange change);
