/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of apply/apply.c: killed at each of its system calls, the next run comes to the same end,
 * and restarts nothing again that it knows to have restarted.
 */

#include "apply_fixture.h"
#include "steps.h"

/* What a kill leaves does not depend on it, and it takes most of the time. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return 0;
}

static int act(const void *argument)
{
    const World *world = argument;
    int r = apply_fleet(&world->options, "prod", NULL, &(uint64_t){USEC_INFINITY});

    return r < 0 ? 255 : r;
}

/* How often the log has JOB. */
static unsigned jobs(const char *job)
{
    unsigned count = 0;

    for (const char *at = fake_managers_log(); (at = strstr(at, job)); at += strlen(job))
        count++;
    return count;
}

/* Whether the run that was killed knows that it has restarted UNIT. */
static bool is_done(const World *world, const char *unit)
{
    _cleanup_(apply_state_done) ApplyState state = {0};
    RestartMachine machine = {.name = "web"};
    const ApplyUnit *found;

    assert_int_equal(apply_state_read(&world->context, "prod", NULL, &state), 0);
    found = apply_units_find(&state.units, &(RestartUnit){.machine = &machine, .name = unit});
    return found && !found->begun;
}

/* What there is to do, and how the run after a kill may end. */
typedef struct Row {
    const char *rule;
    const FakeManager *manager;
    const char *units[2]; /* the first one is restarted first */
    const char *changed;
    bool previous; /* the broker has kept the file that web@picky had before */
    int rc;
    const char *blamed, *served;
} Row;

/* Kills it after STEP begins and ends of system calls, and lets the next run finish. False if it
 * came to its end before. */
static bool kill_at(const Row *row, unsigned step, unsigned killed[3])
{
    bool goes, done[2];
    unsigned before[2];
    void *state;
    World *world;
    pid_t pid;
    int status;

    assert_int_equal(set_up(&state), 0);
    world = state;
    world->options.restart.settle_usec = 2000;
    accept_set(world, 7, row->changed);
    if (row->previous)
        keep_previous(world, "web@picky", "new", 'A');
    fake_managers_start(row->manager, 1);
    pid = steps_start(act, world);
    goes = steps_go(pid, step, &status);
    if (goes)
        steps_kill(pid);
    else
        assert_int_equal(status, row->rc);
    for (size_t i = 0; i < 2; i++) {
        before[i] = jobs(row->units[i]);
        done[i] = is_done(world, strrchr(row->units[i], ' ') + 1);
    }
    assert_true(before[0] <= 1 && before[1] <= before[0]);
    killed[before[0] + before[1]]++;

    status = act(world);
    /* a run that was killed at its very end has left nothing to do */
    if (status != row->rc && status != 0)
        fail_msg("%s: killed at step %u, the next run ends with %s: %s", row->rule, step,
                 outcome_name(status), fake_managers_log());
    expect_applied(world, row->rc, row->blamed);
    expect_served(world, row->served);
    for (size_t i = 0; i < 2; i++) {
        unsigned after = jobs(row->units[i]);

        if (after == 0 || after > 2 || (done[i] && after != before[i]))
            fail_msg("%s: killed at step %u: %s", row->rule, step, fake_managers_log());
    }
    /* only one can have been under way */
    assert_true(jobs(row->units[0]) + jobs(row->units[1]) <= 3);
    before[0] = (unsigned)strlen(fake_managers_log());
    assert_int_equal(act(world), 0);
    assert_int_equal(strlen(fake_managers_log()), before[0]);
    expect_applied(world, row->rc, row->blamed);
    tear_down(&state);
    return goes;
}

/* Each call is a step at its begin and one at its end. There are thousands, which take many
 * minutes. EVERY=2 takes each call; by default it is one step in 41. */
static void kill_everywhere(const Row *row)
{
    const char *every = getenv("EVERY");
    unsigned killed[3] = {0}, stride = every ? (unsigned)atoi(every) : 41;

    assert_true(stride > 0);
    for (unsigned step = 1; kill_at(row, step, killed); step += stride)
        ;
    /* there were places before, between and after the two jobs; how many, also depends on the waits
     */
    for (size_t i = 0; i < COUNT(killed); i++)
        assert_in_range(killed[i], 2, 2000);
}

static void test_killed_while_it_restarts(void **state)
{
    (void)state;
    kill_everywhere(&(Row){
        .rule = "each is restarted",
        .manager = &web,
        .units = {"TryRestartUnit env.service", "TryRestartUnit app.service"},
        .changed = "web@env 7 web@token 7",
        .blamed = "",
        .served = "new",
    });
}

static void test_killed_while_it_restores(void **state)
{
    static const FakeManager picky = {
        .machine = "web",
        .units = {{.name = "app.service"},
                  {.name = "picky.service", .recovers = true, .after_active = "failed"}}};

    (void)state;
    kill_everywhere(&(Row){
        .rule = "the previous value is restored",
        .manager = &picky,
        .units = {"TryRestartUnit picky.service", "TryRestartUnit app.service"},
        .changed = "web@picky 7 web@token 7",
        .previous = true,
        .rc = OUTCOME_NOT_ROTATED,
        .blamed = "web@picky",
        .served = "AAAAAAAA",
    });
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_while_it_restarts),
        cmocka_unit_test(test_killed_while_it_restores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
