/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the description of a carrier.
 *
 * One that is accepted is a directory with an absolute path, a server that is asked by https, or an
 * etcd with endpoints. If it is not accepted, the reason has no control characters.
 */

#include "base/json.h"
#include "fleet/carrier_settings.h"
#include "reason.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void check_settings(const CarrierSettings *settings)
{
    size_t length = strlen(settings->location);

    assert(settings->interval > 0);
    assert(!settings->certificate == !settings->key);
    assert(!settings->user == !settings->password_file);
    assert(settings->endpoint_count <= LIMIT_CARRIER_ENDPOINTS);
    if (settings->kind == CARRIER_ETCD)
        assert(settings->endpoint_count > 0 && length == 0);
    else
        assert(settings->endpoint_count == 0 && length > 0);
    if (settings->kind == CARRIER_DIR)
        assert(settings->location[0] == '/');
    if (settings->kind == CARRIER_HTTPS)
        assert(begins(settings->location, "https://") && settings->location[length - 1] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(carrier_settings_done) CarrierSettings settings = {0}, reports = {0};
    Reason reason = {0};
    int r;

    if (json_parse((BytesView){data, size}, LIMIT_JSON_DEPTH, NULL, NULL, &object) != 0)
        return 0;
    r = carrier_settings_parse(object, &reason, &settings);
    assert(r == 0 || r == OUTCOME_BAD_FLEET_CONFIG);
    check_reason(r, &reason);
    if (r != 0)
        return 0;
    check_settings(&settings);
    if (settings.reports)
        assert(carrier_settings_for_reports(&settings, NULL, &reports) == 0);
    return 0;
}
