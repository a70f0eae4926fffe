/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: a host's manifest.
 *
 * One that parses names a key and has valid, sorted credentials, and is formatted to a text that
 * parses to the same again. If it does not parse, the reason has no control characters.
 */

#include "fleet/manifest.h"
#include "reason.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_credentials(const Manifest *manifest)
{
    char name[CREDENTIAL_NAME_TEXT_BYTES], before[CREDENTIAL_NAME_TEXT_BYTES] = "";

    for (size_t i = 0; i < manifest->count; i++) {
        const ManifestCredential *credential = &manifest->credentials[i];

        assert(machine_name_valid(credential->name.machine));
        assert(credential_id_valid(credential->name.id));
        assert(credential->size >= 1 && credential->size <= LIMIT_FILE_BYTES);
        assert(strlen(credential->sha256) == DIGEST_TEXT_BYTES - 1);
        credential_name_format(&credential->name, name);
        assert(strcmp(before, name) < 0);
        strcpy(before, name);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(manifest_done) Manifest manifest = {0}, other = {0};
    _cleanup_(bytes_done) Bytes first = {0}, second = {0};
    Reason reason = {0};
    int r = manifest_parse((BytesView){data, size}, &reason, &manifest);

    assert(r == 0 || r == OUTCOME_BAD_BUNDLE);
    check_reason(r, &reason);
    if (r != 0)
        return 0;
    assert(!manifest_is_for(&manifest, &(FleetHost){0}));
    assert(manifest_is_for(&manifest, &manifest.host));
    check_credentials(&manifest);
    assert(manifest_format(&manifest, &first) == 0);
    assert(manifest_parse(bytes_view(&first), NULL, &other) == 0);
    assert(manifest_format(&other, &second) == 0);
    assert(bytes_view_equal(bytes_view(&first), bytes_view(&second)));
    return 0;
}
