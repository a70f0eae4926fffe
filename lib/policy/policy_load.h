/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where a machine's policy is, in order of precedence:
 *
 *     /etc/nspawn-creds/MACHINE.json            the administrator's
 *     /run/nspawn-creds/policy/MACHINE.json     made while the system runs
 *     /usr/lib/nspawn-creds/MACHINE.json        a package's
 *
 * The first that is there is taken; one that is empty, or a link to /dev/null, hides those after
 * it. Then come the drop-ins, MACHINE.json.d/NAME.json in all three places, by order of NAME; of
 * the same name again the first, and an empty one hides the others.
 *
 * A file that is there and cannot be read, for whatever reason, is a bad policy and never none.
 */

#include "base/context.h"
#include "policy/policy.h"

#include <sys/types.h>

/* How a path was found, to tell whether it has changed. */
typedef struct PolicyStamp {
    char *path;
    dev_t device; /* all 0 if it was not there */
    ino_t inode;
    off_t size;         /* a negative errno if it could not be looked at */
    int64_t changed[2]; /* ctime: seconds and ns since 1970 */
} PolicyStamp;

/* Of all paths that a policy depends on. */
typedef struct PolicyStamps {
    PolicyStamp *stamps;
    size_t count;
} PolicyStamps;

void policy_stamps_done(PolicyStamps *stamps); /* for _cleanup_ */
/* Whether all paths are as they were. */
bool policy_stamps_match(const PolicyStamps *stamps);

/* Reads and checks the policy of MACHINE. OUTCOME_NOT_FOUND if it has none; OUTCOME_BAD_POLICY;
 * -ENOMEM. RET_STAMPS may be NULL, and is set as well where there is no policy. */
int policy_load(const Context *context, const char *machine, PolicyFault *fault,
                PolicyStamps *ret_stamps, Policy **ret);

/* A machine that there are policies for. */
typedef struct PolicyMachine {
    char *name;     /* need not be valid */
    unsigned found; /* in which of the places, for policy_load_found() */
} PolicyMachine;

/* All of them, in order of their names; the array ends with a NULL for a name and is freed with
 * policy_machines_free(). A place that cannot be read has none. */
int policy_machines(const Context *context, PolicyMachine **ret);
void policy_machines_free(PolicyMachine *machines);
DEFINE_CLEANUP(PolicyMachine *, policy_machines_free);

/* policy_load() for who goes through all machines: looks only where policy_machines() found
 * something, or could not see whether there is. */
int policy_load_found(const Context *context, const PolicyMachine *machine, PolicyFault *fault,
                      Policy **ret);

/* Reads the policy file PATH; RET is empty if it hides others. OUTCOME_NOT_FOUND;
 * OUTCOME_BAD_POLICY if it cannot be read, or is none that may be trusted; -ENOMEM. */
int policy_file_read(const char *path, PolicyFault *fault, Bytes *ret);
