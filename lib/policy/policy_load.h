/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds and loads a machine's policy. The search path is:
 *
 *     /etc/nspawn-creds/MACHINE.json            for the administrator
 *     /run/nspawn-creds/policy/MACHINE.json     for programs
 *     /usr/lib/nspawn-creds/MACHINE.json        for packages
 *
 * The first existing file is used; an empty one, or a link to /dev/null, hides later ones. Then
 * come the drop-ins, MACHINE.json.d/NAME.json in all three directories, sorted by NAME. For the
 * same name the first one is used, and an empty one hides the others.
 *
 * A file that exists but cannot be read, for whatever reason, makes the policy invalid. It never
 * counts as missing.
 */

#include "base/context.h"
#include "policy/policy.h"

#include <sys/types.h>

/* The state of a path, to detect changes. */
typedef struct PolicyStamp {
    char *path;
    dev_t device; /* all 0 if it did not exist */
    ino_t inode;
    off_t size;         /* a negative errno if it could not be examined */
    int64_t changed[2]; /* ctime: seconds and ns since 1970 */
} PolicyStamp;

/* The stamps of all paths that a policy depends on. */
typedef struct PolicyStamps {
    PolicyStamp *stamps;
    size_t count;
} PolicyStamps;

void policy_stamps_done(PolicyStamps *stamps); /* for _cleanup_ */
/* Whether no path has changed. */
bool policy_stamps_match(const PolicyStamps *stamps);

/* Reads and checks the policy of MACHINE. OUTCOME_NOT_FOUND if it has none; OUTCOME_BAD_POLICY;
 * -ENOMEM. RET_STAMPS may be NULL, and is also set if there is no policy. */
int policy_load(const Context *context, const char *machine, PolicyFault *fault,
                PolicyStamps *ret_stamps, Policy **ret);

/* Lists the machines with policy files, sorted by name; a name may be invalid. The array ends with
 * NULL. Of directories that cannot be read the machines are missing; FAULT, which may be NULL, is
 * then set for one of them, and otherwise left as it is. */
int policy_machines(const Context *context, PolicyFault *fault, char ***ret);
void policy_machines_free(char **machines);
DEFINE_CLEANUP(char **, policy_machines_free);

/* Reads the policy file PATH; RET is empty if it hides others. OUTCOME_NOT_FOUND;
 * OUTCOME_BAD_POLICY if it cannot be read or must not be trusted; -ENOMEM. */
int policy_file_read(const char *path, PolicyFault *fault, Bytes *ret);
