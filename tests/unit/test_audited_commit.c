/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of audited_commit(), lib/client/store_client.c: one entry for each change. */

#include "support.h"

#include "client/store_client.h"

#include <string.h>
#include <sys/stat.h>

typedef struct Fixture {
    AuditSink sink; /* first: what is written here */
    TestFolder folder;
    Store *store;
    char written[512]; /* "verdict machine@id uid pid", a line each */
    unsigned ends;
} Fixture;

static void note(AuditSink *sink, const AuditRecord *record)
{
    Fixture *fixture = (Fixture *)sink;
    size_t used = strlen(fixture->written);

    assert_string_equal(record->unit, "");
    assert_int_equal(record->outcome, 0);
    snprintf(fixture->written + used, sizeof(fixture->written) - used, "%s %s@%s %u %d\n",
             audit_verdicts[record->verdict].name, record->machine, record->id, record->peer_uid,
             record->peer_pid);
}

static void end(AuditSink *sink, sd_event *event)
{
    assert_null(event);
    ((Fixture *)sink)->ends++;
}

static int set_up(void **state)
{
    static Fixture fixture;

    fixture = (Fixture){.sink = {.write = note, .attach = end}, .folder = test_folder()};
    assert_int_equal(store_new(fixture.folder.path, NULL, &fixture.store), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    fixture->store = store_free(fixture->store);
    test_folder_remove(&fixture->folder);
    return 0;
}

static StoreChange change_of(const char *machine, const char *sealed)
{
    StoreChange change = {.remove = !sealed, .sealed = test_view(sealed ? sealed : "")};

    assert_int_equal(credential_name_new(machine, "x", NULL, &change.name), 0);
    return change;
}

static int commit(Fixture *fixture, const StoreChange *changes, size_t count, const char *verb)
{
    fixture->written[0] = '\0';
    return audited_commit(
        fixture->store,
        &(StoreCommit){.changes = changes, .count = count, .origin = {verb, 17, 42}},
        &fixture->sink, NULL);
}

static void test_each_verb(void **state)
{
    static const struct {
        const char *verb, *sealed, *verdict;
    } rows[] = {
        {"set", "1", "stored"},      {"generated", "2", "stored"}, {"rotate", "3", "rotated"},
        {"reseal", "4", "resealed"}, {"remove", NULL, "removed"},
    };
    Fixture *fixture = *state;
    char expected[64];

    for (size_t i = 0; i < COUNT(rows); i++) {
        StoreChange change = change_of("web", rows[i].sealed);

        assert_int_equal(commit(fixture, &change, 1, rows[i].verb), 0);
        snprintf(expected, sizeof(expected), "%s web@x 17 42\n", rows[i].verdict);
        assert_string_equal(fixture->written, expected);
        assert_int_equal(fixture->ends, i + 1);
    }
}

/* A refused change has no entry, nor has a change of a public half alone. */
static void test_several(void **state)
{
    Fixture *fixture = *state;
    StoreChange changes[] = {change_of("web", "1"), change_of("db", "1")};

    changes[0].public = test_view("public");
    assert_int_equal(commit(fixture, changes, 2, "set"), 0);
    assert_int_equal(strlen(fixture->written), strlen("stored web@x 17 42\nstored db@x 17 42\n"));
    assert_non_null(strstr(fixture->written, "stored web@x 17 42\n"));
    assert_non_null(strstr(fixture->written, "stored db@x 17 42\n"));

    changes[1].precondition = STORE_ABSENT;
    assert_int_equal(commit(fixture, changes, 2, "set"), OUTCOME_EXISTS);
    assert_string_equal(fixture->written, "");

    changes[0].sealed = (BytesView){0};
    changes[0].public = test_view("other");
    assert_int_equal(commit(fixture, changes, 1, "set"), 0);
    assert_string_equal(fixture->written, "");
}

/* A commit that another process left incomplete: the entries name that process. */
static void test_of_another(void **state)
{
    Fixture *fixture = *state;
    StoreChange change = change_of("db", "1");

    assert_int_equal(mkdir(test_path(&fixture->folder, ".commit"), 0770), 0);
    assert_int_equal(mkdir(test_path(&fixture->folder, ".commit/web"), 0770), 0);
    test_write_file(test_path(&fixture->folder, ".commit/web/x.cred"), test_view("1"), 0640);
    test_write_file(test_path(&fixture->folder, ".commit/.origin"), test_view("rotate 5 6\n"),
                    0640);
    assert_int_equal(commit(fixture, &change, 1, "set"), 0);
    assert_string_equal(fixture->written, "rotated web@x 5 6\nstored db@x 17 42\n");
}

static void test_without_a_journal(void **state)
{
    Fixture *fixture = *state;
    StoreChange change = change_of("web", "1");

    assert_int_equal(
        audited_commit(fixture->store,
                       &(StoreCommit){.changes = &change, .count = 1, .origin = {"set", 0, 0}},
                       NULL, NULL),
        0);
    assert_int_equal(fixture->ends, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_verb, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_of_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_journal, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
