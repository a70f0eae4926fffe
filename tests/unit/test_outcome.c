/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/outcome.c: the table has each row exactly once. */

#include "support.h"

#include <errno.h>
#include <string.h>

static void test_every_outcome_has_a_row(void **state)
{
    (void)state;
    for (int i = 0; i < _OUTCOME_MAX; i++) {
        assert_non_null(outcome_name(i));
        assert_int_equal(outcome_find(outcome_name(i)), i);
        assert_non_null(outcome_sentence(i));
        assert_true((i == 0) == (outcome_exit_status(i) == 0));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(outcome_name(i), outcome_name(j));
    }
}

/* The outcomes in the tables of nspawn-creds(1). */
static void test_every_outcome_is_in_the_manual(void **state)
{
    _cleanup_(bytes_done) Bytes manual = test_read_file(MANUAL);

    (void)state;
    for (int i = OUTCOME_OK + 1; i < _OUTCOME_MAX; i++) {
        char cell[64];
        int length = snprintf(cell, sizeof(cell), " *%s*\n", outcome_name(i));

        assert_in_range(length, 1, sizeof(cell) - 1);
        if (!memmem(manual.data, manual.size, cell, (size_t)length))
            fail_msg("%s is not in %s", outcome_name(i), MANUAL);
    }
}

/* The user cannot guess why a TPM refuses, so each of its outcomes must have a remedy. */
static void test_every_hardship_has_a_remedy(void **state)
{
    (void)state;
    for (int i = OUTCOME_TPM_UNREACHABLE; i <= OUTCOME_TPM_FAILED; i++) {
        assert_non_null(outcome_remedy(i));
        assert_memory_equal(outcome_name(i), "tpm-", 4);
    }
}

/* A remedy can be pasted into a shell wherever the credential is known. */
static void test_remedies_name_the_credential(void **state)
{
    char text[OUTCOME_REMEDY_BYTES], endless[2 * OUTCOME_REMEDY_BYTES];

    (void)state;
    assert_string_equal(outcome_remedy_for(OUTCOME_NOT_FOUND, "web", "db-password", text),
                        "Give it a value: nspawn-creds set web@db-password");
    assert_string_equal(outcome_remedy_for(OUTCOME_NOT_FOUND, "", NULL, text),
                        "Give it a value: nspawn-creds set MACHINE@ID");
    outcome_remedy_for(OUTCOME_NOT_IN_POLICY, "web", "token", text);
    assert_non_null(strstr(text, "nspawn-creds enable web token"));
    /* they do nothing but what they say, whoever has made up the name */
    assert_string_equal(outcome_remedy_for(OUTCOME_NOT_FOUND, "web", ";reboot", text),
                        "Give it a value: nspawn-creds set web@';reboot'");
    outcome_remedy_for(OUTCOME_NOT_IN_POLICY, "web", "$(id)", text);
    assert_non_null(strstr(text, "nspawn-creds enable web '$(id)'"));
    outcome_remedy_for(OUTCOME_NOT_IN_POLICY, "web", "-h", text);
    assert_non_null(strstr(text, "nspawn-creds enable web -- -h"));
    outcome_remedy_for(OUTCOME_NAME_MISMATCH, "web", "x y", text);
    assert_non_null(strstr(text, "encrypt --name=web@'x y'"));
    assert_null(outcome_remedy_for(OUTCOME_USAGE, "web", "token", text));
    assert_null(outcome_remedy_for(-ENOENT, "web", "token", text));
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    outcome_remedy_for(OUTCOME_NOT_FOUND, endless, endless, text); /* cut, and terminated */
    assert_int_equal(strlen(text), sizeof(text) - 1);
    for (int i = 0; i < _OUTCOME_MAX; i++) {
        if (!outcome_remedy(i))
            continue;
        assert_in_range(strlen(outcome_remedy(i)), 1, OUTCOME_REMEDY_BYTES / 2);
        outcome_remedy_for(i, "web", "token", text);
        assert_null(strstr(text, "MACHINE@ID"));
    }
}

static void test_errors_of_the_environment(void **state)
{
    (void)state;
    assert_string_equal(outcome_name(-ENOMEM), "system-error");
    assert_int_equal(outcome_find("system-error"), -EIO);
    assert_int_equal(outcome_find(NULL), -EIO);
    assert_string_equal(outcome_sentence(-ENOENT), strerror(ENOENT));
    assert_null(outcome_remedy(-ENOENT));
    assert_int_equal(outcome_exit_status(-ENOENT), 1);
}

static void test_reasons(void **state)
{
    Reason reason = {0};

    (void)state;
    assert_int_equal(reason_set(&reason, OUTCOME_MALFORMED, "%d bytes", 3), OUTCOME_MALFORMED);
    assert_string_equal(reason.text, "3 bytes");
    assert_int_equal(reason_set(&reason, -ENOENT, "cannot open %s", "x"), -ENOENT);
    assert_string_equal(reason.text, "cannot open x: No such file or directory");
    assert_int_equal(reason_set(NULL, OUTCOME_MALFORMED, "nobody listens"), OUTCOME_MALFORMED);
    /* it stays a line, whatever is quoted */
    reason_set(&reason, OUTCOME_MALFORMED, "\"%s\" is unknown", "a\nb\x7f\xc3\xa4");
    assert_string_equal(reason.text, "\"a?b?\xc3\xa4\" is unknown");
    reason_set(&reason, -ENOENT, "%0999d", 1); /* cut, and terminated */
    assert_int_equal(strlen(reason.text), sizeof(reason.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_outcome_has_a_row),
        cmocka_unit_test(test_every_outcome_is_in_the_manual),
        cmocka_unit_test(test_every_hardship_has_a_remedy),
        cmocka_unit_test(test_remedies_name_the_credential),
        cmocka_unit_test(test_errors_of_the_environment),
        cmocka_unit_test(test_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
