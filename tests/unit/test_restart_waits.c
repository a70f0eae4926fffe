/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/manager: service managers that are late, silent, talkative or still booting, and a
 * user who does not want to wait for them.
 */

#include "restart_fixture.h"

#include <poll.h>
#include <signal.h>

/* Far shorter than any of the waits. */
static void assert_quick(const World *world)
{
    assert_true(monotonic_usec() - world->begin < UINT64_C(10) * 1000 * 1000);
}

static int set_up_clock(void **state)
{
    int r = set_up(state);

    clock_begin(*state);
    return r;
}

static int tear_down_clock(void **state)
{
    clock_end();
    return tear_down(state);
}

/* --- deadlines --- */

/* Acts on a list with one running unit of MANAGER. */
static void check_deadline(World *world, const FakeManager *manager, const char *expected)
{
    Reason reason = {0};

    fake_managers_start(manager, 1);
    make_list(world, "web@other");
    assert_int_equal(apply(&world->list, &world->options, &reason), OUTCOME_NOT_ROTATED);
    if (!strstr(reason.text, expected))
        fail_msg("%s", reason.text);
    assert_string_equal(text_of(&world->list), "web app.service failed");
    assert_quick(world);
    fake_managers_stop();
}

/* Each reply is in time, but together they are too late: before the job, */
static void test_late_replies(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .delay_msec = 50, .units = {{.name = "app.service"}}};
    World *world = *state;

    world->options.unit_usec = 100000;
    check_deadline(world, &manager, "did not answer in time");
    assert_false(world->list.units[0].touched);
}

/* and during the checks that the unit stays up. */
static void test_late_looks(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .delay_msec = 20, .units = {{.name = "app.service"}}};
    World *world = *state;

    world->options.unit_usec = 700000;
    check_deadline(world, &manager, "did not answer in time");
    assert_true(world->list.units[0].touched);
}

static void test_silence(void **state)
{
    static const FakeManager manager = {.machine = "web",
                                        .units = {{.name = "app.service", .never_ends = true}}};
    World *world = *state;

    world->options.unit_usec = 300000;
    check_deadline(world, &manager, "its job took longer than");
}

/* While a job runs, a note is repeated from time to time. */
static void test_words_meanwhile(void **state)
{
    static const FakeManager manager = {.machine = "web",
                                        .units = {{.name = "app.service", .never_ends = true}}};
    World *world = *state;
    const char *words = world->notes;

    fake_managers_start(&manager, 1);
    make_list(world, "web@other");
    world->options.unit_usec = UINT64_C(35) * 1000 * 1000;
    assert_int_equal(apply(&world->list, &world->options, NULL), OUTCOME_NOT_ROTATED);
    for (unsigned seconds = 10; seconds <= 30; seconds += 10) {
        static const char expected[] = "web: app.service: still waiting, after ";

        words = strstr(words, expected);
        assert_non_null(words);
        words += strlen(expected);
        assert_in_range(strtoul(words, NULL, 10), seconds, seconds + 1);
    }
    assert_null(strstr(words, "still waiting"));
    fake_managers_stop();
}

/* An endless flood of signals does not defeat the time limit. */
static void test_flood(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .floods = true, .units = {{.name = "app.service"}}};
    World *world = *state;

    world->options.unit_usec = 300000;
    check_deadline(world, &manager, "its job took longer than");
}

/* Each unit has its own deadline. */
static void test_each_its_own(void **state)
{
    static const FakeManager manager = {.machine = "web",
                                        .units = {{.name = "app.service"},
                                                  {.name = "tls.service"},
                                                  {.name = "env.service", .never_ends = true}}};
    World *world = *state;

    fake_managers_start(&manager, 1);
    world->options.unit_usec = 500000;
    make_list(world, "web@token");
    assert_int_equal(apply(&world->list, &world->options, NULL), OUTCOME_NOT_ROTATED);
    world->list.units[3].touched = false;
    assert_int_equal(restart_list_undo(&world->list, &world->options, NULL), 0);
    assert_string_equal(text_of(&world->list),
                        "web app.service put-back; web tls.service put-back; "
                        "db db.service machine-not-running; "
                        "web env.service failed");
    fake_managers_stop();
}

static void put_mail_policy(const World *world)
{
    test_write_file(test_path(&world->folder, "etc/nspawn-creds/mail.json"),
                    test_view("{\"credentials\": {\"of-web\": {\"share\": \"web@token\", "
                              "\"delivery\": \"live\", \"services\": [\"mail.service\"], "
                              "\"onChange\": \"restart\"}}}"),
                    0644);
}

/* Containers whose jobs never end cost less than twice the time of one. */
static void test_several_hang(void **state)
{
    static const FakeManager managers[] = {
        {.machine = "mail", .units = {{.name = "mail.service", .never_ends = true}}},
        {.machine = "web", .units = {{.name = "app.service", .never_ends = true}}},
        {.machine = "db", .units = {{.name = "db.service", .never_ends = true}}},
    };
    World *world = *state;

    put_mail_policy(world);
    fake_managers_start(managers, COUNT(managers));
    make_list(world, "web@token");
    world->options.go_on = true;
    world->options.unit_usec = UINT64_C(16) * 1000 * 1000;
    assert_int_equal(apply(&world->list, &world->options, NULL), OUTCOME_NOT_ROTATED);
    assert_true(monotonic_usec() - world->begin < 2 * world->options.unit_usec);
    for (size_t i = 0; i < COUNT(managers); i++)
        assert_non_null(strstr(fake_managers_log(), managers[i].units[0].name));
    fake_managers_stop();
}

/* --- booting --- */

static void test_boot(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .boots = 2, .units = {{.name = "app.service"}}};
    World *world = *state;

    fake_managers_start(&manager, 1);
    make_list(world, "web@other");
    world->options.boot_usec = UINT64_C(60) * 1000 * 1000;
    assert_int_equal(apply(&world->list, &world->options, NULL), 0);
    assert_string_equal(text_of(&world->list), "web app.service restarted");
    assert_non_null(
        strstr(world->notes, "web: waiting for its D-Bus, which does not answer yet; web:"));
    fake_managers_stop();
}

/* One without D-Bus. */
static void test_no_bus(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .boots = 1000, .units = {{.name = "app.service"}}};
    World *world = *state;
    Reason reason = {0};

    fake_managers_start(&manager, 1);
    make_list(world, "web@other");
    world->options.boot_usec = 300000;
    assert_int_equal(restart_list_connect(&world->list, &world->options, &reason),
                     OUTCOME_NOT_ROTATED);
    assert_true(monotonic_usec() - world->begin < UINT64_C(8) * 1000 * 1000);
    assert_non_null(strstr(reason.text, "cannot reach the service manager of web over its D-Bus"));
    fake_managers_stop();
}

/* Those that are silent have a limited time together, and keep no other from its new value. */
static void test_silent(void **state)
{
    static const FakeManager managers[] = {
        {.machine = "mail", .delay_msec = 3600 * 1000, .units = {{.name = "mail.service"}}},
        {.machine = "web", .delay_msec = 3600 * 1000, .units = {{.name = "app.service"}}},
        {.machine = "db", .units = {{.name = "db.service"}}},
    };
    World *world = *state;

    put_mail_policy(world);
    fake_managers_start(managers, COUNT(managers));
    make_list(world, "web@token");
    world->options.go_on = true;
    world->options.boot_usec = 300000;
    assert_int_equal(restart_list_connect(&world->list, &world->options, NULL), 0);
    assert_quick(world);
    for (size_t i = 0; i < world->list.machine_count; i++) {
        const RestartMachine *machine = &world->list.machines[i];

        assert_true(machine->given_up == (strcmp(machine->name, "db") != 0));
        assert_true(!machine->manager == machine->given_up);
    }
    fake_managers_stop();
}

static void test_stop_in_boot(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .boots = 1000, .units = {{.name = "app.service"}}};
    World *world = *state;
    Reason reason = {0};

    fake_managers_start(&manager, 1);
    make_list(world, "web@other");
    world->options.boot_usec = UINT64_C(60) * 1000 * 1000;
    assert_int_equal(write(world->stop[1], "", 1), 1);
    assert_int_equal(restart_list_connect(&world->list, &world->options, &reason),
                     OUTCOME_NOT_ROTATED);
    assert_string_equal(reason.text, "it was interrupted");
    fake_managers_stop();
}

/* --- being stopped --- */

static void test_stop_in_job(void **state)
{
    World *world = *state;
    const FakeManager managers[] = {
        {.machine = "web",
         .tells = world->stop[1],
         .units = {{.name = "app.service", .never_ends = true}}},
        {.machine = "web",
         .tells = world->stop[1],
         .floods = true,
         .units = {{.name = "app.service"}}},
    };
    char byte;

    for (size_t i = 0; i < COUNT(managers); i++) {
        check_deadline(world, &managers[i], "it was interrupted");
        assert_int_equal(read(world->stop[0], &byte, 1), 1);
        restart_list_done(&world->list);
    }
}

static void test_stop_before_job(void **state)
{
    static const FakeManager manager = {
        .machine = "web", .delay_msec = 10, .units = {{.name = "app.service"}}};
    World *world = *state;

    world->stop_at = "web: app.service: restarting";
    check_deadline(world, &manager, "it was interrupted");
}

/* The undoing stops, too, because it would wait for the same container again. */
static void test_stop_undoing(void **state)
{
    static const FakeManager manager = {.machine = "web",
                                        .units = {{.name = "app.service", .never_ends = true}}};
    World *world = *state;

    world->stop_at = "web: app.service: restarting";
    fake_managers_start(&manager, 1);
    make_list(world, "web@other");
    assert_int_equal(apply(&world->list, &world->options, NULL), OUTCOME_NOT_ROTATED);
    assert_int_equal(restart_list_undo(&world->list, &world->options, NULL), OUTCOME_HALF_ROTATED);
    assert_quick(world);
    fake_managers_stop();
}

#define with_clock(test) cmocka_unit_test_setup_teardown(test, set_up_clock, tear_down_clock)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        with_clock(test_late_replies),
        with_clock(test_late_looks),
        with_clock(test_silence),
        with_clock(test_words_meanwhile),
        with_clock(test_flood),
        with_clock(test_each_its_own),
        with_clock(test_several_hang),
        cmocka_unit_test_setup_teardown(test_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_bus, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_in_boot, set_up, tear_down),
        with_clock(test_stop_in_job),
        with_clock(test_stop_before_job),
        with_clock(test_stop_undoing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
