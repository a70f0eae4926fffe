/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/fleet/report.c. */

#include "support.h"

#include "fleet/report.h"

#include <errno.h>
#include <sys/stat.h>

typedef struct Fixture {
    TestFolder folder;
    Context context;
    char store[128];
    Secret *seed;
    Bytes public;
} Fixture;

static const Report good = {
    .fleet = "prod",
    .host = "web1",
    .statement = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    .outcome = OUTCOME_NOT_AUTHENTIC,
    .time = UINT64_C(1796000000000000),
    .credential = "web@db-password",
    .reason = "web@db-password: it was sealed by a \"stranger\"",
};

static int set_up(void **state)
{
    static Fixture fixture;

    fixture = (Fixture){.folder = test_folder(), .context = test_context(NULL)};
    snprintf(fixture.store, sizeof(fixture.store), "%s/store", fixture.folder.path);
    assert_int_equal(mkdir(fixture.store, 0770), 0);
    assert_int_equal(report_key_ensure(&fixture.context, fixture.store, NULL, &fixture.public), 0);
    assert_int_equal(report_key_read(fixture.store, NULL, &fixture.seed), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    bytes_done(&fixture->public);
    fixture->seed = secret_free(fixture->seed);
    test_folder_remove(&fixture->folder);
    return 0;
}

static void test_round_trip(void **state)
{
    const Fixture *fixture = *state;
    Report rows[] = {good, good, good, good, good};

    rows[1].outcome = 0;
    rows[1].credential[0] = '\0';
    rows[2].outcome = OUTCOME_NOT_APPLIED;
    rows[2].applied = true;
    rows[3].pending = true;
    rows[4].outcome = 0;
    rows[4].no_apply = true;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Report *report = &rows[i];
        _cleanup_(bytes_done) Bytes text = {0};
        Report read = {0};

        assert_int_equal(report_sign(report, fixture->seed, &text), 0);
        assert_int_equal(
            report_verify(bytes_view(&text), bytes_view(&fixture->public), NULL, &read), 0);
        assert_string_equal(read.fleet, report->fleet);
        assert_string_equal(read.host, report->host);
        assert_string_equal(read.statement, report->statement);
        assert_string_equal(read.credential, report->credential);
        assert_string_equal(read.reason, report->reason);
        assert_int_equal(read.outcome, report->outcome);
        assert_true(read.applied == report->applied);
        assert_true(read.pending == report->pending);
        assert_true(read.no_apply == report->no_apply);
        assert_int_equal(read.time, report->time);
    }
}

/* Of a long reason the beginning is kept, in whole characters. */
static void test_reasons(void **state)
{
    const Fixture *fixture = *state;
    char text[2 * REPORT_REASON_BYTES];
    Report report = good, read = {0};
    _cleanup_(bytes_done) Bytes file = {0};

    report_set_reason(&report, "short");
    assert_string_equal(report.reason, "short");
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    text[0] = '"';
    text[1] = '"';
    report_set_reason(&report, text + 1);
    assert_int_equal(strlen(report.reason), REPORT_REASON_BYTES - 2);
    assert_int_equal(report_sign(&report, fixture->seed, &file), 0);
    assert_true(file.size <= LIMIT_REPORT_BYTES);
    assert_int_equal(report_verify_own(bytes_view(&file), fixture->seed, NULL, &read), 0);
    assert_string_equal(read.reason, report.reason);
}

/* No carrier can change one: every bit counts, and so does the key. */
static void test_forgeries(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(bytes_done) Bytes text = {0}, before = {0};
    uint8_t other[IDENTITY_REPORT_BYTES] = {0};
    Reason reason = {0};
    Report read;

    assert_int_equal(report_sign(&good, fixture->seed, &text), 0);
    assert_int_equal(bytes_dup(bytes_view(&text), &before), 0);
    for (size_t bit = 0; bit < text.size * 8; bit++) {
        text.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (report_verify(bytes_view(&text), bytes_view(&fixture->public), NULL, &read) !=
            OUTCOME_NOT_SIGNED)
            fail_msg("bit %zu of a report may be changed", bit);
        text.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t size = 0; size < text.size; size++)
        assert_int_equal(
            report_verify((BytesView){text.data, size}, bytes_view(&fixture->public), NULL, &read),
            OUTCOME_NOT_SIGNED);
    assert_int_equal(
        report_verify(bytes_view(&text), (BytesView){other, sizeof(other)}, &reason, &read),
        OUTCOME_NOT_SIGNED);
    assert_non_null(strstr(reason.text, "did not sign"));
    assert_int_equal(report_verify(bytes_view(&text), (BytesView){0}, NULL, &read),
                     OUTCOME_NOT_SIGNED);
}

static void test_what_is_no_report(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "1",
        "{\"report\":1,\"signature\":\"\"}",
        "{\"report\":\"{}\"}",
        "{\"report\":\"{}\",\"signature\":\"*\"}",
        "{\"report\":\"{}\",\"signature\":\"\",\"x\":1}",
    };
    const Fixture *fixture = *state;
    static uint8_t large[LIMIT_REPORT_BYTES + 1];
    _cleanup_(bytes_done) Bytes right = {0};
    Report read;

    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(
            report_verify(test_view(texts[i]), bytes_view(&fixture->public), NULL, &read),
            OUTCOME_NOT_SIGNED);
    /* spaces at the end are no fault, but too many are */
    assert_int_equal(report_sign(&good, fixture->seed, &right), 0);
    memset(large, ' ', sizeof(large));
    memcpy(large, right.data, right.size);
    for (size_t more = 0; more <= 1; more++)
        assert_int_equal(report_verify((BytesView){large, LIMIT_REPORT_BYTES + more},
                                       bytes_view(&fixture->public), NULL, &read),
                         more == 0 ? 0 : OUTCOME_NOT_SIGNED);
}

/* --- the key --- */

static void test_key(void **state)
{
    Fixture *fixture = *state;
    const char *path = test_path(&fixture->folder, "report-key");
    _cleanup_(bytes_done) Bytes again = {0}, first = test_read_file(path);
    _cleanup_(secret_freep) Secret *seed = NULL;
    struct stat status, store;

    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(stat(fixture->store, &store), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(status.st_gid, store.st_gid);
    assert_int_equal(status.st_nlink, 1);
    assert_int_equal(first.size, REPORT_SEED_BYTES);
    /* the same one for ever */
    assert_int_equal(report_key_ensure(&fixture->context, fixture->store, NULL, &again), 0);
    assert_true(bytes_view_equal(bytes_view(&again), bytes_view(&fixture->public)));
    bytes_done(&again);
    test_write_file(path, test_view("short"), 0640);
    assert_int_equal(report_key_ensure(&fixture->context, fixture->store, NULL, &again),
                     OUTCOME_MALFORMED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(report_key_read(fixture->store, NULL, &seed), OUTCOME_NOT_FOUND);
    /* nobody can have another file taken for it */
    assert_int_equal(symlink("store", path), 0);
    assert_int_equal(report_key_read(fixture->store, NULL, &seed), -ELOOP);
    assert_int_equal(report_key_ensure(&fixture->context, fixture->store, NULL, &again), -ELOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reasons, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forgeries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_report, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_key, set_up, tear_down),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
