/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: bundles, and their judgement.
 *
 * One that parses is formatted to a text that parses to the same again. The only signer is alice of
 * tests/vectors/fleet, and the host is the one of the bundle there. So nothing else is accepted
 * than her statement with that host's manifest.
 */

#include "base/base64.h"
#include "base/context.h"
#include "fleet/bundle.h"
#include "reason.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIGNERS                                                                                    \
    "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJeSsiiT0HTU1MlOIdDclZf1v4+X0iiqPaGJXcjWhcK+"
#define SRK        "000bd506cace12838c7931c71a07a2d80fa05e5ef82d3f5575534cb4b70dc6d1d582"
#define LEGACY_ECC "000ba6aab2fbd3a357bbde9bcfbb0e380e9a4d50237e45a75754149282f1de35b0aa"
#define LEGACY_RSA "000b9946a1dd22e372f98f2f1193c7eba4a0371f3c593badbe106cdf55d0f2c6d85a"
/* SHA-256 of the manifest */
#define MANIFEST   "ac6b57c152a0440c760aa35b4e38434c3344be75c9a8b6b5b3dbfbb98b362a68"
/* 2026-12-01 12:00:00 UTC, µs */
#define NOW        UINT64_C(1796126400000000)

static void check_round_trip(const Bundle *bundle)
{
    _cleanup_(bytes_done) Bytes first = {0}, second = {0};
    _cleanup_(bundle_done) Bundle again = {0};

    assert(bundle_format(bundle, &first) == 0);
    assert(bundle_parse(bytes_view(&first), NULL, &again) == 0);
    assert(bundle_format(&again, &second) == 0);
    assert(bytes_view_equal(bytes_view(&first), bytes_view(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static AllowedSigners signers;
    _cleanup_(bundle_done) Bundle bundle = {0};
    _cleanup_(manifest_done) Manifest manifest = {0};
    FleetTrust trust = {.fleet = "prod", .signers = &signers, .threshold = 1, .now = NOW};
    Statement statement;
    Reason reason = {0};
    int r;

    if (!signers.signers)
        assert(allowed_signers_parse(text_view(SIGNERS), NULL, &signers) == 0);
    strcpy(trust.host.keys[FLEET_SRK], SRK);
    strcpy(trust.host.keys[FLEET_LEGACY_ECC], LEGACY_ECC);
    strcpy(trust.host.keys[FLEET_LEGACY_RSA], LEGACY_RSA);
    if (bundle_parse((BytesView){data, size}, NULL, &bundle) == 0)
        check_round_trip(&bundle);
    r = bundle_judge((BytesView){data, size}, &trust, &reason, &statement, &manifest);
    assert(r == 0 || r == OUTCOME_BAD_BUNDLE || r == OUTCOME_NOT_SIGNED);
    check_reason(r, &reason);
    if (r == 0) {
        char digest[DIGEST_TEXT_BYTES];

        digest_format(bytes_view(&bundle.manifest), digest);
        assert(statement.sequence == 42 && strcmp(digest, MANIFEST) == 0);
    }
    return 0;
}
