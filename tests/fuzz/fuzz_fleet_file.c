/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: fleet.json.
 *
 * One that parses has valid names and existing groups, and is formatted to a text that parses to
 * the same again. If it does not parse, the reason has no control characters.
 */

#include "fleet/fleet_file.h"
#include "reason.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_secrets(const FleetFile *file)
{
    for (size_t i = 0; i < file->secret_count; i++) {
        const FleetSecret *secret = &file->secrets[i];

        assert(fleet_secret_name_valid(secret->name));
        assert(fleet_file_secret(file, secret->name) == secret);
        assert(machine_name_valid(secret->credential.machine));
        assert(credential_id_valid(secret->credential.id));
        assert(secret->hosts[0]);
        for (char **host = secret->hosts; *host; host++) {
            assert(**host != '@' || fleet_file_group(file, *host + 1));
            assert(**host == '@' || fleet_pattern_is(*host) || fleet_host_name_valid(*host));
            fleet_pattern_matches(*host, "web-1");
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(fleet_file_done) FleetFile file = {0}, other = {0};
    _cleanup_(bytes_done) Bytes first = {0}, second = {0};
    Reason reason = {0};
    int r = fleet_file_parse((BytesView){data, size}, &reason, &file);

    assert(r == 0 || r == OUTCOME_BAD_REPOSITORY);
    check_reason(r, &reason);
    if (r != 0)
        return 0;
    check_secrets(&file);
    assert(fleet_file_format(&file, &first) == 0);
    assert(fleet_file_parse(bytes_view(&first), NULL, &other) == 0);
    assert(fleet_file_format(&other, &second) == 0);
    assert(bytes_view_equal(bytes_view(&first), bytes_view(&second)));
    return 0;
}
