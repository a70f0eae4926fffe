/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of open_check_entry(), lib/client/store_client.c: what opening a credential of the store
 * shows. */

#include "seal_fixture.h"
#include "store_put.h"

#include "client/store_client.h"
#include "key/host_key.h"

#include <time.h>

#define SECOND UINT64_C(1000000)
#define LATER  (TEST_NOW + 1000 * SECOND)
#define EVER   USEC_INFINITY
#define PCR7   (UINT64_C(1) << 7)

/* What happens before the credential is opened. */
typedef enum Event {
    NOTHING,
    GARBAGE,   /* in the file */
    CUT_OFF,   /* is the file */
    FLIPPED,   /* the last byte changed */
    NO_TPM,    /* here */
    OTHER_TPM, /* is here */
    NO_KEY,    /* of the host is here */
    EXTENDED,  /* is PCR 7 */
} Event;

/* Writes web@x. */
static void put(SealFixture *fixture, const SealForm *form, Event event)
{
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name;

    fixture_seal_form(fixture, form, &file);
    if (event == GARBAGE)
        memset(file.data, '%', file.size);
    if (event == CUT_OFF)
        file.size = 40;
    if (event == FLIPPED)
        file.data[file.size - 1] ^= 1;
    assert_int_equal(credential_name_new("web", "x", NULL, &name), 0);
    assert_int_equal(store_put(fixture->store, &name, bytes_view(&file)), 0);
    if (event == NO_KEY)
        assert_int_equal(unlink(host_key_path()), 0);
    if (event == NO_TPM)
        swtpm_kill(fixture->swtpm);
    if (event == EXTENDED)
        assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
}

/* As list does it. */
static OpenCheck check_of(SealFixture *fixture, Unsealer *unsealer)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {0};
    const StoreClient store = {.store = fixture->store};
    OpenCheck check = {0};
    CredentialName name;

    assert_int_equal(credential_name_new("web", "x", NULL, &name), 0);
    check.rc = store_client_read(&store, &name, &check.reason, &entry);
    if (check.rc == 0)
        open_check_entry(store.store, unsealer, &entry, &check);
    return check;
}

static Unsealer unsealer_of(const SealFixture *fixture)
{
    Unsealer unsealer = fixture_unsealer(fixture);

    unsealer.spec.now = USEC_INFINITY;
    return unsealer;
}

static void test_checks(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm host = {KIND_HOST, 0, false, EVER, "web@x"};
    static const SealForm raw = {KIND_HOST, 0, true, EVER, "web@x"};
    static const SealForm tpm = {KIND_TPM, PCR7, false, LATER, "web@x"};
    static const SealForm other = {KIND_HOST, 0, false, EVER, "web@y"};
    static const SealForm unnamed = {KIND_HOST, 0, false, EVER, ""};
    static const SealForm null = {0, 0, false, EVER, "web@x"};
    static const SealForm user = {KIND_HOST | KIND_SCOPED, 0, false, EVER, "web@x"};
    static const SealForm now = {KIND_HOST, 0, false, TEST_NOW, "web@x"};
    static const SealForm gone = {KIND_HOST, 0, false, TEST_NOW - SECOND, "web@x"};
    static const SealForm gone_other = {KIND_HOST, 0, false, TEST_NOW - SECOND, "web@y"};
    static const struct {
        const char *rule;
        const SealForm *form;
        Event event;
        int rc;
        const char *words;
    } rows[] = {
        {"it opens", &host, NOTHING, 0, ""},
        {"raw", &raw, NOTHING, 0, ""},
        {"with the TPM", &tpm, NOTHING, 0, ""},
        {"its last moment", &now, NOTHING, 0, ""},
        {"expired", &gone, NOTHING, OUTCOME_EXPIRED, "it expired 1 s ago"},
        {"garbage", &host, GARBAGE, OUTCOME_MALFORMED, "base64"},
        {"cut off", &raw, CUT_OFF, OUTCOME_MALFORMED, "truncated"},
        {"changed", &raw, FLIPPED, OUTCOME_NOT_AUTHENTIC, ""},
        {"another name", &other, NOTHING, OUTCOME_NAME_MISMATCH, "web@y"},
        {"another name, and expired", &gone_other, NOTHING, OUTCOME_NAME_MISMATCH, "web@y"},
        {"no name", &unnamed, NOTHING, OUTCOME_NAME_MISMATCH, "it is sealed without a name"},
        {"the null key", &null, NOTHING, OUTCOME_UNPROTECTED, ""},
        {"for a user", &user, NOTHING, OUTCOME_SCOPE_MISMATCH, ""},
        {"no host key", &host, NO_KEY, OUTCOME_HOST_KEY_MISSING, ""},
        {"another TPM's", &tpm, OTHER_TPM, OUTCOME_TPM_FOREIGN, ""},
        {"no TPM", &tpm, NO_TPM, OUTCOME_TPM_UNREACHABLE, ""},
        {"PCRs have changed", &tpm, EXTENDED, OUTCOME_TPM_PCR_MISMATCH, ""},
    };
    Swtpm *swtpm;

    assert_int_equal(swtpm_start(NULL, &swtpm), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(unsealer_done) Unsealer unsealer = unsealer_of(fixture);
        bool opens = rows[i].rc == 0 || rows[i].rc == OUTCOME_EXPIRED;
        OpenCheck check;

        put(fixture, rows[i].form, rows[i].event);
        if (rows[i].event == OTHER_TPM)
            unsealer.spec.tpm_device = swtpm_device(swtpm);
        check = check_of(fixture, &unsealer);
        if (check.rc != rows[i].rc || !strstr(check.reason.text, rows[i].words) ||
            (check.rc == 0) != (check.reason.text[0] == '\0'))
            fail_msg("%s: %d (%s)", rows[i].rule, check.rc, check.reason.text);
        assert_int_equal(open_check_knows_expiry(&check), opens);
        /* nothing is known before opening it */
        if (check.size != (opens ? strlen("hello") : 0) ||
            check.metadata.not_after != (opens ? rows[i].form->not_after : 0) ||
            strcmp(check.metadata.name, opens ? "web@x" : "") != 0)
            fail_msg("%s: other metadata", rows[i].rule);
        assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    }
    swtpm_stop(swtpm);
}

/* All checked credentials share one key, so the TPM works once. */
static void test_one_unsealing(void **state)
{
    SealFixture *fixture = *state;
    static const SealForm tpm = {KIND_TPM, PCR7, false, EVER, "web@x"};
    _cleanup_(unsealer_done) Unsealer unsealer = unsealer_of(fixture);

    put(fixture, &tpm, NOTHING);
    fixture->waits[0] = '\0';
    for (size_t i = 0; i < 3; i++) {
        OpenCheck check = check_of(fixture, &unsealer);

        assert_int_equal(check.rc, 0);
    }
    assert_string_equal(fixture->waits, "the TPM to unseal a key for web@x;");
}

/* --- the time of expiry in words --- */

#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void test_words(void **state)
{
    static const struct {
        uint64_t not_after;
        const char *text;
    } rows[] = {
        {EVER, "never"},
        {TEST_NOW, "2026-11-24 00:00, in 0 s"},
        {TEST_NOW - 1, "2026-11-23 23:59, 0 s ago"},
        {TEST_NOW + SECOND, "2026-11-24 00:00, in 1 s"},
        {TEST_NOW - SECOND, "2026-11-23 23:59, 1 s ago"},
        {TEST_NOW + MINUTE - 1, "2026-11-24 00:00, in 59 s"},
        {TEST_NOW + MINUTE, "2026-11-24 00:01, in 1 min"},
        {TEST_NOW - MINUTE, "2026-11-23 23:59, 1 min ago"},
        {TEST_NOW + HOUR - 1, "2026-11-24 00:59, in 59 min"},
        {TEST_NOW + HOUR, "2026-11-24 01:00, in 1 h 0 min"},
        {TEST_NOW + 3 * HOUR + 20 * MINUTE, "2026-11-24 03:20, in 3 h 20 min"},
        {TEST_NOW + DAY - 1, "2026-11-24 23:59, in 23 h 59 min"},
        {TEST_NOW + DAY, "2026-11-25 00:00, in 1 d 0 h"},
        {TEST_NOW - DAY, "2026-11-23 00:00, 1 d 0 h ago"},
        {TEST_NOW + 89 * DAY + HOUR, "2027-02-21 01:00, in 89 d 1 h"},
        {TEST_NOW - 3 * DAY, "2026-11-21 00:00, 3 d 0 h ago"},
        {0, "1970-01-01 00:00, 20781 d 0 h ago"},
    };
    char text[OPEN_CHECK_EXPIRY_BYTES];

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < COUNT(rows); i++) {
        open_check_format_expiry(rows[i].not_after, TEST_NOW, text);
        assert_string_equal(text, rows[i].text);
    }
    /* the last moment before "never" is the longest text */
    open_check_format_expiry(EVER - 1, 0, text);
    assert_non_null(strstr(text, "in 213503982 d 8 h"));
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up_at_test_now, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_checks),
        with_fixture(test_one_unsealing),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
