/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/client/reseal_as.c, without a broker: what a credential keeps under another name or
 * with another value, which key it gets, and how the store changes.
 */

#include "seal_fixture.h"
#include "store_put.h"

#include "client/reseal_as.h"

#define LATER (TEST_NOW + UINT64_C(1000000000))
#define EVER  USEC_INFINITY
#define PCR7  (UINT64_C(1) << 7)
#define BOTH  (KIND_HOST | KIND_TPM)

/* The audit entries: "+web@x " for a stored credential, "-web@x " for a removed one. */
static char entries[512];

static void write_entry(AuditSink *sink, const AuditRecord *record)
{
    size_t length = strlen(entries);

    (void)sink;
    assert_true(record->verdict == AUDIT_STORED || record->verdict == AUDIT_REMOVED);
    snprintf(entries + length, sizeof(entries) - length, "%s%s@%s ",
             record->verdict == AUDIT_STORED ? "+" : "-", record->machine, record->id);
}

/* Whether exactly these entries were written, in any order. */
static bool are_entries(const char *first, const char *second)
{
    return strlen(entries) == strlen(first) + strlen(second) && strstr(entries, first) &&
           strstr(entries, second);
}

static AuditSink sink = {.write = write_entry};

static CredentialName name_of(const char *text)
{
    CredentialName name;

    assert_int_equal(credential_name_parse(text, NULL, &name), 0);
    return name;
}

/* Puts a credential of FORM into the store as NAME. */
static void put(SealFixture *fixture, const char *name, const SealForm *form)
{
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName parsed = name_of(name);

    fixture_seal_form(fixture, form, &file);
    assert_int_equal(store_put(fixture->store, &parsed, bytes_view(&file)), 0);
    fixture->notes[0] = fixture->waits[0] = entries[0] = '\0';
}

static int read_file(const SealFixture *fixture, const char *name, Bytes *ret)
{
    CredentialName parsed = name_of(name);

    return store_read(fixture->store, &parsed, NULL, ret);
}

static void expect_stored(SealFixture *fixture, const char *rule, const char *name,
                          const SealForm *form, const char *value)
{
    _cleanup_(bytes_done) Bytes file = {0};

    if (read_file(fixture, name, &file) != 0)
        fail_msg("%s: there is no %s", rule, name);
    fixture_expect_form(fixture, rule, &file, form, value);
}

static StoreClient client_of(const SealFixture *fixture)
{
    return (StoreClient){.store = fixture->store, .audit = &sink};
}

static SealSpec spec_of(const SealFixture *fixture)
{
    return (SealSpec){.version = 257, .tpm_device = swtpm_device(fixture->swtpm)};
}

static int begin(SealFixture *fixture, const SealSpec *spec, StoreClient *client, const char *from,
                 const char *to, ResealAs *ret)
{
    const SealContext seal = {&fixture->context, spec, &fixture->observer};
    CredentialName names[] = {name_of(from), name_of(to)};

    fixture->reason = (Reason){0};
    return reseal_as_begin(&seal, client, &names[0], &names[1], &fixture->reason, ret);
}

/* --- what it becomes --- */

static void test_becomes(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm host = {KIND_HOST, 0, false, EVER, "web@x"};
    static const SealForm tpm = {KIND_TPM, PCR7, false, LATER, "web@x"};
    static const SealForm both = {BOTH, 0, true, LATER, "web@x"};
    static const struct {
        const char *rule;
        const SealForm *form;
        const char *to, *value, *public; /* NULL: unchanged; none */
        bool moves;
        const char *stored, *removed; /* audit entries */
    } rows[] = {
        {"a copy", &host, "web@y", NULL, NULL, false, "+web@y ", ""},
        {"a copy of another machine", &tpm, "db@x", NULL, NULL, false, "+db@x ", ""},
        {"a copy of a raw one", &both, "db@y", NULL, NULL, false, "+db@y ", ""},
        {"a copy with its public half", &host, "db@y", NULL, "public", false, "+db@y ", ""},
        {"moved", &tpm, "db@x", NULL, NULL, true, "+db@x ", "-web@x "},
        {"moved within its machine", &both, "web@y", NULL, "public", true, "+web@y ", "-web@x "},
        {"another value", &tpm, "web@x", "another", NULL, false, "+web@x ", ""},
        {"another value and public half", &both, "web@x", "another", "other", false, "+web@x ", ""},
    };

    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "boot"), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        SealSpec spec = spec_of(fixture);
        StoreClient client = client_of(fixture);
        _cleanup_(reseal_as_done) ResealAs reseal_as = {0};
        _cleanup_(secret_freep) Secret *value = rows[i].value ? test_secret(rows[i].value) : NULL;
        _cleanup_(secret_freep) Secret *old = NULL;
        _cleanup_(bytes_done) Bytes public = {0}, before = {0}, after = {0};
        CredentialName to = name_of(rows[i].to);
        SealForm form = *rows[i].form;

        form.name = rows[i].to;
        put(fixture, "web@x", rows[i].form);
        assert_int_equal(read_file(fixture, "web@x", &before), 0);
        if (begin(fixture, &spec, &client, "web@x", rows[i].to, &reseal_as) != 0)
            fail_msg("%s: %s", rows[i].rule, fixture->reason.text);
        assert_string_equal(entries, ""); /* nothing yet */
        assert_int_equal(reseal_as_open(&reseal_as, NULL, &old), 0);
        assert_true(bytes_view_equal(secret_view(old), test_view("hello")));
        if (reseal_as_finish(&reseal_as, value,
                             rows[i].public ? test_view(rows[i].public) : (BytesView){0},
                             rows[i].moves, &fixture->reason) != 0)
            fail_msg("%s: %s", rows[i].rule, fixture->reason.text);

        expect_stored(fixture, rows[i].rule, rows[i].to, &form,
                      rows[i].value ? rows[i].value : "hello");
        assert_int_equal(store_read_public(client.store, &to, NULL, &public), 0);
        if (!bytes_view_equal(bytes_view(&public), test_view(rows[i].public ? rows[i].public : "")))
            fail_msg("%s: another public half", rows[i].rule);
        if (!are_entries(rows[i].stored, rows[i].removed))
            fail_msg("%s: %s", rows[i].rule, entries);
        assert_string_equal(fixture->notes, "");
        /* the old one is unchanged, or is gone */
        if (strcmp(rows[i].to, "web@x") == 0)
            continue;
        assert_int_equal(read_file(fixture, "web@x", &after),
                         rows[i].moves ? OUTCOME_NOT_FOUND : 0);
        assert_true(rows[i].moves || bytes_view_equal(bytes_view(&before), bytes_view(&after)));
    }
}

/* The spec says how to seal, but gives neither the name nor the key to share. */
static void test_spec(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm form = {KIND_TPM, 0, false, EVER, "web@x"};
    static const SealForm expected = {KIND_HOST, 0, false, LATER, "db@y"};
    StoreClient client = client_of(fixture);
    SealSpec spec = spec_of(fixture);
    _cleanup_(reseal_as_done) ResealAs reseal_as = {0};

    put(fixture, "web@x", &form);
    spec.keys = SEAL_GIVEN_KEYS;
    spec.key_types = KIND_HOST;
    spec.has_not_after = true;
    spec.not_after = LATER;
    spec.name = "mail@z";
    assert_int_equal(begin(fixture, &spec, &client, "web@x", "db@y", &reseal_as), 0);
    assert_int_equal(reseal_as_finish(&reseal_as, NULL, (BytesView){0}, false, NULL), 0);
    expect_stored(fixture, "as the spec says", "db@y", &expected, "hello");
}

/* --- its key --- */

/* Returns the TPM-sealed key of NAME; the caller releases RAW. */
static TpmSealedView key_of(const SealFixture *fixture, const char *name, Bytes *raw)
{
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialSections sections;

    assert_int_equal(read_file(fixture, name, &file), 0);
    assert_int_equal(credential_unpack(bytes_view(&file), NULL, raw, &sections), 0);
    return sections.tpm;
}

static void test_key(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm form = {KIND_TPM, 0, false, EVER, "web@x"};
    static const SealForm neighbour = {KIND_TPM, 0, false, EVER, "db@first"};
    static const SealForm bound = {KIND_TPM, PCR7, false, EVER, "mail@first"};
    static const struct {
        const char *rule, *to, *like; /* NULL: a fresh one */
    } rows[] = {
        {"its new machine's", "db@x", "db@first"},
        {"its own machine's", "web@y", "web@x"},
        {"for other PCRs it is another", "mail@x", NULL},
        {"the first of its machine", "ftp@x", NULL},
    };
    static const char *const all[] = {"web@x", "db@first", "mail@first"};

    put(fixture, "web@x", &form);
    put(fixture, "db@first", &neighbour);
    put(fixture, "mail@first", &bound);
    for (size_t i = 0; i < COUNT(rows); i++) {
        StoreClient client = client_of(fixture);
        SealSpec spec = spec_of(fixture);
        _cleanup_(reseal_as_done) ResealAs reseal_as = {0};
        _cleanup_(bytes_done) Bytes raw = {0};
        TpmSealedView key;

        assert_int_equal(begin(fixture, &spec, &client, "web@x", rows[i].to, &reseal_as), 0);
        assert_int_equal(reseal_as_finish(&reseal_as, NULL, (BytesView){0}, false, NULL), 0);
        key = key_of(fixture, rows[i].to, &raw);
        for (size_t k = 0; k < COUNT(all); k++) {
            _cleanup_(bytes_done) Bytes other_raw = {0};
            TpmSealedView other = key_of(fixture, all[k], &other_raw);
            bool expected = rows[i].like && strcmp(rows[i].like, all[k]) == 0;

            if (tpm_sealed_view_equal(&key, &other) != expected)
                fail_msg("%s: %s", rows[i].rule, all[k]);
        }
    }
    /* waits are reported with the new name */
    assert_non_null(strstr(fixture->waits, "the TPM to seal a key for ftp@x;"));
}

/* --- refusals and failures --- */

/* Describes everything in the store, for comparison. */
static void snapshot(const SealFixture *fixture, char *ret, size_t size)
{
    static const char *const names[] = {"web@x", "web@y", "db@x"};

    ret[0] = '\0';
    for (size_t i = 0; i < COUNT(names); i++) {
        _cleanup_(bytes_done) Bytes file = {0};
        size_t length = strlen(ret);

        if (read_file(fixture, names[i], &file) == 0)
            snprintf(ret + length, size - length, "%s %.*s\n", names[i], (int)file.size,
                     (const char *)file.data);
    }
}

static void test_refused(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm host = {KIND_HOST, 0, false, EVER, "web@x"};
    static const SealForm other = {KIND_HOST, 0, false, EVER, "web@y"};
    static const SealForm unnamed = {KIND_HOST, 0, false, EVER, ""};
    static const SealForm expired = {KIND_HOST, 0, false, TEST_NOW - 1, "web@x"};
    static const SealForm null = {0, 0, false, EVER, "web@x"};
    static const SealForm bound = {KIND_TPM, PCR7, false, EVER, "web@x"};
    static const struct {
        const char *rule, *from;
        const SealForm *form;
        int rc;
        const char *words;
    } rows[] = {
        {"there is none", "web@y", &host, OUTCOME_NOT_FOUND, ""},
        {"it has another name", "web@x", &other, OUTCOME_NAME_MISMATCH, "sealed as \"web@y\""},
        {"it has no name", "web@x", &unnamed, OUTCOME_NAME_MISMATCH, "sealed without a name"},
        {"it has expired", "web@x", &expired, OUTCOME_EXPIRED, "valid until"},
        {"nothing protects it", "web@x", &null, OUTCOME_UNPROTECTED, ""},
        {"PCRs have changed", "web@x", &bound, OUTCOME_TPM_PCR_MISMATCH, "PCR"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        StoreClient client = client_of(fixture);
        SealSpec spec = spec_of(fixture);
        _cleanup_(reseal_as_done) ResealAs reseal_as = {0};
        char before[4096], after[4096];
        CredentialName from;
        int r;

        put(fixture, "web@x", rows[i].form);
        assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
        snapshot(fixture, before, sizeof(before));
        r = begin(fixture, &spec, &client, rows[i].from, "db@x", &reseal_as);
        if (r != rows[i].rc || !strstr(fixture->reason.text, rows[i].words))
            fail_msg("%s: %d (%s)", rows[i].rule, r, fixture->reason.text);
        snapshot(fixture, after, sizeof(after));
        assert_string_equal(before, after);
        assert_string_equal(entries, "");
        /* the reason may be NULL */
        reseal_as_done(&reseal_as);
        from = name_of(rows[i].from);
        assert_int_equal(reseal_as_begin(&(SealContext){&fixture->context, &spec, NULL}, &client,
                                         &from, &from, NULL, &reseal_as),
                         rows[i].rc);
    }
}

/* The TPM disappears after it has sealed a key and before it unseals it. */
static void kill_when_sealed(void *userdata)
{
    SealFixture *fixture = userdata;

    fixture_end(userdata);
    if (strstr(fixture->waits, "the TPM to seal a key"))
        swtpm_kill(fixture->swtpm);
}

/* A failed attempt may be repeated, and changes nothing. */
static void test_again(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm form = {KIND_TPM, PCR7, false, LATER, "web@x"};
    SealForm expected = form;
    SealSpec spec = spec_of(fixture);
    StoreClient client = client_of(fixture);
    _cleanup_(reseal_as_done) ResealAs reseal_as = {0};
    _cleanup_(secret_freep) Secret *value = test_secret("another");
    const char *obstacle = test_path(&fixture->folder, "store/db");
    char before[4096], after[4096];

    expected.name = "db@x";
    put(fixture, "web@x", &form);
    snapshot(fixture, before, sizeof(before));
    assert_int_equal(begin(fixture, &spec, &client, "web@x", "db@x", &reseal_as), 0);

    /* the new file cannot be opened; that is not remembered */
    fixture->observer.wait_end = kill_when_sealed;
    assert_int_equal(
        reseal_as_finish(&reseal_as, value, test_view("public"), true, &fixture->reason),
        OUTCOME_TPM_UNREACHABLE);
    assert_true(fixture->reason.text[0] != '\0');
    fixture->observer.wait_end = fixture_end;
    /* without a TPM the old file does not open either */
    assert_int_equal(reseal_as_finish(&reseal_as, value, test_view("public"), true, NULL),
                     OUTCOME_TPM_UNREACHABLE);
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);

    /* the store does not take it */
    test_write_file(obstacle, test_view("no directory"), 0644);
    assert_true(reseal_as_finish(&reseal_as, value, test_view("public"), true, NULL) != 0);
    assert_int_equal(unlink(obstacle), 0);
    snapshot(fixture, after, sizeof(after));
    assert_string_equal(before, after);
    assert_string_equal(entries, "");
    fixture->notes[0] = '\0';

    if (reseal_as_finish(&reseal_as, value, test_view("public"), true, &fixture->reason) != 0)
        fail_msg("%s", fixture->reason.text);
    expect_stored(fixture, "in the end", "db@x", &expected, "another");
    assert_true(are_entries("+db@x ", "-web@x "));
    assert_string_equal(fixture->notes, "");
}

/* The new credential is for a state that the TPM will be in later. */
static void test_closed_now(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm form = {KIND_TPM, PCR7, false, EVER, "web@x"};
    static const SealForm expected = {KIND_TPM, PCR7, false, EVER, "db@x"};
    SealSpec spec = spec_of(fixture);
    StoreClient client = client_of(fixture);
    _cleanup_(reseal_as_done) ResealAs reseal_as = {0};

    put(fixture, "web@x", &form);
    spec.has_pcrs = true;
    spec.pcrs = (TpmPcrs){.mask = PCR7, .given = PCR7, .bank = TPM_ALGORITHM_SHA256};
    swtpm_extend_value((uint8_t[32]){0}, "update", spec.pcrs.values[7]);
    assert_int_equal(begin(fixture, &spec, &client, "web@x", "db@x", &reseal_as), 0);
    assert_int_equal(reseal_as_finish(&reseal_as, NULL, (BytesView){0}, false, NULL), 0);
    assert_non_null(strstr(fixture->notes, "db@x does not open on this host now: "));
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
    expect_stored(fixture, "after the update", "db@x", &expected, "hello");
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up_at_test_now, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_becomes), with_fixture(test_spec),  with_fixture(test_key),
        with_fixture(test_refused), with_fixture(test_again), with_fixture(test_closed_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
