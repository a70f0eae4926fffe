/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parser of policy files: nspawn-creds-policy(5).
 *
 * Anything unexpected is refused: unknown members, duplicate members, wrong types, text after the
 * end. Pure. policy_check() validates the combination of all files of a machine.
 */

#include "policy/policy.h"

/* Adds the credentials in TEXT to POLICY, replacing existing ones. FILE is the name for FAULT.
 * OUTCOME_BAD_POLICY, after which POLICY must not be used; -ENOMEM. */
int policy_file_parse(BytesView text, const char *file, Policy *policy, PolicyFault *fault);

/* Parses the files of POLICY, which policy_read() returned, and checks it. OUTCOME_BAD_POLICY,
 * after which POLICY must not be used; -ENOMEM. */
int policy_parse(Policy *policy, PolicyFault *fault);

/* The names of members in files, such as "store". */
const char *policy_source_name(PolicySource source);
const char *policy_delivery_name(PolicyDelivery delivery);
const char *policy_change_name(PolicyChange change);
