/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: hosts' reports, as an administrator reads them from a carrier.
 *
 * The input is a report as it is, which nobody has signed, and the text of one that a host has
 * signed: a host may be compromised. One that is accepted has valid names.
 */

#include "base/base64.h"
#include "base/json.h"
#include "fleet/fleet_config.h"
#include "fleet/report.h"
#include "reason.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_report(BytesView text, BytesView key)
{
    Reason reason = {0};
    Report report;
    int r = report_verify(text, key, &reason, &report);

    assert(r == 0 || r == OUTCOME_NOT_SIGNED);
    check_reason(r, &reason);
    if (r != 0)
        return;
    assert(fleet_name_valid(report.fleet) && fleet_host_name_valid(report.host));
    assert(strlen(report.statement) == DIGEST_TEXT_BYTES - 1);
    assert(report.outcome < _OUTCOME_MAX);
    assert(strlen(report.reason) < REPORT_REASON_BYTES);
    for (const char *c = report.credential; *c; c++)
        assert((unsigned char)*c >= ' ' && *c != 0x7f);
}

/* INNER as a host with SECRET signs it. */
static void check_signed(BytesView inner, const uint8_t *secret, BytesView key)
{
    static const char prefix[] = "nspawn-creds-report\n";
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(writer_done) Writer message = {0};
    _cleanup_(bytes_done) Bytes signature = {0}, text = {0};
    uint8_t made[crypto_sign_BYTES];

    writer_text(&message, prefix);
    writer_bytes(&message, inner);
    crypto_sign_detached(made, NULL, message.bytes.data, message.bytes.size, secret);
    assert(base64_encode((BytesView){made, sizeof(made)}, 0, &signature) == 0);
    json_add_view(object, "report", inner);
    json_add_view(object, "signature", bytes_view(&signature));
    assert(json_print(object, &text) == 0);
    check_report(bytes_view(&text), key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {1};
    BytesView key = {public, sizeof(public)};

    if (secret[0] == 0)
        assert(sodium_init() >= 0 && crypto_sign_seed_keypair(public, secret, seed) == 0);
    check_report((BytesView){data, size}, key);
    check_signed((BytesView){data, size}, secret, key);
    return 0;
}
