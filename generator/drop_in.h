/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Makes the drop-in for systemd-nspawn@MACHINE.service from the machine's policy.
 *
 * These functions are pure: a policy in, text out. Everything in the text is harmless in a unit
 * file: machine names and ids consist of plain characters (policy_id_valid()); paths contain no
 * control characters, and do not end with a backslash or a space (policy/policy_file.c).
 */

#include "base/bytes.h"
#include "policy/host_config.h"
#include "policy/policy.h"

/* If a machine's policy is not valid, its unit asks for this credential. The broker always refuses
 * it, and the journal says why, so that the machine does not start without its credentials. */
#define DROP_IN_BAD_POLICY_ID "bad-policy"

/* Writes the drop-in for POLICY; nothing if the policy delivers nothing. */
void drop_in_write(const HostConfig *host, const Policy *policy, Writer *writer);

/* Writes the drop-in for the broker's own unit, if the configured store or TPM is not the one that
 * the unit allows. A TPM that is reached over the network needs more than that. */
void drop_in_write_broker(const HostConfig *host, Writer *writer);

/* The same for nspawn-creds-apply, its path unit or its service. */
void drop_in_write_apply(const HostConfig *host, bool path, Writer *writer);

/* Writes the drop-in for a machine whose policy is not valid, or if the host's configuration is
 * not. */
void drop_in_write_bad(Writer *writer);
