/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Machines with policies, whose service managers are fake_manager.h's, and a list of the units that
 * a change concerns.
 */

#include "fake_manager.h"
#include "support.h"

#include "manager/restart_list.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* --- the test's clock --- */

/* Between clock_begin() and clock_end() it is the same however slow the machine is: it goes on by
 * up to a second while nothing can happen, by EVENT_USEC at each event, and by the managers'
 * delays. */
#define EVENT_USEC 100

uint64_t __real_monotonic_usec(void);
uint64_t __wrap_monotonic_usec(void);
int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask);

uint64_t __wrap_monotonic_usec(void)
{
    return fake_managers_clock ? *fake_managers_clock : __real_monotonic_usec();
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *time,
                 const sigset_t *mask)
{
    static const struct timespec step = {.tv_nsec = 1000000}, now = {0};
    int r;

    if (!fake_managers_clock)
        return __real_ppoll(fds, count, time, mask);
    do {
        r = __real_ppoll(fds, count, &step, mask);
    } while (r == 0 && !fake_managers_idle());
    /* what they have sent before they were idle */
    if (r == 0)
        r = __real_ppoll(fds, count, &now, mask);
    *fake_managers_clock += r > 0              ? EVENT_USEC
                            : time->tv_sec > 0 ? 1000000
                                               : (uint64_t)time->tv_nsec / 1000;
    return r;
}

static void clock_begin(World *world)
{
    world->begin = monotonic_usec();
    fake_managers_clock = mmap(NULL, sizeof(*fake_managers_clock), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(fake_managers_clock != MAP_FAILED);
    *fake_managers_clock = world->begin;
}

static void clock_end(void)
{
    munmap(fake_managers_clock, sizeof(*fake_managers_clock));
    fake_managers_clock = NULL;
}
