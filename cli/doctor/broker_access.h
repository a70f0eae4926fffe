/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Why the broker, which runs as a user of its own in a sandbox, cannot read a file of a policy that
 * root can read. It explains; the broker's own answer (client/broker_check.h) is what counts.
 */

#include "policy/policy.h"

#include <limits.h>

typedef struct BrokerAccess {
    char why[2 * PATH_MAX + 256];     /* names the file, and what is in the way */
    char command[2 * PATH_MAX + 256]; /* fixes that; "" if there is none */
} BrokerAccess;

/* Whether the broker can read the file PATH or list the directory PATH. SECRET: it is a plaintext,
 * which must stay unreadable for others. Also true if it does not exist, or this user may not look.
 * RET is only changed if not. */
bool broker_access_path(const char *path, bool secret, BrokerAccess *ret);

/* The same for a file of a policy and its directory, which the broker also lists. */
bool broker_access_policy_file(const char *path, BrokerAccess *ret);

/* The same for the file outside the store, if any, that CREDENTIAL is read from. */
bool broker_access_source(const PolicyCredential *credential, BrokerAccess *ret);
