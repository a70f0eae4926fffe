/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host's configuration of a fleet, /etc/nspawn-creds/fleet/NAME.json (docs/FLEET.md, "On a
 * host").
 *
 * It is root's alone, as nspawn-creds.conf is: a file that somebody else could have written is
 * refused. Beside it, NAME.signers says who may sign.
 */

#include "base/context.h"
#include "fleet/allowed_signers.h"
#include "fleet/carrier_settings.h"
#include "fleet/statement.h"

#define FLEET_CONFIG_FOLDER "/etc/nspawn-creds/fleet"

typedef struct FleetConfig {
    char name[LIMIT_FLEET_NAME_BYTES + 1];
    char host[LIMIT_FLEET_HOST_BYTES + 1]; /* this host's name in the fleet */
    size_t threshold;                      /* signers that a statement needs, at least 1 */
    uint64_t max_age;                      /* µs, after which the set is reported as old; or 0 */
    CarrierSettings carrier;               /* .root is NULL if the host has none */
} FleetConfig;

void fleet_config_done(FleetConfig *config); /* for _cleanup_ */

/* Whether NAME can be a host's: a label of LIMIT_FLEET_HOST_BYTES at most. */
bool fleet_host_name_valid(const char *name);

/* Reads the configuration of the fleet NAME. OUTCOME_NOT_FOUND; OUTCOME_BAD_FLEET_CONFIG, with file
 * and fault; a negative errno. */
int fleet_config_load(const Context *context, const char *name, Reason *reason, FleetConfig *ret);

/* The pure part: TEXT is the content of the fleet NAME's file. OUTCOME_BAD_FLEET_CONFIG; -ENOMEM.
 */
int fleet_config_parse(const char *name, BytesView text, Reason *reason, FleetConfig *ret);

/* Reads NAME.signers. OUTCOME_BAD_SIGNERS, with file and fault, also if there is none; a negative
 * errno. */
int fleet_config_signers(const Context *context, const char *name, Reason *reason,
                         AllowedSigners *ret);

/* The names of fleets with SUFFIX that the directory PATH has, sorted and without it; none if there
 * is no such directory. RET ends with NULL. A negative errno. */
int fleet_names_list(const char *path, const char *suffix, Reason *reason, char ***ret);

/* Those of all fleets that have a configuration. */
int fleet_config_list(const Context *context, Reason *reason, char ***ret);
