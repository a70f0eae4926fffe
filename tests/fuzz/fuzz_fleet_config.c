/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: root's configuration of a fleet on a host.
 *
 * One that parses has valid names, a threshold, and a carrier only with what its kind needs. If it
 * does not parse, the reason has no control characters.
 */

#include "fleet/fleet_config.h"
#include "reason.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(fleet_config_done) FleetConfig config = {0};
    Reason reason = {0};
    int r = fleet_config_parse("prod", (BytesView){data, size}, &reason, &config);

    assert(r == 0 || r == OUTCOME_BAD_FLEET_CONFIG);
    check_reason(r, &reason);
    if (r != 0)
        return 0;
    assert(strcmp(config.name, "prod") == 0 && fleet_host_name_valid(config.host));
    assert(config.threshold >= 1);
    assert(!config.carrier.root || config.carrier.interval > 0);
    return 0;
}
