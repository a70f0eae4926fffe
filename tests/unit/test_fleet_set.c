/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/fleet/fleet_set.c. */

#include "broken_disk.h"
#include "fleet_put.h"

#include "base/array.h"

#include <unistd.h>

static const FleetFile first[] = {{"db@a", "sealed a of db", 0}, {"web@a", "sealed a", 0}};
static const FleetFile second[] = {{"web@a", "other a", 0}, {"web@b", "sealed b", 0}};

typedef struct Fixture {
    TestFolder folder;
    char store[128]; /* of the host; it need not exist */
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;

    fixture.folder = test_folder();
    snprintf(fixture.store, sizeof(fixture.store), "%s/store", fixture.folder.path);
    *state = &fixture;
    return 0;
}

/* What was read last: a set that was accepted since is noticed. */
static FleetSet kept;

static int tear_down(void **state)
{
    const Fixture *fixture = *state;

    fleet_set_done(&kept);
    test_folder_remove(&fixture->folder);
    return 0;
}

/* That NAME is read of the fleet prod with RC, and with CONTENT or words of the reason. */
static void expect(const Fixture *fixture, const char *name, int rc, const char *words,
                   uint64_t sequence)
{
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName parsed;
    Reason reason = {0};

    assert_int_equal(credential_name_parse(name, NULL, &parsed), 0);
    assert_int_equal(fleet_read(fixture->store, "prod", &parsed, &kept, &reason, &file), rc);
    if (rc == 0) {
        assert_true(bytes_view_equal(bytes_view(&file), text_view(words)));
        assert_string_equal(fleet_set_origin(&kept).fleet, "prod");
        assert_int_equal(fleet_set_origin(&kept).sequence, sequence);
    } else if (!strstr(reason.text, words)) {
        fail_msg("%s: %s", name, reason.text);
    }
}

static void test_paths(void **state)
{
    static const struct {
        const char *store, *fleet, *path;
    } rows[] = {
        {"/var/lib/nspawn-creds/store", "prod", "/var/lib/nspawn-creds/fleet/prod"},
        {"/srv/x", "a", "/srv/fleet/a"},
        {"/store", "a", "/fleet/a"},
        {"/srv/x", "", "/srv/fleet"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char path[PATH_MAX];

        fleet_set_path(rows[i].store, rows[i].fleet, path);
        assert_string_equal(path, rows[i].path);
    }
}

static void test_sets_follow_each_other(void **state)
{
    const Fixture *fixture = *state;

    expect(fixture, "web@a", OUTCOME_NO_SET, "not accepted anything from the fleet prod", 0);
    fleet_put(fixture->store, "prod", 7, first, COUNT(first));
    expect(fixture, "web@a", 0, "sealed a", 7);
    expect(fixture, "db@a", 0, "sealed a of db", 7);
    expect(fixture, "web@b", OUTCOME_NO_SET, "sequence 7 of the fleet prod does not have web@b", 0);
    fleet_put(fixture->store, "prod", 8, second, COUNT(second));
    expect(fixture, "web@a", 0, "other a", 8);
    expect(fixture, "web@b", 0, "sealed b", 8);
    /* its file is still there */
    expect(fixture, "db@a", OUTCOME_NO_SET, "sequence 8 of the fleet prod does not have db@a", 0);
}

/* Whatever somebody else does to the files is noticed. */
static void test_foreign_files(void **state)
{
    const Fixture *fixture = *state;
    const char *a = test_path(&fixture->folder, "fleet/prod/web/a.cred");
    const char *b = test_path(&fixture->folder, "fleet/prod/web/b.cred");

    fleet_put(fixture->store, "prod", 7, first, COUNT(first));
    test_write_file(a, text_view("sealed b"), 0640);
    expect(fixture, "web@a", OUTCOME_NOT_SIGNED, "somebody replaced the file of web@a", 0);
    test_write_file(a, text_view("sealed a\n"), 0640);
    expect(fixture, "web@a", OUTCOME_NOT_SIGNED, "sequence 7 has another digest", 0);
    test_write_file(a, text_view("sealed a"), 0640);
    expect(fixture, "web@a", 0, "sealed a", 7);
    test_write_file(b, text_view("sealed b"), 0640);
    expect(fixture, "web@b", OUTCOME_NO_SET, "does not have web@b", 0);
    assert_int_equal(rename(b, a), 0);
    expect(fixture, "web@a", OUTCOME_NOT_SIGNED, "somebody replaced", 0);
    assert_int_equal(unlink(a), 0);
    expect(fixture, "web@a", OUTCOME_NO_SET, "somebody removed the file of web@a", 0);
    assert_int_equal(symlink("../db/a.cred", a), 0);
    expect(fixture, "web@a", OUTCOME_STORE_UNSAFE, "web/a.cred", 0);
}

static void test_bad_bundles(void **state)
{
    const Fixture *fixture = *state;
    const char *record = test_path(&fixture->folder, "fleet/prod/.record.bundle");
    _cleanup_(bytes_done) Bytes foreign = fleet_bundle("test", 7, first, COUNT(first));

    fleet_put(fixture->store, "prod", 7, first, COUNT(first));
    test_write_file(record, bytes_view(&foreign), 0640);
    expect(fixture, "web@a", OUTCOME_STORE_UNSAFE, "it is of the fleet test", 0);
    test_write_file(record, text_view("{}"), 0640);
    expect(fixture, "web@a", OUTCOME_STORE_UNSAFE, "prod/.record.bundle is damaged", 0);
    expect(fixture, "web@a", OUTCOME_STORE_UNSAFE, "nspawn-creds fleet reset prod", 0);
    assert_int_equal(unlink(record), 0);
    expect(fixture, "web@a", OUTCOME_NO_SET, "not accepted anything", 0);
}

/* Neither as if nothing had been accepted, restored or put off, nor as if it were damaged. */
static void test_unreadable(void **state)
{
    static const char *const records[] = {FLEET_SET_RECORD, FLEET_RESET_RECORD, RESTORED_RECORD,
                                          PENDING_RECORD};
    const Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(records); i++) {
        _cleanup_(fleet_set_done) FleetSet set = {0};
        Reason reason = {0};
        char file[64];

        fleet_put(fixture->store, "prod", 7, first, COUNT(first));
        snprintf(file, sizeof(file), "fleet/prod/.record.%s", records[i]);
        test_write_file(test_path(&fixture->folder, file), text_view("{}"), 0640);
        if (i == 0)
            fleet_put(fixture->store, "prod", 7, first, COUNT(first));
        broken_file = records[i];
        assert_int_equal(fleet_set_open(fixture->store, "prod", &reason, &set), -EIO);
        if (!strstr(reason.text, "fleet/prod: cannot read .record.") ||
            !strstr(reason.text, "faults of the disk: journalctl -k."))
            fail_msg("%s: %s", records[i], reason.text);
        /* a reset is nothing for a request */
        if (i != 1)
            expect(fixture, "web@a", -EIO, "faults of the disk", 0);
        broken_file = NULL;
        expect(fixture, "web@a", 0, "sealed a", 7);
    }
}

/* A reset where nobody can read the accepted set. */
static void test_unreadable_reset(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(fleet_set_done) FleetSet unread = {0}, none = {0}, old = {0}, next = {0};
    Reason reason = {0};

    fleet_put(fixture->store, "prod", 7, first, COUNT(first));
    broken_file = FLEET_SET_RECORD;
    assert_int_equal(fleet_set_open(fixture->store, "prod", &reason, &none), -EIO);
    assert_non_null(strstr(reason.text, "nspawn-creds fleet reset prod"));
    assert_int_equal(fleet_set_open_damaged(fixture->store, "prod", &reason, &unread), 0);
    assert_int_equal(fleet_set_reset(&unread, NULL), 0);
    assert_int_equal(fleet_set_open(fixture->store, "prod", &reason, &none), OUTCOME_NO_SET);
    broken_file = NULL; /* it was for what could not be read */
    assert_int_equal(fleet_set_open(fixture->store, "prod", NULL, &old), 0);
    assert_int_equal(old.floor, 7);
    broken_file = FLEET_RESET_RECORD;
    assert_int_equal(fleet_set_open(fixture->store, "prod", NULL, &none), -EIO);
    broken_file = NULL;
    fleet_put(fixture->store, "prod", 5, second, COUNT(second));
    assert_int_equal(fleet_set_open(fixture->store, "prod", NULL, &next), 0);
    assert_int_equal(next.floor, 5);
}

/* A set that was opened before another was accepted reads nothing of that. */
static void test_changes_meanwhile(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(fleet_set_done) FleetSet set = {0};
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name;

    assert_int_equal(credential_name_parse("web@a", NULL, &name), 0);
    fleet_put(fixture->store, "prod", 7, first, COUNT(first));
    assert_int_equal(fleet_set_open(fixture->store, "prod", NULL, &set), 0);
    fleet_put(fixture->store, "prod", 8, second, COUNT(second));
    assert_int_equal(fleet_set_read(&set, &name, NULL, &file), OUTCOME_CHANGED);
}

/* A reset lowers the floor until the next set is accepted. */
static void test_floor(void **state)
{
    const Fixture *fixture = *state;

    fleet_put(fixture->store, "prod", 7, first, COUNT(first));
    for (int reset = 0; reset < 3; reset++) {
        _cleanup_(fleet_set_done) FleetSet set = {0};

        if (reset == 2)
            fleet_put(fixture->store, "prod", 5, second, COUNT(second));
        assert_int_equal(fleet_set_open(fixture->store, "prod", NULL, &set), 0);
        assert_int_equal(set.floor, reset == 0 ? 7 : reset == 1 ? 0 : 5);
        if (reset == 0)
            assert_int_equal(fleet_set_reset(&set, NULL), 0);
    }
}

static void test_list(void **state)
{
    const Fixture *fixture = *state;

    for (size_t sets = 0; sets < 3; sets++) {
        _cleanup_(strings_freep) char **names = NULL;
        static const char *const expected[] = {"prod", "test"};
        size_t count = 0;

        assert_int_equal(fleet_set_list(fixture->store, NULL, &names), 0);
        for (; names[count]; count++)
            assert_string_equal(names[count], expected[count]);
        assert_int_equal(count, sets);
        fleet_put(fixture->store, expected[sets % 2], 1, first, COUNT(first));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test_setup_teardown(test_sets_follow_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_bundles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_floor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
