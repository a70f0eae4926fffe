/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/audit/record.c. */

#include "support.h"

#include "audit/record.h"

#include <string.h>

static const AuditRecord delivered = {
    .verdict = AUDIT_DELIVERED,
    .machine = "web",
    .id = "db-password",
    .unit = "systemd-nspawn@web.service",
    .peer_pid = 42,
    .peer_uid = 0,
    .outcome = 0,
    .reason = "",
    .key = "0123456789abcdef",
    .fleet = "",
    .usec = 1234,
};

static void expect(const AuditEntry *entry, const char *name, const char *value)
{
    char found[AUDIT_FIELD_BYTES];

    if (audit_entry_get(entry, name, found) != (value != NULL) ||
        strcmp(found, value ? value : "") != 0)
        fail_msg("%s is \"%s\", not \"%s\"", name, found, value ? value : "(none)");
}

static void test_delivered(void **state)
{
    AuditEntry entry;

    (void)state;
    audit_entry_format(&delivered, &entry);
    expect(&entry, "MESSAGE", "web@db-password: delivered to systemd-nspawn@web.service in 1.2 ms");
    expect(&entry, "MESSAGE_ID", "def737ae9a3d488eabcf05b956e29b5b");
    expect(&entry, "PRIORITY", "6");
    expect(&entry, "NSPAWN_CREDS_VERDICT", "delivered");
    expect(&entry, "NSPAWN_CREDS_OUTCOME", "ok");
    expect(&entry, "NSPAWN_CREDS_REASON", NULL);
    expect(&entry, "NSPAWN_CREDS_MACHINE", "web");
    expect(&entry, "NSPAWN_CREDS_CREDENTIAL", "db-password");
    expect(&entry, "NSPAWN_CREDS_UNIT", "systemd-nspawn@web.service");
    expect(&entry, "NSPAWN_CREDS_KEY", "0123456789abcdef");
    expect(&entry, "NSPAWN_CREDS_DELIVERY", "boot");
    expect(&entry, "NSPAWN_CREDS_PEER_PID", "42");
    expect(&entry, "NSPAWN_CREDS_PEER_UID", "0");
    expect(&entry, "NSPAWN_CREDS_USEC", "1234");
}

static void test_sealed_outside(void **state)
{
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    audit_entry_format(&record, &entry);
    expect(&entry, "NSPAWN_CREDS_SEALED_OUTSIDE", NULL);
    record.sealed_outside = true;
    audit_entry_format(&record, &entry);
    expect(&entry, "NSPAWN_CREDS_SEALED_OUTSIDE", "yes");
    expect(&entry, "MESSAGE",
           "web@db-password (sealed outside this TPM): delivered to systemd-nspawn@web.service in "
           "1.2 ms");
    record.verdict = AUDIT_STORED;
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE", "web@db-password (sealed outside this TPM): stored by process 42");
}

static void test_fleet(void **state)
{
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    audit_entry_format(&record, &entry);
    expect(&entry, "NSPAWN_CREDS_FLEET", NULL);
    record.fleet = "prod";
    record.sequence = 42;
    record.sealed_outside = true; /* as all that a fleet brings */
    audit_entry_format(&record, &entry);
    expect(&entry, "NSPAWN_CREDS_FLEET", "prod");
    expect(&entry, "NSPAWN_CREDS_SEQUENCE", "42");
    expect(&entry, "MESSAGE",
           "web@db-password (fleet prod, sequence 42): delivered to systemd-nspawn@web.service in "
           "1.2 ms");
    record.predecessor = true;
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE",
           "web@db-password (its predecessor, fleet prod, sequence 42): delivered to "
           "systemd-nspawn@web.service in 1.2 ms");
}

static void test_live(void **state)
{
    AuditRecord record = delivered;
    char message[AUDIT_FIELD_BYTES];
    AuditEntry entry;

    (void)state;
    record.live = true;
    record.unit = "app.service";
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE", "web@db-password: delivered live to app.service in 1.2 ms");
    expect(&entry, "NSPAWN_CREDS_UNIT", "app.service");
    expect(&entry, "NSPAWN_CREDS_DELIVERY", "live");
    record.verdict = AUDIT_REFUSED;
    record.outcome = OUTCOME_NOT_IN_POLICY;
    record.reason = "no";
    audit_entry_format(&record, &entry);
    assert_true(audit_entry_get(&entry, "MESSAGE", message));
    assert_non_null(strstr(message, "web@db-password: refused live: no"));
}

static void test_refused(void **state)
{
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    record.verdict = AUDIT_REFUSED;
    record.outcome = OUTCOME_HOST_KEY_MISSING;
    record.reason = "there is no key at /x";
    audit_entry_format(&record, &entry);
    expect(
        &entry, "MESSAGE",
        "web@db-password: refused: there is no key at /x. Restore it from a backup if credentials "
        "were sealed with it. Otherwise create it: nspawn-creds setup");
    expect(&entry, "MESSAGE_ID", "480ad2cff2c44a6998a88871fd0a53c9");
    expect(&entry, "PRIORITY", "4");
    expect(&entry, "NSPAWN_CREDS_OUTCOME", "host-key-missing");
    expect(&entry, "NSPAWN_CREDS_REASON", "there is no key at /x");

    record.reason = "";
    record.outcome = OUTCOME_PEER_NOT_ROOT; /* the user can do nothing about it */
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE", "web@db-password: refused: The request does not come from root");

    record.machine = "";
    audit_entry_format(&record, &entry);
    expect(
        &entry, "MESSAGE",
        "db-password of systemd-nspawn@web.service: refused: The request does not come from root");

    record.unit = record.id = "";
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE",
           "request of process 42: refused: The request does not come from root");
}

static void test_abandoned(void **state)
{
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    record.verdict = AUDIT_ABANDONED;
    audit_entry_format(&record, &entry);
    expect(
        &entry, "MESSAGE",
        "web@db-password: systemd-nspawn@web.service closed the connection after 1.2 ms, before it "
        "was answered");
    expect(&entry, "MESSAGE_ID", "67f0dcfade304460a0cbd9642fc478b5");
}

static void test_changes(void **state)
{
    static const struct {
        AuditVerdict verdict;
        const char *name, *id, *message;
    } rows[] = {
        {AUDIT_STORED, "stored", "b7faed45d87244ac8770d6b83bed1a4c",
         "web@db-password: stored by process 42"},
        {AUDIT_REMOVED, "removed", "dfe9255780ec423fb9083421778cbed9",
         "web@db-password: removed by process 42"},
        {AUDIT_ROTATED, "rotated", "c2468f7731934b93a81f4250c5caa488",
         "web@db-password: rotated by process 42"},
        {AUDIT_RESEALED, "resealed", "65e331b9c25a4a8d83459304ff958956",
         "web@db-password: resealed by process 42"},
        {AUDIT_FLUSHED, "flushed", "adb590e5ac854007b6d86f1da7f6add0",
         "unsealed keys: flushed by process 42"},
    };
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    assert_int_equal(COUNT(rows), AUDIT_CHECKED - AUDIT_STORED);
    record.unit = record.key = "";
    for (size_t i = 0; i < COUNT(rows); i++) {
        record.verdict = rows[i].verdict;
        audit_entry_format(&record, &entry);
        expect(&entry, "MESSAGE", rows[i].message);
        expect(&entry, "MESSAGE_ID", rows[i].id);
        expect(&entry, "PRIORITY", "5");
        expect(&entry, "NSPAWN_CREDS_VERDICT", rows[i].name);
        expect(&entry, "NSPAWN_CREDS_UNIT", NULL);
        expect(&entry, "NSPAWN_CREDS_KEY", NULL);
        expect(&entry, "NSPAWN_CREDS_DELIVERY", NULL);
    }
}

static void test_checked(void **state)
{
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    record.verdict = AUDIT_CHECKED;
    record.unit = "";
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE", "web@db-password: checked by process 42: would be delivered");
    expect(&entry, "MESSAGE_ID", "356c1158cbf64cb0842efa56bedcefe5");
    expect(&entry, "NSPAWN_CREDS_DELIVERY", NULL);

    record.outcome = OUTCOME_NOT_FOUND;
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE",
           "web@db-password: checked by process 42: There is no such credential. Give it a value: "
           "nspawn-creds set web@db-password");
}

static void test_reset(void **state)
{
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    record.verdict = AUDIT_RESET;
    record.machine = record.id = record.unit = "";
    record.fleet = "prod";
    record.sequence = 7;
    audit_entry_format(&record, &entry);
    expect(&entry, "MESSAGE",
           "fleet prod: any sequence may follow sequence 7, by order of process 42");
    expect(&entry, "MESSAGE_ID", "528dac8a28c0486c83e79304f84e3d52");
    expect(&entry, "NSPAWN_CREDS_FLEET", "prod");
}

/* No text of a peer or a file can forge a field or a line. */
static void test_escapes(void **state)
{
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    record.verdict = AUDIT_REFUSED;
    record.outcome = OUTCOME_NAME_MISMATCH;
    record.reason = "a\nMESSAGE=b\x1b[31m\x7f…";
    audit_entry_format(&record, &entry);
    expect(&entry, "NSPAWN_CREDS_REASON", "a\\x0aMESSAGE=b\\x1b[31m\\x7f…");
    for (size_t i = 0; i < entry.size; i++)
        assert_true((unsigned char)entry.text[i] >= ' ' || entry.text[i] == '\n');
}

static void test_never_too_long(void **state)
{
    char endless[2 * AUDIT_FIELD_BYTES];
    AuditRecord record = delivered;
    AuditEntry entry;

    (void)state;
    memset(endless, '\n', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    record.verdict = AUDIT_REFUSED;
    record.reason = record.machine = record.id = record.unit = record.key = endless;
    record.outcome = OUTCOME_TIMEOUT;
    audit_entry_format(&record, &entry);
    for (const char *field = entry.text; field < entry.text + entry.size;) {
        const char *newline = memchr(field, '\n', AUDIT_FIELD_BYTES);

        assert_non_null(newline);
        assert_null(memchr(field, '\0', (size_t)(newline - field)));
        field = newline + 1;
    }
    assert_int_equal(entry.text[entry.size - 1], '\n');
    expect(&entry, "NSPAWN_CREDS_OUTCOME", "timeout");
    expect(&entry, "NSPAWN_CREDS_USEC", "1234");
}

static void test_verdicts_of_changes(void **state)
{
    (void)state;
    assert_int_equal(audit_verdict_of_change("set", false), AUDIT_STORED);
    assert_int_equal(audit_verdict_of_change("unknown", false), AUDIT_STORED);
    assert_int_equal(audit_verdict_of_change("rotate", false), AUDIT_ROTATED);
    assert_int_equal(audit_verdict_of_change("back", false), AUDIT_ROTATED);
    assert_int_equal(audit_verdict_of_change("reseal", false), AUDIT_RESEALED);
    assert_int_equal(audit_verdict_of_change("rotate", true), AUDIT_REMOVED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivered),      cmocka_unit_test(test_sealed_outside),
        cmocka_unit_test(test_fleet),          cmocka_unit_test(test_live),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_changes),        cmocka_unit_test(test_checked),
        cmocka_unit_test(test_reset),          cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_never_too_long), cmocka_unit_test(test_verdicts_of_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
