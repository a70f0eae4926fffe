/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of apply/apply.c: the broker's list of changes, of which nothing but names is believed, and
 * runs that are interrupted.
 */

#include "fake_manager.h"
#include "fleet_put.h"

#include "apply.h"

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

static const char web_policy[] =
    "{\"credentials\": {"
    "\"token\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": [\"app.service\"],"
    "            \"onChange\": \"restart\"},"
    "\"env\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": [\"env.service\"],"
    "          \"onChange\": \"restart\"},"
    "\"test\": {\"fleet\": \"test\", \"delivery\": \"live\", \"services\": [\"test.service\"],"
    "           \"onChange\": \"restart\"},"
    "\"picky\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": [\"picky.service\"],"
    "            \"onChange\": \"restart\", \"onFailure\": \"previous\"},"
    "\"own\": {\"delivery\": \"live\", \"services\": [\"own.service\"],"
    "          \"onChange\": \"restart\"}}}";

static const FakeManager web = {.machine = "web",
                                .units = {{.name = "app.service"},
                                          {.name = "env.service"},
                                          {.name = "test.service"},
                                          {.name = "picky.service"},
                                          {.name = "own.service"}}};

typedef struct World {
    TestFolder folder;
    Context context;
    char store[128];
    ApplyOptions options;
    Observer observer;
    char notes[2048];
    int stop[2];
    const char *stop_at; /* the note that has it stopped */
    char statement[DIGEST_TEXT_BYTES];
} World;

static void on_note(void *userdata, const char *text)
{
    World *world = userdata;
    size_t used = strlen(world->notes);

    snprintf(world->notes + used, sizeof(world->notes) - used, "%s; ", text);
    if (world->stop_at && strcmp(text, world->stop_at) == 0)
        assert_int_equal(write(world->stop[1], "", 1), 1);
}

static int set_up(void **state)
{
    static const char *const folders[] = {"etc", "etc/nspawn-creds", "var", "var/lib",
                                          "var/lib/nspawn-creds"};
    World *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = test_folder();
    world->context = test_context(world->folder.path);
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(test_path(&world->folder, folders[i]), 0755), 0);
    test_write_file(test_path(&world->folder, "etc/nspawn-creds/web.json"), test_view(web_policy),
                    0644);
    snprintf(world->store, sizeof(world->store), "%s/var/lib/nspawn-creds/store",
             world->folder.path);
    assert_int_equal(pipe2(world->stop, O_NONBLOCK), 0);
    world->observer = (Observer){.note = on_note, .userdata = world};
    world->options = (ApplyOptions){
        .context = &world->context,
        .store = world->store,
        .restart = {.observer = &world->observer,
                    .stop = world->stop[0],
                    .unit_usec = UINT64_C(60) * 1000 * 1000,
                    .settle_usec = 20000},
    };
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    World *world = *state;

    fake_managers_stop();
    close(world->stop[0]);
    close(world->stop[1]);
    test_folder_remove(&world->folder);
    free(world);
    return 0;
}

/* Writes RECORD of the fleet prod as the broker, who is somebody else. */
static void put_record(const World *world, const char *record, BytesView text)
{
    char path[PATH_MAX];

    fleet_set_path(world->store, "prod", path);
    strcat(path, "/.record.");
    strcat(path, record);
    (void)unlink(path);
    test_write_file(path, text, 0640);
}

/* The broker has accepted SEQUENCE. CHANGED are the names of what has changed, and since which
 * sequence, "web@env 7 web@token 8"; sorted. */
static void accept_set(World *world, uint64_t sequence, const char *changed)
{
    static const FleetFile files[] = {
        {"web@env", "1", 0}, {"web@picky", "new", 0}, {"web@token", "2", 0}};
    const struct group *group = getgrnam(BROKER_USER);
    _cleanup_(value_changes_done) ValueChanges changes = {0};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    _cleanup_(bytes_done) Bytes record = {0};
    char text[256], path[PATH_MAX], *rest = NULL;

    fleet_put(world->store, "prod", sequence, files, COUNT(files));
    fleet_set_path(world->store, "prod", path);
    if (geteuid() == 0 && group)
        assert_int_equal(chown(path, (uid_t)-1, group->gr_gid), 0);
    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
    strcpy(world->statement, set.digest);
    strcpy(text, changed);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char digest[DIGEST_TEXT_BYTES];
        CredentialName name;

        assert_int_equal(credential_name_parse(word, NULL, &name), 0);
        snprintf(digest, sizeof(digest), "%064d", atoi(strtok_r(NULL, " ", &rest)));
        assert_int_equal(value_changes_put(&changes, &name, digest), 0);
    }
    assert_int_equal(value_changes_format(&changes, &record), 0);
    put_record(world, VALUE_CHANGES_RECORD, bytes_view(&record));
}

/* The same with what was restored before. */
static void accept_again(World *world, uint64_t sequence, const char *changed)
{
    _cleanup_(fleet_set_done) FleetSet before = {0}, after = {0};
    _cleanup_(bytes_done) Bytes record = {0};

    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &before), 0);
    accept_set(world, sequence, changed);
    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &after), 0);
    assert_int_equal(after.restored.count, 0);
    assert_int_equal(restored_format(&before.restored, after.digest, &record), 0);
    put_record(world, RESTORED_RECORD, bytes_view(&record));
}

/* Runs it, with MANAGER running. The jobs are LOG; NULL: whatever was asked for before the end. */
static void run(World *world, const FakeManager *manager, int rc, const char *log)
{
    Reason reason = {0};
    char byte;
    int r;

    while (read(world->stop[0], &byte, 1) == 1)
        ;
    world->notes[0] = '\0';
    fake_managers_start(manager, 1);
    r = apply_fleet(&world->options, "prod", &reason);
    if (r != rc)
        fail_msg("%d: %s", r, reason.text);
    if (log)
        assert_string_equal(fake_managers_log(), log);
    fake_managers_stop();
}

/* What was written down for the report: of the accepted set, OUTCOME and CREDENTIAL. */
static void expect_applied(const World *world, int outcome, const char *credential)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    FleetApplied applied;

    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
    assert_int_equal(fleet_set_applied(&set, NULL, &applied), 0);
    assert_string_equal(applied.statement, world->statement);
    assert_int_equal(applied.outcome, outcome);
    assert_string_equal(applied.credential, credential);
}

/* --- tests --- */

static void test_once(void **state)
{
    World *world = *state;

    run(world, &web, 0, ""); /* there is no set yet */
    accept_set(world, 7, "web@env 7 web@token 7");
    run(world, &web, 0, "web TryRestartUnit env.service; web TryRestartUnit app.service");
    expect_applied(world, 0, "");
    run(world, &web, 0, "");
    /* what has not changed stays, and what has not run yet merges */
    accept_set(world, 8, "web@env 7 web@token 8");
    run(world, &web, 0, "web TryRestartUnit app.service");
    expect_applied(world, 0, "");
    accept_set(world, 9, "web@env 9 web@token 8");
    accept_set(world, 10, "web@env 9 web@token 10");
    run(world, &web, 0, "web TryRestartUnit env.service; web TryRestartUnit app.service");
    /* a statement without a change, and a lower sequence after a reset */
    accept_set(world, 11, "web@env 9 web@token 10");
    run(world, &web, 0, "");
    expect_applied(world, 0, "");
    accept_set(world, 5, "web@env 9 web@token 5");
    run(world, &web, 0, "web TryRestartUnit app.service");
}

/* Names of another fleet, of no fleet, of no policy, and of no machine. */
static void test_foreign_names(void **state)
{
    World *world = *state;

    accept_set(world, 7,
               "other@x 7 web@nothing 7 web@own 7 web@test 7 web@token 7 xa@x 7 xb@x 7 xc@x 7");
    run(world, &web, 0, "web TryRestartUnit app.service");
    assert_non_null(
        strstr(world->notes, "web@test has changed, but its policy does not take it from prod; "));
    assert_non_null(strstr(world->notes, "the same is true of 2 more; "));
    expect_applied(world, 0, "");
}

static void test_bad_list(void **state)
{
    static const char *const lists[] = {"", "{}", "\033[2J",
                                        "{\"version\":1,\"changes\":[{\"unit\":\"own.service\"}]}"};
    World *world = *state;

    for (size_t i = 0; i < COUNT(lists); i++) {
        accept_set(world, 7, "");
        put_record(world, VALUE_CHANGES_RECORD, text_view(lists[i]));
        run(world, &web, OUTCOME_MALFORMED, "");
    }
}

static void test_failure(void **state)
{
    static const FakeManager manager = {
        .machine = "web",
        .units = {{.name = "app.service", .after_active = "failed"}, {.name = "env.service"}}};
    World *world = *state;

    accept_set(world, 7, "web@env 7 web@token 7");
    run(world, &manager, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit env.service; web TryRestartUnit app.service");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
    /* it is not tried again, and what was said stays */
    run(world, &manager, 0, "");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
}

/* The broker has kept the file that NAME, which now has FILE, had before. */
static void keep_previous(const World *world, const char *name, const char *file, char letter)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    StoreChange change = {0};
    char old[88];
    StoreCommit commit = {
        .changes = &change, .count = 1, .history = 1, .origin = {.verb = "fleet"}};

    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
    assert_int_equal(credential_name_parse(name, NULL, &change.name), 0);
    memset(old, letter, sizeof(old)); /* in base64 */
    change.sealed = (BytesView){(const uint8_t *)old, sizeof(old)};
    assert_int_equal(store_commit(set.store, &commit, NULL), 0);
    change.sealed = text_view(file);
    change.keep_old = true;
    assert_int_equal(store_commit(set.store, &commit, NULL), 0);
}

static void expect_served(const World *world, const char *expected)
{
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    CredentialName name;

    assert_int_equal(credential_name_parse("web@picky", NULL, &name), 0);
    assert_int_equal(fleet_read(world->store, "prod", &name, &set, NULL, &file), 0);
    /* the history may break its lines otherwise */
    assert_true(file.size >= strlen(expected));
    assert_memory_equal(file.data, expected, strlen(expected));
}

/* Root's policy wants the previous value back, if there is one. */
static void test_previous(void **state)
{
    static const FakeManager picky = {
        .machine = "web",
        .units = {{.name = "app.service"},
                  {.name = "picky.service", .recovers = true, .after_active = "failed"}}};
    static const FakeManager app = {
        .machine = "web",
        .units = {{.name = "app.service", .job_result = "failed"}, {.name = "picky.service"}}};
    static const FakeManager stubborn = {
        .machine = "web",
        .units = {{.name = "app.service"}, {.name = "picky.service", .job_result = "failed"}}};
    World *world = *state;

    accept_set(world, 7, "web@picky 7 web@token 7");
    run(world, &picky, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit picky.service; web TryRestartUnit app.service");
    expect_served(world, "new");
    accept_set(world, 8, "web@picky 8 web@token 8");
    keep_previous(world, "web@picky", "new", 'A');
    run(world, &picky, OUTCOME_NOT_ROTATED,
        "web TryRestartUnit picky.service; web TryRestartUnit app.service; "
        "web RestartUnit picky.service");
    expect_served(world, "AAAAAAAA");
    expect_applied(world, OUTCOME_NOT_ROTATED, "web@picky");
    run(world, &web, 0, "");
    expect_applied(world, OUTCOME_NOT_ROTATED, "web@picky");
    /* a statement without a change: the broker keeps what is restored */
    accept_again(world, 80, "web@picky 8 web@token 8");
    run(world, &web, 0, "");
    expect_applied(world, OUTCOME_NOT_ROTATED, "web@picky");
    /* for another credential the policy does not want it */
    accept_set(world, 9, "web@picky 9 web@token 9");
    keep_previous(world, "web@token", "2", 'A');
    keep_previous(world, "web@picky", "new", 'A');
    run(world, &app, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit picky.service; web TryRestartUnit app.service");
    expect_served(world, "new");
    /* one that does not come back with the previous value either */
    accept_set(world, 10, "web@picky 10 web@token 9");
    keep_previous(world, "web@picky", "new", 'A');
    run(world, &stubborn, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit picky.service; web RestartUnit picky.service");
    expect_served(world, "AAAAAAAA");
    /* somebody puts another file there */
    keep_previous(world, "web@picky", "new", 'B');
    expect_served(world, "new");
}

/* Killed after the previous value was put back, and before that was said. */
static void test_killed_after_restoring(void **state)
{
    World *world = *state;
    ApplyState before = {0};
    RestartMachine machine = {.name = "web"};
    RestartUnit unit = {.machine = &machine, .name = "picky.service"};
    CredentialName name;
    size_t count;

    accept_set(world, 7, "web@picky 7");
    keep_previous(world, "web@picky", "new", 'A');
    assert_int_equal(credential_name_parse("web@picky", NULL, &name), 0);
    {
        _cleanup_(fleet_set_done) FleetSet set = {0};

        assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
        assert_int_equal(fleet_set_restore(&set, &name, 1, NULL, &count), 0);
        assert_int_equal(count, 1);
        assert_int_equal(fleet_set_changes(&set, NULL, &before.begun), 0);
    }
    assert_int_equal(apply_state_add_unit(&before, &unit), 0);
    assert_int_equal(apply_state_write(&world->context, "prod", &before, NULL), 0);
    apply_state_done(&before);
    run(world, &web, OUTCOME_NOT_ROTATED, "");
    expect_applied(world, OUTCOME_NOT_ROTATED, "web@picky");
}

static void test_interrupted(void **state)
{
    World *world = *state;

    for (unsigned sequence = 7; sequence < 9; sequence++) {
        char changed[64];

        snprintf(changed, sizeof(changed), "web@env %u web@token %u", sequence, sequence);
        accept_set(world, sequence, changed);
        world->stop_at = "web: app.service: restarting";
        run(world, &web, OUTCOME_INTERRUPTED, NULL);
        world->stop_at = NULL;
        if (sequence == 8) {
            /* the first one changes once more before the next run */
            accept_set(world, 9, "web@env 9 web@token 8");
            run(world, &web, 0, "web TryRestartUnit env.service; web TryRestartUnit app.service");
        } else {
            run(world, &web, 0, "web TryRestartUnit app.service");
        }
        expect_applied(world, 0, "");
        run(world, &web, 0, "");
    }
}

/* Killed after the outcome was written down, and before what was done. */
static void test_killed_at_the_end(void **state)
{
    static const FakeManager manager = {
        .machine = "web",
        .units = {{.name = "app.service", .after_active = "failed"}, {.name = "env.service"}}};
    static const FakeManager later = {
        .machine = "web",
        .units = {{.name = "app.service", .active = "failed"}, {.name = "env.service"}}};
    World *world = *state;
    ApplyState before = {0};

    accept_set(world, 7, "web@env 7 web@token 7");
    run(world, &manager, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit env.service; web TryRestartUnit app.service");
    assert_int_equal(apply_state_read(&world->context, "prod", NULL, &before), 0);
    before.begun = before.applied;
    before.applied = (ValueChanges){0};
    for (size_t i = 0; i < 2; i++) {
        RestartMachine machine = {.name = "web"};
        RestartUnit unit = {.machine = &machine, .name = i == 0 ? "env.service" : "app.service"};

        assert_int_equal(apply_state_add_unit(&before, &unit), 0);
    }
    assert_int_equal(apply_state_write(&world->context, "prod", &before, NULL), 0);
    apply_state_done(&before);
    run(world, &later, OUTCOME_NOT_APPLIED, "");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
}

/* Without its own file, it does once more what it did. */
static void test_bad_state(void **state)
{
    World *world = *state;
    const char *file;

    accept_set(world, 7, "web@token 7");
    run(world, &web, 0, "web TryRestartUnit app.service");
    file = test_path(&world->folder, "var/lib/nspawn-creds/apply/prod.json");
    test_write_file(file, test_view("{"), 0600);
    run(world, &web, 0, "web TryRestartUnit app.service");
    assert_non_null(strstr(world->notes, "what was done before is not known"));
    run(world, &web, 0, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_previous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_after_restoring, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_state, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
