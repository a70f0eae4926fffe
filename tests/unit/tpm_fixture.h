/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The tests of lib/tpm share this: a software TPM and a tapped connection for each test, and
 * wrappers of the two operations that look after what must hold whatever they say: only success
 * touches what is returned, and the TPM holds as many objects and sessions as before, none.
 */

#include "support.h"
#include "swtpm.h"
#include "swtpm_tap.h"

#include "tpm/tpm.h"
#include "tpm/tpm_internal.h"

#include <stdio.h>
#include <string.h>

#define MASK(pcr) (UINT64_C(1) << (pcr))

typedef struct Fixture {
    Context context;
    Swtpm *swtpm;
    Tpm *tpm; /* tapped */
    Reason reason;
} Fixture;

static inline int set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(context_system(&fixture->context), 0);
    assert_int_equal(swtpm_start(NULL, &fixture->swtpm), 0);
    assert_int_equal(tap_open(fixture->swtpm, &fixture->tpm), 0);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    Fixture *fixture = *state;

    tpm_free(fixture->tpm);
    swtpm_stop(fixture->swtpm);
    free(fixture);
    return 0;
}

#define assert_nothing_left(fixture) assert_int_equal(swtpm_count_handles((fixture)->swtpm), 0)

static inline void seal(Fixture *fixture, uint64_t mask, TpmSealed *ret, Secret **ret_key)
{
    TpmSealRequest request = {.pcrs.mask = mask};

    assert_int_equal(
        tpm_seal(fixture->tpm, &fixture->context, &request, &fixture->reason, ret, ret_key), 0);
    assert_nothing_left(fixture);
}

/* Seals under the storage root key, which is made. */
static inline void seal_pinned(Fixture *fixture, uint64_t mask, TpmSealed *ret, Secret **ret_key)
{
    TpmSealRequest request = {.pcrs.mask = mask, .pinned = true};
    uint8_t *srk;
    size_t size;

    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    assert_int_equal(
        tpm_seal(fixture->tpm, &fixture->context, &request, &fixture->reason, ret, ret_key), 0);
    assert_nothing_left(fixture);
    assert_true(bytes_view_equal(bytes_view(&ret->srk), (BytesView){srk, size}));
    assert_int_equal(ret->primary_alg, TPM_ALGORITHM_ECC);
    free(srk);
}

/* Unseals, and checks that only success touches what is returned, and that nothing stays behind. */
static inline int unseal(Fixture *fixture, const TpmSealed *sealed, Secret **ret_key)
{
    TpmSealedView view = tpm_sealed_view(sealed);
    Secret *key = NULL;
    int r = tpm_unseal(fixture->tpm, &view, &fixture->reason, &key);

    assert_true(r >= 0);
    assert_true((r == 0) == (key != NULL));
    assert_nothing_left(fixture);
    if (ret_key)
        *ret_key = key;
    else
        secret_free(key);
    return r;
}

#define assert_says(fixture, words) assert_non_null(strstr((fixture)->reason.text, (words)))

static inline void assert_unseals(Fixture *fixture, const TpmSealed *sealed, const Secret *key)
{
    _cleanup_(secret_freep) Secret *unsealed = NULL;

    assert_int_equal(unseal(fixture, sealed, &unsealed), 0);
    assert_true(secret_equal(unsealed, key));
}

#define with_tpm(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Runs the tests; 77, which ctest shows as skipped, if swtpm is not installed. */
#define run_with_swtpm(tests)                                                                      \
    (swtpm_is_missing() ? 77 : cmocka_run_group_tests((tests), NULL, NULL))

static inline bool swtpm_is_missing(void)
{
    Swtpm *probe = NULL;

    if (swtpm_start(NULL, &probe) == SWTPM_MISSING)
        return true;
    swtpm_stop(probe);
    return false;
}
