/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fleet on this host: what root's configuration says, what was accepted last, and whether its
 * signers are still those of the configuration. It says how things are; nothing is decided by it.
 */

#include "base/context.h"
#include "fleet/fleet_config.h"
#include "fleet/fleet_set.h"

struct json_object;

/* "SHA256:" and base64 without padding, as ssh-keygen -l prints it, with a NUL. */
#define SSH_FINGERPRINT_BYTES ((size_t)51)

typedef struct FleetStatus {
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    int rc; /* why something below is missing: OUTCOME_NO_SET, OUTCOME_BAD_FLEET_CONFIG, …; 0 if
             * nothing is
             */
    Reason reason;

    /* root's configuration; 0 if it is missing or not valid */
    size_t threshold;
    uint64_t max_age;       /* µs; 0 if it is not limited */
    uint64_t signers_until; /* µs since 1970, when fewer than the threshold may sign; 0 if now */

    /* the accepted set; 0 if there is none */
    uint64_t sequence;
    uint64_t floor;             /* see FleetSet */
    uint64_t issued, not_after; /* µs since 1970 */
    size_t credentials;
    size_t pending; /* of them: those that are sealed for a later boot, and did not open */
    size_t signers; /* principals who signed it and are still in the file of allowed signers */
    char removed[SSH_FINGERPRINT_BYTES]; /* of a key that signed it and is not; "" for none */
} FleetStatus;

/* -ENOMEM. STORE is the path of the host's own store. */
int fleet_status_load(const Context *context, const char *store, const char *fleet,
                      FleetStatus *ret);

/* The fleets that are configured or have an accepted set, sorted; ends with NULL. A negative errno.
 */
int fleet_status_list(const Context *context, const char *store, Reason *reason, char ***ret);

/* Whether the accepted set is older than root's configuration allows. */
bool fleet_status_is_old(const FleetStatus *status, uint64_t now);

/* As in the broker's interface; NULL if there is no memory. */
struct json_object *fleet_status_to_json(const FleetStatus *status);
