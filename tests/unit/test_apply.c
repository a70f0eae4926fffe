/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of apply/apply.c: the broker's list of changes, of which nothing but names is believed, and
 * runs that are interrupted.
 */

#include "apply_fixture.h"
#include "broken_disk.h"

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

static const FakeManager app_fails = {
    .machine = "web",
    .units = {{.name = "app.service", .after_active = "failed"}, {.name = "env.service"}}};

static void test_failure(void **state)
{
    World *world = *state;

    accept_set(world, 7, "web@env 7 web@token 7");
    run(world, &app_fails, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit env.service; web TryRestartUnit app.service");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
    /* it is not tried again, and what was said stays */
    run(world, &app_fails, 0, "");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
}

/* Until the service runs with the new value, the report of each statement says that it does not. */
static void test_failure_stays(void **state)
{
    static const FakeManager down = {.machine = "web",
                                     .units = {{.name = "app.service", .active = "failed"},
                                               {.name = "env.service"}}},
                             started = {.machine = "web",
                                        .units = {{.name = "app.service", .starts = 1},
                                                  {.name = "env.service"}}};
    World *world = *state;

    accept_set(world, 7, "web@env 7 web@token 7");
    run(world, &app_fails, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit env.service; web TryRestartUnit app.service");
    accept_set(world, 8, "web@env 7 web@token 7");
    run(world, &down, 0, "");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
    /* also while another one changes */
    accept_set(world, 9, "web@env 9 web@token 7");
    run(world, &down, OUTCOME_NOT_APPLIED, "web TryRestartUnit env.service");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
    /* it has not been started since */
    run(world, &web, 0, "");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
    run(world, &started, 0, "");
    expect_applied(world, 0, "");
    accept_set(world, 10, "web@env 9 web@token 7");
    run(world, &down, 0, "");
    expect_applied(world, 0, "");
}

/* A service in a container that did not answer still has the value before: it is restarted. */
static void test_silent_before(void **state)
{
    static const FakeManager silent = {
        .machine = "web", .delay_msec = 3600 * 1000, .units = {{.name = "app.service"}}};
    World *world = *state;

    accept_set(world, 7, "web@token 7");
    run(world, &silent, OUTCOME_NOT_APPLIED, NULL);
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@token");
    accept_set(world, 8, "web@token 7");
    run(world, &web, 0, "web TryRestartUnit app.service");
    expect_applied(world, 0, "");
}

/* Has the unit NAME have had JOBS in a window that began at SINCE. */
static void count_jobs(const World *world, const char *name, unsigned jobs, uint64_t since)
{
    _cleanup_(apply_state_done) ApplyState state = {0};
    RestartMachine machine = {.name = "web"};
    RestartUnit unit = {.machine = &machine, .name = name};

    assert_int_equal(apply_state_read(&world->context, "prod", NULL, &state), 0);
    apply_units_done(&state.counted);
    for (unsigned i = 0; i < jobs; i++)
        assert_int_equal(apply_state_count(&state, &unit, since), 0);
    assert_int_equal(apply_state_write(&world->context, "prod", &state, NULL), 0);
}

static uint64_t an_hour_later(const Context *context)
{
    (void)context;
    return TEST_NOW + LIMIT_APPLY_WINDOW_USEC;
}

/* The broker has new changes all the time. */
static void test_without_end(void **state)
{
    World *world = *state;

    count_jobs(world, "app.service", LIMIT_APPLY_JOBS - 1, TEST_NOW - LIMIT_APPLY_WINDOW_USEC / 2);
    accept_set(world, 7, "web@token 7");
    run(world, &app_fails, OUTCOME_NOT_APPLIED, "web TryRestartUnit app.service");
    assert_true(world->due == USEC_INFINITY);
    for (unsigned sequence = 8; sequence < 10; sequence++) {
        char changed[64];

        snprintf(changed, sizeof(changed), "web@env %u web@token %u", sequence, sequence);
        accept_set(world, sequence, changed);
        run(world, &web, OUTCOME_POSTPONED, "web TryRestartUnit env.service");
        assert_non_null(strstr(world->notes, "web: app.service: it was restarted or reloaded 60 "));
        expect_applied(world, OUTCOME_POSTPONED, "web@token");
        assert_true(world->due == TEST_NOW + LIMIT_APPLY_WINDOW_USEC / 2);
    }
    run(world, &web, 0, "");
    assert_true(world->due == TEST_NOW + LIMIT_APPLY_WINDOW_USEC / 2);
    /* the window has ended: it gets the last value, and is counted from there on */
    world->context.now = an_hour_later;
    run(world, &web, 0, "web TryRestartUnit app.service");
    assert_true(world->due == USEC_INFINITY);
    expect_applied(world, 0, "");
    count_jobs(world, "app.service", LIMIT_APPLY_JOBS, TEST_NOW);
    accept_set(world, 10, "web@env 9 web@token 10");
    run(world, &web, 0, "web TryRestartUnit app.service");
    /* the clock was set back */
    count_jobs(world, "app.service", LIMIT_APPLY_JOBS, TEST_NOW + 2 * LIMIT_APPLY_WINDOW_USEC);
    accept_set(world, 11, "web@env 9 web@token 11");
    run(world, &web, 0, "web TryRestartUnit app.service");
}

/* A failure is worse, also one of an earlier run. One that does not run any more gets the value
 * when it is started. */
static void test_postponed_and_failed(void **state)
{
    static const FakeManager fails = {
        .machine = "web",
        .units = {{.name = "app.service"}, {.name = "env.service", .after_active = "failed"}}};
    static const FakeManager down = {
        .machine = "web",
        .units = {{.name = "app.service", .active = "inactive"}, {.name = "env.service"}}};
    World *world = *state;

    count_jobs(world, "app.service", LIMIT_APPLY_JOBS, TEST_NOW);
    accept_set(world, 7, "web@env 7 web@token 7");
    run(world, &fails, OUTCOME_NOT_APPLIED, "web TryRestartUnit env.service");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@env");
    run(world, &fails, 0, "");
    expect_applied(world, OUTCOME_NOT_APPLIED, "web@env");
    accept_set(world, 8, "web@env 8 web@token 7");
    run(world, &web, OUTCOME_POSTPONED, "web TryRestartUnit env.service");
    expect_applied(world, OUTCOME_POSTPONED, "web@token");
    run(world, &down, 0, "");
    expect_applied(world, 0, "");
    assert_true(world->due == TEST_NOW + LIMIT_APPLY_WINDOW_USEC);
    world->context.now = an_hour_later;
    run(world, &web, 0, "");
}

/* What is postponed has not failed: its previous value is not served again. */
static void test_postponed_previous(void **state)
{
    World *world = *state;

    count_jobs(world, "picky.service", LIMIT_APPLY_JOBS, TEST_NOW);
    accept_set(world, 7, "web@picky 7");
    keep_previous(world, "web@picky", "new", 'A');
    run(world, &web, OUTCOME_POSTPONED, "");
    expect_served(world, "new");
    expect_applied(world, OUTCOME_POSTPONED, "web@picky");
}

/* Of two values that failed, one has no previous one: the other one's is served again. */
static void test_previous_of_one(void **state)
{
    static const char policy[] =
        "{\"credentials\": {"
        "\"env\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": [\"env.service\"],"
        "          \"onChange\": \"restart\", \"onFailure\": \"previous\"},"
        "\"picky\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": "
        "[\"picky.service\"],"
        "            \"onChange\": \"restart\", \"onFailure\": \"previous\"}}}";
    static const FakeManager both = {
        .machine = "web",
        .units = {{.name = "env.service", .job_result = "failed"},
                  {.name = "picky.service", .recovers = true, .after_active = "failed"}}};
    World *world = *state;

    test_write_file(test_path(&world->folder, "etc/nspawn-creds/web.json"), test_view(policy),
                    0644);
    accept_set(world, 7, "web@env 7 web@picky 7");
    keep_previous(world, "web@picky", "new", 'A');
    run(world, &both, OUTCOME_NOT_APPLIED,
        "web TryRestartUnit env.service; web TryRestartUnit picky.service; "
        "web RestartUnit picky.service");
    expect_served(world, "AAAAAAAA");
    assert_non_null(strstr(world->notes, "web@picky: the previous value is served again"));
    assert_null(strstr(world->notes, "web@env: the previous value is served again"));
    assert_string_equal(world->audited, "rotated web@picky prod 7; ");
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
    assert_int_equal(apply_state_put_unit(&before, &unit, false), 0);
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

/* Killed after a job had begun. The unit is restarted if it runs; if not, the job has failed. */
static void test_killed_at_a_job(void **state)
{
    static const FakeManager down = {.machine = "web",
                                     .units = {{.name = "app.service", .active = "failed"}}};
    World *world = *state;
    RestartMachine machine = {.name = "web"};
    RestartUnit unit = {.machine = &machine, .name = "app.service"};

    for (unsigned sequence = 7; sequence < 9; sequence++) {
        _cleanup_(apply_state_done) ApplyState before = {0};
        _cleanup_(fleet_set_done) FleetSet set = {0};
        bool runs = sequence == 7;

        accept_set(world, sequence, runs ? "web@token 7" : "web@token 8");
        assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
        assert_int_equal(fleet_set_changes(&set, NULL, &before.begun), 0);
        assert_int_equal(apply_state_put_unit(&before, &unit, true), 0);
        assert_int_equal(apply_state_write(&world->context, "prod", &before, NULL), 0);
        run(world, runs ? &web : &down, runs ? 0 : OUTCOME_NOT_APPLIED,
            runs ? "web TryRestartUnit app.service" : "");
        expect_applied(world, runs ? 0 : OUTCOME_NOT_APPLIED, runs ? "" : "web@token");
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

        assert_int_equal(apply_state_put_unit(&before, &unit, false), 0);
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

/* A disk that does not give back the previous file does not have the new one served. */
static void test_unreadable_previous(void **state)
{
    World *world = *state;
    _cleanup_(fleet_set_done) FleetSet set = {0};
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name;
    Reason reason = {0};
    size_t count;

    accept_set(world, 7, "web@picky 7");
    keep_previous(world, "web@picky", "new", 'A');
    assert_int_equal(credential_name_parse("web@picky", NULL, &name), 0);
    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
    assert_int_equal(fleet_set_restore(&set, &name, 1, NULL, &count), 0);
    assert_int_equal(count, 1);
    broken_file = "picky.old";
    assert_int_equal(fleet_set_read(&set, &name, &reason, &file), -EIO);
    assert_non_null(strstr(reason.text, "the previous file of web@picky, which is restored"));
    broken_file = NULL;
    expect_served(world, "AAAAAAAA");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_postponed_and_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_postponed_previous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable_previous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_previous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_previous_of_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_after_restoring, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_interrupted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_at_a_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_state, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
