/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An administrator's own configuration of a fleet, outside the repository, which they do not trust,
 * in ~/.config/nspawn-creds/fleet ($XDG_CONFIG_HOME). What was verified is beside it (verified.h).
 *
 * NAME.json is strict JSON, all of whose members are optional:
 *
 *     signers          file of allowed signers (default: NAME.signers beside it)
 *     threshold        how many of them must sign (default: 1)
 *     key              the SSH key to sign with, as ssh-keygen -Y sign -f takes it
 *     identity         the age identity that opens masters
 *     open, encrypt    commands that do so in place of age, lists of words
 *     carrier          where push puts files, as in a host's configuration (docs/FLEET.md)
 *
 * It names programs, so that a file that others could have written is refused.
 */

#include "fleet/allowed_signers.h"
#include "fleet/masters.h"
#include "options.h"

#include <limits.h>

typedef struct FleetAdmin {
    char *signers, *key, *identity; /* paths; NULL if not given */
    size_t threshold;               /* at least 1 */
    char **open, **encrypt;         /* NULL if not given */
    struct json_object *carrier;    /* valid, or NULL if not given */
} FleetAdmin;

void fleet_admin_done(FleetAdmin *admin); /* for _cleanup_ */

/* OUTCOME_BAD_FLEET_CONFIG. */
int fleet_admin_load(const Context *context, const char *fleet, Reason *reason, FleetAdmin *ret);

/* How masters are opened, according to OPTIONS, or else ADMIN. Borrowed from both. */
MasterProgram fleet_admin_program(const FleetAdmin *admin, const Options *options);

/* Writes the path of this administrator's file about FLEET with SUFFIX, such as ".verified". */
int fleet_admin_path(const char *fleet, const char *suffix, Reason *reason, char path[PATH_MAX]);

/* Reads such a file of at most LIMIT bytes, which only this user can have written.
 * OUTCOME_NOT_FOUND; OUTCOME_BAD_FLEET_CONFIG. */
int fleet_admin_read(const Context *context, const char *path, size_t limit, Reason *reason,
                     Bytes *ret);

/* Where the allowed signers are. */
int fleet_admin_signers_path(const FleetAdmin *admin, const char *fleet, Reason *reason,
                             char path[PATH_MAX]);

/* How many people are among SIGNERS who may sign for fleets. */
size_t fleet_signers_count(const AllowedSigners *signers);

/* Parses a file of allowed signers, of whom THRESHOLD must sign. NAME is for messages.
 * OUTCOME_BAD_SIGNERS, also if the threshold is not more than half of them. */
int fleet_signers_parse(BytesView file, const char *name, size_t threshold, Reason *reason,
                        AllowedSigners *ret);

/* OUTCOME_USAGE if this administrator has a configuration of FLEET already. */
int fleet_admin_check_new(const char *fleet, Reason *reason);

/* Writes the configuration of a new fleet: a copy of the file SIGNERS (empty: none), their
 * threshold (0: none), and the age identity (a path; NULL if not known). -EEXIST. */
int fleet_admin_create(const char *fleet, BytesView signers, size_t threshold, const char *identity,
                       Reason *reason);

/* Reads the allowed signers. OUTCOME_USAGE if there is no such file; OUTCOME_BAD_SIGNERS, also if
 * the threshold is not more than half of them, so that one could sign two stories. */
int fleet_admin_signers(const FleetAdmin *admin, const char *fleet, Reason *reason,
                        AllowedSigners *ret);
