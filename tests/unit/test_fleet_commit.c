/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/fleet/fleet_commit.c: a set is accepted as a whole, wherever it is killed. */

#include "broken_disk.h"
#include "fleet_put.h"
#include "steps.h"

#include "fleet/fleet_commit.h"

#include <grp.h>
#include <unistd.h>

static const FleetFile before[] = {
    {"db@a", "of db", 0}, {"web@a", "Zmly\nc3Q=", 0}, {"web@c", "c", 0}};
/* one file is new, one changes and is sealed for a later boot, one stays, one goes */
static const FleetFile after[] = {{"web@a", "second", 0}, {"web@b", "new", 0}, {"web@c", "c", 0}};

/* What a kill leaves does not depend on it, and it takes most of the time. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return 0;
}

typedef struct Fixture {
    TestFolder folder;
    char store[128]; /* of the host; it need not exist */
    bool has_set;
} Fixture;

/* A host that has nothing of the fleet, or sequence 7. */
static void begin(Fixture *fixture, bool has_set)
{
    fixture->folder = test_folder();
    fixture->has_set = has_set;
    snprintf(fixture->store, sizeof(fixture->store), "%s/store", fixture->folder.path);
    assert_int_equal(mkdir(test_path(&fixture->folder, "fleet"), 0770), 0);
    if (has_set)
        fleet_put(fixture->store, "prod", 7, before, COUNT(before));
}

/* Accepts sequence 8, of which only the files that the host does not have were brought. */
static int accept_set(const void *argument)
{
    const Fixture *fixture = argument;
    _cleanup_(fleet_commit_freep) FleetCommit *commit = calloc(1, sizeof(*commit));
    _cleanup_(bundle_done) Bundle bundle = {0};
    _cleanup_(fleet_set_done) FleetSet old = {0};
    _cleanup_(store_freep) Store *store = NULL;
    StoreCommit base = {.origin.verb = "fleet"};

    strcpy(commit->fleet, "prod");
    commit->bundle = fleet_bundle("prod", 8, after, COUNT(after));
    assert_int_equal(bundle_parse(bytes_view(&commit->bundle), NULL, &bundle), 0);
    assert_int_equal(manifest_parse(bytes_view(&bundle.manifest), NULL, &commit->manifest), 0);
    digest_format(bytes_view(&bundle.statement), commit->statement);
    commit->files = calloc(COUNT(after), sizeof(commit->files[0]));
    (void)fleet_set_open(fixture->store, "prod", NULL, &old);
    strcpy(commit->base, old.digest);
    for (size_t i = 0; i < COUNT(after); i++) {
        _cleanup_(bytes_done) Bytes file = {0};

        if (!old.store ||
            fleet_set_read(&old, &commit->manifest.credentials[i].name, NULL, &file) != 0 ||
            !bytes_view_equal(bytes_view(&file), fleet_file_view(&after[i])))
            assert_int_equal(bytes_dup(fleet_file_view(&after[i]), &commit->files[i].sealed), 0);
        commit->files[i].pending = i == 0;
        commit->files[i].changed = commit->files[i].keep = commit->files[i].sealed.size > 0;
    }
    if (fleet_commit_open(fixture->store, "prod", true, NULL, &store) != 0)
        return 1;
    return fleet_commit_run(commit, fixture->store, store, &base, NULL) == 0 ? 0 : 2;
}

/* What SET serves until web@a opens: in sequence 8, what sequence 7 had. */
static void check_predecessor(const FleetSet *set, bool has_old)
{
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name;
    int r;

    assert_int_equal(credential_name_parse("web@a", NULL, &name), 0);
    r = fleet_set_read_predecessor(set, &name, NULL, &file);
    assert_int_equal(r, set->statement.sequence == 8 && has_old ? 0 : OUTCOME_NOT_FOUND);
    if (r == 0)
        assert_true(bytes_view_equal(bytes_view(&file), test_view("Zmlyc3Q=\n")));
}

/* The sequence that is served, 0 for none. All of its files are, and no other. */
static uint64_t served(const Fixture *fixture)
{
    static const char *const names[] = {"db@a", "web@a", "web@b", "web@c"};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    const FleetFile *files;
    const struct group *group = getgrnam(BROKER_USER);
    char path[PATH_MAX];
    int r;

    /* as the broker would have made it */
    fleet_set_path(fixture->store, "prod", path);
    if (geteuid() == 0 && group && access(path, F_OK) == 0)
        assert_int_equal(chown(path, (uid_t)-1, group->gr_gid), 0);
    r = fleet_set_open(fixture->store, "prod", NULL, &set);

    if (r == OUTCOME_NO_SET)
        return 0;
    assert_int_equal(r, 0);
    assert_true(set.statement.sequence == 7 || set.statement.sequence == 8);
    check_predecessor(&set, fixture->has_set);
    files = set.statement.sequence == 7 ? before : after;
    for (size_t i = 0; i < COUNT(names); i++) {
        _cleanup_(bytes_done) Bytes file = {0};
        const FleetFile *expected = NULL;
        CredentialName name;

        for (size_t k = 0; k < COUNT(before); k++)
            if (strcmp(files[k].name, names[i]) == 0)
                expected = &files[k];
        assert_int_equal(credential_name_parse(names[i], NULL, &name), 0);
        r = fleet_set_read(&set, &name, NULL, &file);
        if (r != (expected ? 0 : OUTCOME_NO_SET) ||
            (expected && !bytes_view_equal(bytes_view(&file), fleet_file_view(expected))))
            fail_msg("%s of sequence %u: %s", names[i], (unsigned)set.statement.sequence,
                     outcome_name(r));
    }
    return set.statement.sequence;
}

static void kill_everywhere(bool has_set)
{
    unsigned old = 0, new = 0;
    int status = -1;
    bool goes = true;

    for (unsigned change = 1; goes; change++) {
        Fixture fixture;
        uint64_t sequence;
        pid_t pid;

        begin(&fixture, has_set);
        pid = steps_start(accept_set, &fixture);
        goes = steps_go_to_change(pid, change, &status);
        if (goes)
            steps_kill(pid);
        sequence = served(&fixture);
        old += sequence != 8;
        new += sequence == 8;
        if (sequence != 8 && sequence != (has_set ? 7 : 0))
            fail_msg("killed at change %u it serves %u", change, (unsigned)sequence);
        /* once more, as the courier does; all is tidy then */
        assert_int_equal(accept_set(&fixture), 0);
        assert_int_equal(served(&fixture), 8);
        assert_int_not_equal(access(test_path(&fixture.folder, "fleet/prod/db/a.cred"), F_OK), 0);
        assert_int_not_equal(access(test_path(&fixture.folder, "fleet/prod/.commit"), F_OK), 0);
        assert_int_not_equal(access(test_path(&fixture.folder, "fleet/prod/.prepare"), F_OK), 0);
        test_folder_remove(&fixture.folder);
    }
    assert_int_equal(status, 0);
    print_message("killed %u times before, %u times after\n", old, new);
    /* there were many places before and after the one that decides */
    assert_in_range(old, 5, 2000);
    assert_in_range(new, 5, 2000);
}

static void test_killed_over_a_set(void **state)
{
    (void)state;
    kill_everywhere(true);
}

static void test_killed_over_nothing(void **state)
{
    (void)state;
    kill_everywhere(false);
}

/* The list of changes is not lost, and neither is what is served instead of the set's own. */
static void test_unreadable(void **state)
{
    static const char *const records[] = {FLEET_SET_RECORD, VALUE_CHANGES_RECORD, RESTORED_RECORD,
                                          PENDING_RECORD};

    (void)state;
    for (size_t i = 0; i < COUNT(records); i++) {
        Fixture fixture;
        char file[64];

        begin(&fixture, true);
        snprintf(file, sizeof(file), "fleet/prod/.record.%s", records[i]);
        if (i > 0)
            test_write_file(test_path(&fixture.folder, file), text_view("{}"), 0640);
        broken_file = records[i];
        assert_int_equal(accept_set(&fixture), 2);
        broken_file = NULL;
        assert_int_equal(served(&fixture), 7);
        assert_int_equal(accept_set(&fixture), 0);
        assert_int_equal(served(&fixture), 8);
        test_folder_remove(&fixture.folder);
    }
}

/* After a reset, a set replaces one that nobody can read. */
static void test_unreadable_reset(void **state)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    Fixture fixture;

    (void)state;
    begin(&fixture, true);
    broken_file = FLEET_SET_RECORD;
    assert_int_equal(fleet_set_open_damaged(fixture.store, "prod", NULL, &set), 0);
    assert_int_equal(fleet_set_reset(&set, NULL), 0);
    assert_int_equal(accept_set(&fixture), 0);
    broken_file = NULL;
    fixture.has_set = false; /* nobody knew its files */
    assert_int_equal(served(&fixture), 8);
    test_folder_remove(&fixture.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_over_a_set),
        cmocka_unit_test(test_killed_over_nothing),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_unreadable_reset),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
