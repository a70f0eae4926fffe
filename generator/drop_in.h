/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The drop-in that a policy becomes, for the machine's systemd-nspawn@MACHINE.service.
 *
 * Pure: a policy in, text out. Nothing goes into the text that is not known to be harmless in a
 * unit file: the machine's name and ids have none but plain characters (policy_id_valid()), and
 * paths no control characters, and no backslash or space at their end (policy/policy_file.c).
 */

#include "base/bytes.h"
#include "policy/host_config.h"
#include "policy/policy.h"

/* The credential that a machine asks the broker for whose policy is not valid. It is refused,
 * whatever the policy then says, and the journal has the reason: so that the machine does not start
 * without what it should have. */
#define DROP_IN_BAD_POLICY_ID "bad-policy"

/* Writes the drop-in for POLICY, nothing if it has nothing to deliver. */
void drop_in_write(const HostConfig *host, const Policy *policy, Writer *writer);

/* Writes the one for the broker's own unit: where its store and its TPM are not those that the unit
 * allows. Nothing if they are. A TPM that is reached over the network needs more than this gives.
 */
void drop_in_write_broker(const HostConfig *host, Writer *writer);

/* The same for a machine whose policy is not valid, or on a host whose configuration is not. */
void drop_in_write_bad(Writer *writer);
