/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the tests of lib/tpm/endorsement.h: a host as it presents itself, challenges to it,
 * and its answers.
 */

#include "swtpm_hardships.h"
#include "tpm_fixture.h"

#include "tpm/blob.h"
#include "tpm/challenge.h"
#include "tpm/endorsement.h"

/* Whether it is certain that a software TPM can make such a key. libtpms makes keys of RSA-4096
 * since version 0.10, if it was built so. */
static const struct {
    TpmEndorsementKind kind;
    bool required;
} kinds[] = {
    {TPM_ENDORSEMENT_L2, true},  {TPM_ENDORSEMENT_H2, true}, {TPM_ENDORSEMENT_L1, true},
    {TPM_ENDORSEMENT_H1, true},  {TPM_ENDORSEMENT_H3, true}, {TPM_ENDORSEMENT_H6, true},
    {TPM_ENDORSEMENT_H7, false},
};

/* A host, as it presents itself. */
typedef struct Host {
    TpmEndorsement endorsement;
    TpmExport export;
    TpmStorageKey key; /* of .endorsement.area */
} Host;

static inline void host_done(Host *host)
{
    tpm_endorsement_done(&host->endorsement);
    tpm_export_done(&host->export);
}

/* False if the TPM cannot make such a key, and need not. */
static inline bool read_host(Fixture *fixture, size_t i, Host *ret)
{
    const TpmKeyTemplate *template = &tpm_endorsement_templates[kinds[i].kind];
    int r = tpm_endorsement_read(fixture->tpm, kinds[i].kind, &fixture->reason, &ret->endorsement);

    if (r == OUTCOME_TPM_UNABLE && !kinds[i].required) {
        assert_says(fixture, template->words);
        return false;
    }
    assert_int_equal(r, 0);
    assert_int_equal(
        tpm_endorsement_key_parse(bytes_view(&ret->endorsement.area), &fixture->reason, &ret->key),
        0);
    assert_ptr_equal(ret->key.template, template);
    assert_true(ret->endorsement.area.size <= TPM_ENDORSEMENT_MAX_BYTES);
    assert_int_equal(tpm_export(fixture->tpm, &fixture->reason, &ret->export), 0);
    assert_nothing_left(fixture);
    return true;
}

/* Challenges the TPM with ENDORSEMENT to prove that it has the key AREA. */
static inline void challenge(Fixture *fixture, const TpmStorageKey *endorsement, const Bytes *area,
                             const Secret *secret, Bytes *ret)
{
    unsigned commands = tap.count;
    TpmStorageKey key;

    assert_int_equal(tpm_storage_key_parse(bytes_view(area), NULL, &key), 0);
    assert_int_equal(
        tpm_challenge_new(&fixture->context, endorsement, key.name, secret, &fixture->reason, ret),
        0);
    assert_int_equal(tap.count, commands); /* without a TPM */
}

static inline int answer(Fixture *fixture, const Host *host, const Bytes *area, BytesView blob,
                         Secret **ret)
{
    TpmChallenge request = {bytes_view(&host->endorsement.area), bytes_view(area), blob};
    int r;

    tap.count = 0; /* it has room for some hundred */
    r = tpm_activate(fixture->tpm, &request, &fixture->reason, ret);
    assert_true((r == 0) == (*ret != NULL));
    assert_nothing_left(fixture);
    return r;
}

static inline void refused(Fixture *fixture, const Host *host, const Bytes *area, BytesView blob,
                           int expected, const char *words)
{
    Secret *secret = NULL;

    fixture->reason = (Reason){0};
    assert_int_equal(answer(fixture, host, area, blob, &secret), expected);
    assert_says(fixture, words);
}
