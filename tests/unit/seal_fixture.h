/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the tests of lib/seal share: a software TPM, a root with a machine id and room for a host
 * key, a store, and an observer that remembers what it was told.
 */

#include "support.h"
#include "swtpm.h"

#include "seal/seal_keys.h"
#include "seal/unsealer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct SealFixture {
    TestFolder folder;
    Context context;
    Swtpm *swtpm;
    Store *store;
    Observer observer;
    char notes[1024];
    char waits[1024]; /* each with a ";" */
    unsigned open_waits;
    Reason reason;
} SealFixture;

static void fixture_note(void *userdata, const char *text)
{
    SealFixture *fixture = userdata;

    strncat(fixture->notes, text, sizeof(fixture->notes) - strlen(fixture->notes) - 1);
}

static void fixture_begin(void *userdata, const char *what)
{
    SealFixture *fixture = userdata;

    assert_int_equal(fixture->open_waits++, 0);
    strncat(fixture->waits, what, sizeof(fixture->waits) - strlen(fixture->waits) - 1);
    strncat(fixture->waits, ";", sizeof(fixture->waits) - strlen(fixture->waits) - 1);
}

static void fixture_end(void *userdata)
{
    SealFixture *fixture = userdata;

    assert_int_equal(--fixture->open_waits, 0);
}

static inline int set_up(void **state)
{
    SealFixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->folder = test_folder();
    test_folder_make_root(&fixture->folder);
    assert_int_equal(context_system(&fixture->context), 0);
    fixture->context.root = fixture->folder.path;
    assert_int_equal(setenv("SYSTEMD_CREDENTIAL_SECRET", test_path(&fixture->folder, "key"), 1), 0);
    assert_int_equal(mkdir(test_path(&fixture->folder, "store"), 0750), 0);
    assert_int_equal(store_new(test_path(&fixture->folder, "store"), NULL, &fixture->store), 0);
    assert_int_equal(swtpm_start(NULL, &fixture->swtpm), 0);
    fixture->observer = (Observer){.note = fixture_note,
                                   .wait_begin = fixture_begin,
                                   .wait_end = fixture_end,
                                   .userdata = fixture};
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    SealFixture *fixture = *state;

    assert_int_equal(fixture->open_waits, 0);
    swtpm_stop(fixture->swtpm);
    store_free(fixture->store);
    test_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

/* For KEY_TYPES and systemd VERSION, as web@x. */
static inline SealSpec fixture_spec(const SealFixture *fixture, unsigned key_types,
                                    unsigned version)
{
    return (SealSpec){.keys = SEAL_GIVEN_KEYS,
                      .key_types = key_types,
                      .version = version,
                      .tpm_device = swtpm_device(fixture->swtpm),
                      .name = "web@x"};
}

static inline Unsealer fixture_unsealer(const SealFixture *fixture)
{
    return (Unsealer){.context = &fixture->context,
                      .observer = &fixture->observer,
                      .spec.tpm_device = swtpm_device(fixture->swtpm)};
}

/* Seals "hello" as SPEC says; forgets what the observer was told before. */
static inline int fixture_seal(SealFixture *fixture, const SealSpec *spec,
                               const CredentialSections *like, Bytes *ret)
{
    _cleanup_(secret_freep) Secret *value = test_secret("hello");
    _cleanup_(seal_keys_done) SealKeys keys = {0};
    SealContext seal = {&fixture->context, spec, &fixture->observer};
    int r;

    fixture->notes[0] = fixture->waits[0] = '\0';
    r = seal_prepare(&seal, like, &fixture->reason, &keys);
    return r == 0 ? seal_value(&seal, &keys, value, &fixture->reason, ret) : r;
}

/* A credential, taken apart. */
typedef struct Sample {
    Bytes sealed, raw;
    CredentialSections sections;
} Sample;

static inline void sample_done(Sample *sample)
{
    bytes_done(&sample->sealed);
    bytes_done(&sample->raw);
}

/* As fixture_seal(); forgets what the observer was told of it, too. */
static inline void fixture_sample(SealFixture *fixture, const SealSpec *spec, Sample *ret)
{
    if (fixture_seal(fixture, spec, NULL, &ret->sealed) != 0)
        fail_msg("%s", fixture->reason.text);
    assert_int_equal(credential_unpack(bytes_view(&ret->sealed), NULL, &ret->raw, &ret->sections),
                     0);
    fixture->notes[0] = fixture->waits[0] = '\0';
}

/* How many of the waits so far were for WHAT. */
static inline unsigned fixture_waits(const SealFixture *fixture, const char *what)
{
    unsigned count = 0;

    for (const char *at = fixture->waits; (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* --- forms: what a credential is, at TEST_NOW --- */

static inline uint64_t fixture_now(const Context *context)
{
    (void)context;
    return TEST_NOW;
}

/* As set_up(), but time stands still. */
static inline int set_up_at_test_now(void **state)
{
    SealFixture *fixture;

    set_up(state);
    fixture = *state;
    fixture->context.now = fixture_now;
    return 0;
}

/* When one of a form was sealed. */
#define FORM_SEALED (TEST_NOW - UINT64_C(1000000000))

typedef struct SealForm {
    unsigned key_types;
    uint64_t pcrs;
    bool raw;
    uint64_t not_after;
    const char *name; /* "": none */
} SealForm;

/* Seals "hello". */
static inline void fixture_seal_form(SealFixture *fixture, const SealForm *form, Bytes *ret)
{
    SealSpec spec = fixture_spec(fixture, form->key_types, 257);

    spec.name = form->name;
    spec.has_pcrs = spec.has_not_after = true;
    spec.pcrs.mask = form->pcrs;
    spec.timestamp = FORM_SEALED;
    spec.not_after = form->not_after;
    spec.format = form->raw ? SEAL_RAW : SEAL_BASE64;
    spec.uid = form->key_types & KIND_SCOPED ? "self" : NULL;
    if (fixture_seal(fixture, &spec, NULL, ret) != 0)
        fail_msg("%s", fixture->reason.text);
}

/* Opens FILE, which is of FORM, and contains VALUE. */
static inline void fixture_expect_form(SealFixture *fixture, const char *rule, const Bytes *file,
                                       const SealForm *form, const char *value)
{
    _cleanup_(unsealer_done) Unsealer unsealer = fixture_unsealer(fixture);
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections sections;
    CredentialMetadata metadata;
    Reason reason = {0};

    unsealer.spec.uid = form->key_types & KIND_SCOPED ? "self" : NULL;
    unsealer.spec.allow_null = true;
    assert_int_equal(credential_unpack(bytes_view(file), NULL, &raw, &sections), 0);
    if (unsealer_open(&unsealer, &sections, NULL, &reason, &metadata, &plaintext) != 0)
        fail_msg("%s: %s", rule, reason.text);
    if (!bytes_view_equal(secret_view(plaintext), test_view(value)))
        fail_msg("%s: another value", rule);
    if (sections.kind->key_types != form->key_types || sections.tpm.pcr_mask != form->pcrs)
        fail_msg("%s: %s with PCRs 0x%llx", rule, sections.kind->name,
                 (unsigned long long)sections.tpm.pcr_mask);
    if ((file->size == raw.size) != form->raw)
        fail_msg("%s: raw or not", rule);
    if (strcmp(metadata.name, form->name) != 0)
        fail_msg("%s: \"%s\"", rule, metadata.name);
    if (metadata.not_after != form->not_after || metadata.timestamp != TEST_NOW)
        fail_msg("%s: other times", rule);
}
