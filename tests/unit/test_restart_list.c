/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/manager: which units a change concerns and what happens to them, with service
 * managers that are well behaved, broken, late or talkative.
 */

#include "fake_manager.h"
#include "support.h"

#include "manager/restart_list.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char web_policy[] =
    "{\"credentials\": {"
    "\"token\": {\"delivery\": \"live\", \"services\": [\"app.service\", \"tls.service\"],"
    "            \"onChange\": \"reload\"},"
    "\"env\": {\"template\": \"T={{token}}\", \"delivery\": \"live\","
    "          \"services\": [\"env.service\", \"app.service\"], \"onChange\": \"restart\"},"
    "\"quiet\": {\"delivery\": \"live\", \"services\": [\"app.service\"]},"
    "\"other\": {\"delivery\": \"live\", \"services\": [\"app.service\"], \"onChange\": "
    "\"reload\"},"
    "\"boot\": {}}}";
static const char db_policy[] =
    "{\"credentials\": {\"of-web\": {\"share\": \"web@token\", \"delivery\": \"live\","
    "\"services\": [\"db.service\"], \"onChange\": \"restart\"}}}";

typedef struct World {
    TestFolder folder;
    Context context;
    RestartList list;
    RestartOptions options;
    Observer observer;
    char notes[2048];
    int stop[2];
    const char *stop_at; /* the note that has it stopped */
    uint64_t begin;
} World;

static void on_note(void *userdata, const char *text)
{
    World *world = userdata;
    size_t used = strlen(world->notes);

    snprintf(world->notes + used, sizeof(world->notes) - used, "%s%s", used > 0 ? "; " : "", text);
    if (world->stop_at && strcmp(text, world->stop_at) == 0)
        assert_int_equal(write(world->stop[1], "", 1), 1);
}

static int set_up(void **state)
{
    static const char *const folders[] = {"etc", "etc/nspawn-creds"};
    static const struct {
        const char *name, *text;
    } files[] = {
        {"etc/nspawn-creds/web.json", web_policy},
        {"etc/nspawn-creds/db.json", db_policy},
        {"etc/nspawn-creds/bad.json", "{\"credentials\": {\"of-web\": {\"share\": \"web@token\", "
                                      "\"delivery\": \"live\", \"services\": [\"bad.service\"], "
                                      "\"onChange\": \"restart\"}, \"x\": 1}}"},
    };
    World *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = test_folder();
    world->context = test_context(world->folder.path);
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(test_path(&world->folder, folders[i]), 0755), 0);
    for (size_t i = 0; i < COUNT(files); i++)
        test_write_file(test_path(&world->folder, files[i].name), test_view(files[i].text), 0644);
    assert_int_equal(pipe(world->stop), 0);
    world->observer = (Observer){.note = on_note, .userdata = world};
    world->options = (RestartOptions){.observer = &world->observer,
                                      .stop = world->stop[0],
                                      .unit_usec = UINT64_C(60) * 1000 * 1000,
                                      .settle_usec = 20000};
    world->begin = monotonic_usec();
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    World *world = *state;

    restart_list_done(&world->list);
    close(world->stop[0]);
    close(world->stop[1]);
    test_folder_remove(&world->folder);
    free(world);
    return 0;
}

static int apply(RestartList *list, const RestartOptions *options, Reason *reason)
{
    int r = restart_list_connect(list, options, reason);

    return r == 0 ? restart_list_apply(list, options, reason) : r;
}

/* Returns the restart list for the names in CHANGED, which are separated by spaces. */
static void make_list(World *world, const char *changed)
{
    char text[128], *rest = NULL;
    CredentialName names[4];
    size_t count = 0;

    strcpy(text, changed);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        assert_int_equal(credential_name_parse(word, NULL, &names[count++]), 0);
    assert_int_equal(restart_list_new(&world->context, names, count, &world->list), 0);
}

/* "web app.service restarted; …", with the action before it was done. */
static const char *text_of(const RestartList *list)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->unit_count; i++) {
        const RestartUnit *unit = &list->units[i];

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s %s", i > 0 ? "; " : "",
                                 unit->machine->name, unit->name,
                                 unit->result                     ? unit->result
                                 : unit->action == POLICY_RESTART ? "restart"
                                                                  : "reload");
    }
    return text;
}

/* Far shorter than any of the waits. */
static void assert_quick(const World *world)
{
    assert_true(monotonic_usec() - world->begin < UINT64_C(10) * 1000 * 1000);
}

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

/* The test's clock, if it is not the real one: while nothing happens for STEP_MSEC, it goes on by
 * up to a second. */
#define STEP_MSEC 50
static uint64_t present;

uint64_t __real_monotonic_usec(void);
uint64_t __wrap_monotonic_usec(void);
int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask);

uint64_t __wrap_monotonic_usec(void)
{
    return present ? present : __real_monotonic_usec();
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask)
{
    static const struct timespec step = {.tv_nsec = STEP_MSEC * 1000000};
    int r;

    if (!present)
        return __real_ppoll(fds, count, time, mask);
    r = __real_ppoll(fds, count, &step, mask);
    if (r == 0)
        present += time->tv_sec > 0 ? 1000000 : (uint64_t)time->tv_nsec / 1000;
    return r;
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
    present = monotonic_usec();
    world->options.unit_usec = UINT64_C(35) * 1000 * 1000;
    assert_int_equal(apply(&world->list, &world->options, NULL), OUTCOME_NOT_ROTATED);
    present = 0;
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
        if (row->resumed)
            restart_list_find(&world->list, "web", row->resumed)->resumed = true;
        assert_int_equal(apply(&world->list, &world->options, &reason), row->rc);
        if (row->reason && !strstr(reason.text, row->reason))
            fail_msg("%s", reason.text);
        assert_string_equal(text_of(&world->list), row->results);
        assert_string_equal(fake_managers_log(), row->log);
        assert_string_equal(done, row->done);
        restart_list_done(&world->list);
        fake_managers_stop();
    }
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
    uint64_t begin;

    put_mail_policy(world);
    fake_managers_start(managers, COUNT(managers));
    make_list(world, "web@token");
    world->options.go_on = true;
    world->options.unit_usec = UINT64_C(16) * 1000 * 1000;
    begin = present = monotonic_usec();
    assert_int_equal(apply(&world->list, &world->options, NULL), OUTCOME_NOT_ROTATED);
    assert_true(present - begin < 2 * world->options.unit_usec);
    present = 0;
    for (size_t i = 0; i < COUNT(managers); i++)
        assert_non_null(strstr(fake_managers_log(), managers[i].units[0].name));
    fake_managers_stop();
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
        cmocka_unit_test_setup_teardown(test_late_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_looks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_words_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_going_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_hang, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_written_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_affects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_bus, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_in_boot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_in_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_before_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_undoing, set_up, tear_down),
        cmocka_unit_test(test_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
