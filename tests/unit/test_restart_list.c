/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/manager: which units a change concerns and what happens to them. For managers that
 * let us wait, see test_restart_waits.c.
 */

#include "restart_fixture.h"

#include <errno.h>

/* --- the list --- */

static void test_list(void **state)
{
    static const struct {
        const char *rule, *changed, *expected;
    } rows[] = {
        {"through templates and shares, and a restart outweighs a reload", "web@token",
         "web app.service restart; web tls.service reload; db db.service restart; "
         "web env.service restart"},
        {"whatever comes first", "web@env", "web env.service restart; web app.service restart"},
        {"a reload alone", "web@other", "web app.service reload"},
        {"several names, each unit once", "web@other db@of-web web@env",
         "web app.service restart; db db.service restart; web env.service restart"},
        {"nobody is to be told", "web@quiet", ""},
        {"at the next start", "web@boot", ""},
        {"no policy names it", "web@nothing other@nothing", ""},
    };
    World *world = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        make_list(world, rows[i].changed);
        if (strcmp(text_of(&world->list), rows[i].expected) != 0)
            fail_msg("%s: %s", rows[i].rule, text_of(&world->list));
        restart_list_done(&world->list);
    }
}

/* --- doing it --- */

typedef struct Row {
    const char *rule;
    FakeManager managers[2];
    int rc;
    const char *results; /* after a failure, also after the undoing */
    const char *log;
    int undo_rc;
    const char *reason; /* is in it */
} Row;

static const Row rows[] = {
    {.rule = "all come back; a reload that brings nothing is a restart",
     .managers = {{.machine = "web",
                   .units = {{.name = "app.service"},
                             {.name = "tls.service"},
                             {.name = "env.service", .active = "activating"}}},
                  {.machine = "db", .units = {{.name = "db.service", .active = "reloading"}}}},
     .results = "web app.service restarted; web tls.service restarted; db db.service restarted; "
                "web env.service restarted",
     .log = "web TryRestartUnit app.service; web TryRestartUnit tls.service; "
            "db TryRestartUnit db.service; web TryRestartUnit env.service"},
    {.rule = "a unit that is not running is not started",
     .managers = {{.machine = "web",
                   .version = "260.1",
                   .units = {{.name = "app.service", .active = "failed"},
                             {.name = "tls.service", .refreshes = true}}}},
     .results = "web app.service not-running; web tls.service reloaded; "
                "db db.service machine-not-running; "
                "web env.service not-running",
     .log = "web ReloadOrTryRestartUnit tls.service"},
    {.rule = "a oneshot service may end successfully",
     .managers =
         {{.machine = "web",
           .units = {{.name = "app.service", .active = "activating", .after_active = "inactive"}}}},
     .results = "web app.service restarted; web tls.service not-running; "
                "db db.service machine-not-running; "
                "web env.service not-running",
     .log = "web TryRestartUnit app.service"},
    {.rule = "after a failed job the units before it get the old value again, and no later one is "
             "restarted",
     .managers = {{.machine = "web",
                   .units = {{.name = "app.service", .recovers = true},
                             {.name = "tls.service",
                              .recovers = true,
                              .job_result = "failed",
                              .after_active = "failed"},
                             {.name = "env.service"}}}},
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service put-back; web tls.service put-back; db db.service restart; "
                "web env.service restart",
     .log = "web TryRestartUnit app.service; web TryRestartUnit tls.service; "
            "web RestartUnit app.service; web RestartUnit tls.service",
     .reason = "tls.service of web: the result of its job was \"failed\""},
    {.rule = "a unit that does not stay up",
     .managers = {{.machine = "web",
                   .units = {{.name = "app.service",
                              .recovers = true,
                              .after_active = "failed",
                              .after_result = "exit-code"}}}},
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service put-back; web tls.service not-running; "
                "db db.service machine-not-running; "
                "web env.service not-running",
     .log = "web TryRestartUnit app.service; web RestartUnit app.service",
     .reason = "app.service of web: it does not stay up (failed, result exit-code)"},
    {.rule = "a unit that was started again meanwhile",
     .managers = {{.machine = "web",
                   .units = {{.name = "app.service", .recovers = true, .dies_after = 5}}}},
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service put-back; web tls.service not-running; "
                "db db.service machine-not-running; "
                "web env.service not-running",
     .log = "web TryRestartUnit app.service; web RestartUnit app.service",
     .reason = "it does not stay up (active)"},
    {.rule = "a unit that fails with the old value, too; the others get it",
     .managers = {{.machine = "web", .units = {{.name = "app.service", .job_result = "failed"}}},
                  {.machine = "db"}},
     .rc = OUTCOME_NOT_ROTATED,
     .undo_rc = OUTCOME_HALF_ROTATED,
     .results = "web app.service failed; web tls.service reload; db db.service restart; "
                "web env.service restart",
     .log = "web TryRestartUnit app.service; web RestartUnit app.service"},
    {.rule = "a manager's words do not reach the terminal as they are",
     .managers = {{.machine = "web",
                   .units = {{.name = "app.service", .error = "\033[31mno\nway"}}}},
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service failed; web tls.service reload; db db.service restart; "
                "web env.service restart",
     .log = "",
     /* from 262 on libsystemd itself writes "\\x1b" for the escape character */
     .reason = "app.service of web: cannot read the state of app.service: "},
};

static void check_row(World *world, const Row *row)
{
    size_t count = row->managers[1].machine ? 2 : 1;
    Reason reason = {0}, undoing = {0};
    int r;

    print_message("%s\n", row->rule);
    fake_managers_start(row->managers, count);
    make_list(world, "web@token");
    r = apply(&world->list, &world->options, &reason);
    if (r != row->rc)
        fail_msg("%d: %s", r, reason.text);
    if (row->reason && !strstr(reason.text, row->reason))
        fail_msg("%s", reason.text);
    assert_null(strpbrk(reason.text, "\033\n"));
    if (r != 0)
        assert_int_equal(restart_list_undo(&world->list, &world->options, &undoing), row->undo_rc);
    assert_string_equal(text_of(&world->list), row->results);
    assert_string_equal(fake_managers_log(), row->log);
    restart_list_done(&world->list);
    fake_managers_stop();
}

static void test_rows(void **state)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        check_row(*state, &rows[i]);
}

static void test_notes(void **state)
{
    static const FakeManager manager = {
        .machine = "web",
        .units = {{.name = "tls.service"}, {.name = "app.service", .active = "inactive"}}};
    World *world = *state;

    fake_managers_start(&manager, 1);
    make_list(world, "web@token");
    assert_int_equal(apply(&world->list, &world->options, NULL), 0);
    assert_string_equal(
        world->notes,
        "web: app.service: skipped: it is not running (inactive); "
        "web: tls.service: restarting instead of reloading: systemd 257 does not update "
        "credentials at a reload; web: tls.service: restarting; "
        "db: db.service: skipped: db is not running; "
        "web: env.service: skipped: it is not running (inactive)");
    fake_managers_stop();
}

/* What has failed may need the new value. */
static void test_failed_before(void **state)
{
    static const FakeManager manager = {.machine = "web",
                                        .units = {{.name = "app.service", .active = "failed"}}};
    World *world = *state;

    fake_managers_start(&manager, 1);
    make_list(world, "web@other");
    assert_int_equal(apply(&world->list, &world->options, NULL), 0);
    assert_string_equal(world->notes,
                        "web: app.service: skipped: it failed before. To start it with "
                        "the new value: systemctl -M web start app.service");
    fake_managers_stop();
}

/* --- going on --- */

typedef struct GoOnRow {
    const char *rule;
    FakeManager managers[2];
    uint64_t unit_usec;
    const char *resumed; /* a unit of web */
    int rc;
    const char *results, *log;
    const char *done;   /* the units that .done was called for */
    const char *reason; /* is in it */
} GoOnRow;

static const GoOnRow go_on_rows[] = {
    {.rule = "after a failed job the others get their values; the first failure is the reason",
     .managers = {{.machine = "web",
                   .units = {{.name = "app.service", .job_result = "failed"},
                             {.name = "tls.service", .after_active = "failed"},
                             {.name = "env.service"}}},
                  {.machine = "db", .units = {{.name = "db.service"}}}},
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service failed; web tls.service failed; db db.service restarted; "
                "web env.service restarted",
     .log = "web TryRestartUnit app.service; web TryRestartUnit tls.service; "
            "db TryRestartUnit db.service; web TryRestartUnit env.service",
     .done = "app.service tls.service db.service env.service ",
     .reason = "app.service of web: the result of its job was \"failed\""},
    {.rule = "a container that does not answer",
     .managers = {{.machine = "web", .boots = 1000, .units = {{.name = "app.service"}}},
                  {.machine = "db", .units = {{.name = "db.service"}}}},
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service failed; web tls.service failed; db db.service restarted; "
                "web env.service failed",
     .log = "db TryRestartUnit db.service",
     .done = "db.service ",
     .reason = "app.service of web: cannot reach the service manager of web over its D-Bus"},
    {.rule = "a container that takes all of the time gets no more",
     .managers = {{.machine = "web",
                   .units = {{.name = "app.service"},
                             {.name = "tls.service", .never_ends = true},
                             {.name = "env.service"}}},
                  {.machine = "db", .units = {{.name = "db.service"}}}},
     .unit_usec = 700000,
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service failed; web tls.service failed; db db.service restarted; "
                "web env.service failed",
     .log = "web TryRestartUnit app.service; web TryRestartUnit tls.service; "
            "db TryRestartUnit db.service",
     .done = "app.service tls.service db.service ",
     .reason = "tls.service of web: its job took longer than"},
    {.rule = "what was restarted in an earlier run only has to be up",
     .managers =
         {{.machine = "web",
           .units = {{.name = "app.service"}, {.name = "tls.service"}, {.name = "env.service"}}}},
     .resumed = "tls.service",
     .results = "web app.service restarted; web tls.service restarted; "
                "db db.service machine-not-running; web env.service restarted",
     .log = "web TryRestartUnit app.service; web TryRestartUnit env.service",
     .done = "app.service env.service "},
    {.rule = "and is not, now",
     .managers =
         {{.machine = "web",
           .units = {{.name = "tls.service", .active = "failed", .after_result = "exit-code"}}}},
     .resumed = "tls.service",
     .rc = OUTCOME_NOT_ROTATED,
     .results = "web app.service not-running; web tls.service failed; "
                "db db.service machine-not-running; web env.service not-running",
     .log = "",
     .done = "",
     .reason = "tls.service of web: it does not stay up (failed"},
};

static int on_done(void *userdata, const RestartUnit *unit)
{
    char *text = userdata;

    strcat(text, unit->name);
    strcat(text, " ");
    return 0;
}

static void test_going_on(void **state)
{
    World *world = *state;

    world->options.go_on = true;
    world->options.done = on_done;
    for (size_t i = 0; i < COUNT(go_on_rows); i++) {
        const GoOnRow *row = &go_on_rows[i];
        char done[256] = "";
        Reason reason = {0};

        print_message("%s\n", row->rule);
        world->options.userdata = done;
        world->options.unit_usec = row->unit_usec ? row->unit_usec : UINT64_C(60) * 1000 * 1000;
        fake_managers_start(row->managers, row->managers[1].machine ? 2 : 1);
        make_list(world, "web@token");
        if (row->unit_usec)
            clock_begin(world);
        if (row->resumed)
            restart_list_find(&world->list, "web", row->resumed)->resumed = true;
        assert_int_equal(apply(&world->list, &world->options, &reason), row->rc);
        if (row->unit_usec)
            clock_end();
        if (row->reason && !strstr(reason.text, row->reason))
            fail_msg("%s", reason.text);
        assert_string_equal(text_of(&world->list), row->results);
        assert_string_equal(fake_managers_log(), row->log);
        assert_string_equal(done, row->done);
        restart_list_done(&world->list);
        fake_managers_stop();
    }
}

/* What cannot be written down ends it. */
static int on_done_failing(void *userdata, const RestartUnit *unit)
{
    (void)userdata;
    (void)unit;
    return -ENOSPC;
}

static void test_not_written_down(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .units = {{.name = "app.service"}, {.name = "tls.service"}}};
    World *world = *state;

    world->options.go_on = true;
    world->options.done = on_done_failing;
    fake_managers_start(&manager, 1);
    make_list(world, "web@token");
    assert_int_equal(apply(&world->list, &world->options, NULL), -ENOSPC);
    assert_string_equal(fake_managers_log(), "web TryRestartUnit app.service");
    fake_managers_stop();
}

static void test_affects(void **state)
{
    static const struct {
        const char *name, *machine, *unit;
        bool affects;
    } affected[] = {
        {"web@token", "web", "tls.service", true}, {"web@token", "db", "db.service", true},
        {"web@env", "web", "env.service", true},   {"web@env", "web", "tls.service", false},
        {"web@env", "db", "db.service", false},
    };
    World *world = *state;

    make_list(world, "web@token web@env");
    assert_null(restart_list_find(&world->list, "db", "app.service"));
    for (size_t i = 0; i < COUNT(affected); i++) {
        const RestartUnit *unit =
            restart_list_find(&world->list, affected[i].machine, affected[i].unit);
        CredentialName name;
        bool affects;

        assert_non_null(unit);
        assert_int_equal(credential_name_parse(affected[i].name, NULL, &name), 0);
        assert_int_equal(restart_list_affects(&world->list, &name, unit, &affects), 0);
        assert_true(affects == affected[i].affects);
    }
}

/* --- the manager by itself --- */

static void test_manager(void **state)
{
    static const FakeManager fake = {.machine = "web",
                                     .version = "260.1-1",
                                     .units = {{.name = "app.service", .refreshes = true}}};
    _cleanup_(manager_freep) Manager *manager = NULL, *none = NULL;
    ManagerState does;
    ManagerUnit unit;
    Reason reason = {0};

    (void)state;
    fake_managers_start(&fake, 1);
    assert_int_equal(manager_new_of_machine("db", MANAGER_USEC, -1, &reason, &none),
                     OUTCOME_NOT_FOUND);
    assert_string_equal(reason.text, "db is not running");
    assert_int_equal(manager_new_of_machine("web", MANAGER_USEC, -1, &reason, &manager), 0);
    assert_int_equal(manager_version(manager), 260);
    assert_int_equal(manager_unit(manager, "app.service", &reason, &unit), 0);
    assert_string_equal(unit.load, "31mloaded"); /* without the escape character */
    assert_string_equal(unit.active, "active");
    assert_string_equal(unit.file, "enabled-runtime");
    assert_true(unit.reload_needed);
    assert_int_equal(manager_state(manager, "app.service", &reason, &does), 0);
    assert_string_equal(does.result, "success");
    assert_true(does.refreshes);
    manager_allow(manager, 0);
    assert_int_equal(manager_state(manager, "app.service", &reason, &does), -ETIMEDOUT);
    assert_string_equal(reason.text,
                        "cannot read the state of app.service: the service manager of web "
                        "did not answer in time");
    fake_managers_stop();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_going_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_written_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_affects, set_up, tear_down),
        cmocka_unit_test(test_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
