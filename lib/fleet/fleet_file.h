/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * fleet.json: which hosts of a fleet get which secrets. A pure codec; docs/FLEET.md has the format.
 *
 * Hosts are named one by one, by patterns of "*" and "?", or by groups of both. The names of hosts
 * are not in the file: whether a pattern matches is for the caller to ask.
 */

#include "base/json.h"
#include "base/names.h"
#include "base/recipe.h"
#include "fleet/fleet_config.h"

typedef struct FleetGroup {
    char *name;
    char **hosts; /* names and patterns, at least one; ends with NULL */
} FleetGroup;

typedef struct FleetSecret {
    char *name;                /* of its master copy, secrets/NAME.age */
    CredentialName credential; /* as which the hosts get it */
    char **hosts;              /* names, patterns and "@GROUP", at least one; ends with NULL */
    uint64_t pcrs;             /* sealed for the values of these in a host's identity; a mask */
    uint64_t policy_pcrs;      /* sealed for what the key in a host's identity signs for these */
    bool pending;              /* sealed for a later boot, see ManifestCredential */
    bool generated;
    Recipe recipe; /* if .generated */
} FleetSecret;

/* Sorted by name. */
typedef struct FleetFile {
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    bool require_proof; /* every host's keys have to be proved to be in a genuine TPM */
    FleetGroup *groups;
    size_t group_count;
    FleetSecret *secrets;
    size_t secret_count;
} FleetFile;

void fleet_file_done(FleetFile *file); /* for _cleanup_ */
void fleet_secret_done(FleetSecret *secret);

/* OUTCOME_BAD_REPOSITORY, with "LINE:COLUMN: " in front of what is wrong where it has a position;
 * -ENOMEM. */
int fleet_file_parse(BytesView text, Reason *reason, FleetFile *ret);

/* Formats FILE for people: indented, in the order of its arrays, with a newline at the end.
 * -ENOMEM.
 */
int fleet_file_format(const FleetFile *file, Bytes *ret);

/* NULL if there is none. */
FleetSecret *fleet_file_secret(const FleetFile *file, const char *name);
FleetGroup *fleet_file_group(const FleetFile *file, const char *name);

/* Adds SECRET, which it takes, in the place that its name has. There must be none of this name.
 * -ENOMEM. */
int fleet_file_add_secret(FleetFile *file, FleetSecret *secret);

/* Whether NAME can be a secret's: 1 to LIMIT_FLEET_SECRET_BYTES of a-z, A-Z, 0-9 and "-_.", not
 * beginning with "-" or ".". */
bool fleet_secret_name_valid(const char *name);

/* Whether PATTERN, a host's name in which "*" stands for any characters and "?" for one, matches
 * HOST. */
bool fleet_pattern_matches(const char *pattern, const char *host);

/* Whether it has a "*" or "?"; else it is a name. */
bool fleet_pattern_is(const char *pattern);
