/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What this host knows of itself as a fleet's host: the identity that `nspawn-creds host export`
 * has printed, and keeps beside the store. To ask the TPM for its keys each time would take long.
 */

#include "credential/identity.h"
#include "fleet/manifest.h"

#include <limits.h>

/* Writes the path of the identity; STORE is the absolute path of the host's store. */
void fleet_host_path(const char *store, char path[PATH_MAX]);

/* The names of IDENTITY's keys, which is parsed, as manifests have them. */
FleetHost fleet_host_of(const Identity *identity);

/* Reads the names of its keys. OUTCOME_BAD_IDENTITY, also if there is none; a negative errno. */
int fleet_host_read(const char *store, Reason *reason, FleetHost *ret);
