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

#include "base/array.h"
#include "base/context.h"
#include "policy/policy.h"

/* Which directories of the search path have which kinds of files, for any machine; bits. */
typedef unsigned PolicyPlaces;
#define POLICY_EVERYWHERE (~0U)

/* The state of a path. Each change of what it names shows, unless it comes so soon after the last
 * one that both have the same time. (A program that writes to a file through a mapping may change
 * it later than the file's time says; none does that to a policy.) */
typedef struct PolicyStamp {
    char *path;
    int error; /* errno if there is nothing to see, such as ENOENT; then the rest is 0 */
    dev_t device;
    uint64_t inode;
    uint64_t size;
    int64_t changed[2]; /* ctime: seconds and ns since 1970 */
} PolicyStamp;

/* The stamps of all paths on which a policy, or that there is none, depends. */
typedef struct PolicyStamps {
    PolicyStamp *stamps;
    size_t count;
    bool settling; /* a path changed too short a time ago for its stamp to be relied on */
} PolicyStamps;

void policy_stamps_done(PolicyStamps *stamps); /* for _cleanup_ */

/* Whether all paths are as they were. */
bool policy_stamps_match(const PolicyStamps *stamps);

/* Reads and checks the policy of MACHINE. OUTCOME_NOT_FOUND if it has none; OUTCOME_BAD_POLICY;
 * -ENOMEM. */
int policy_load(const Context *context, const char *machine, PolicyFault *fault, Policy **ret);

/* The same, but looks only in PLACES, from policy_machines(): a thousand machines without drop-ins
 * take 3 ms less. For a cache, fills in STAMPS, which are empty, also if there is no policy. */
int policy_load_from(const Context *context, const char *machine, PolicyPlaces places,
                     PolicyStamps *stamps, PolicyFault *fault, Policy **ret);

/* Lists the machines with policy files, sorted by name; a name may be invalid. The caller
 * frees them with strings_free(). Of directories that cannot be read the machines are missing;
 * FAULT, which may be NULL, is then set for one of them, and otherwise left as it is. RET_PLACES
 * may be NULL. */
int policy_machines(const Context *context, PolicyFault *fault, PolicyPlaces *ret_places,
                    char ***ret);

/* Reads the policy file PATH; RET is empty if it hides others. OUTCOME_NOT_FOUND;
 * OUTCOME_BAD_POLICY if it cannot be read or must not be trusted; -ENOMEM. */
int policy_file_read(const char *path, PolicyFault *fault, Bytes *ret);
