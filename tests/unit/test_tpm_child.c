/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/tpm_child.c: what an observer sees while a child works, and what happens to
 * children that are interrupted or hang. No TPM is needed: the test does the work. For the messages
 * see test_tpm_answer.c.
 */

#include "support.h"

#include "base/limits.h"
#include "tpm/tpm_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Memory that the test shares with its child. */
typedef struct Shared {
    unsigned polls; /* that ended without an event */
    unsigned signals;
    bool started;
} Shared;

static volatile Shared *shared;

static bool is_fast; /* a second lasts 1 ms */

int __real_poll(struct pollfd *fds, nfds_t count, int msec);
int __wrap_poll(struct pollfd *fds, nfds_t count, int msec);

int __wrap_poll(struct pollfd *fds, nfds_t count, int msec)
{
    int r = __real_poll(fds, count, is_fast ? 1 : msec);

    assert_int_equal(msec, OBSERVER_TICK_MSEC);
    shared->polls += r == 0;
    return r;
}

static int set_up(void **state)
{
    Context context;

    (void)state;
    assert_int_equal(context_system(&context), 0); /* before anything is secret */
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    is_fast = false;
    return 0;
}

/* No test leaves a child, not even a dead one. */
static int tear_down(void **state)
{
    (void)state;
    /* if nobody else waits for children, this does */
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    signal(SIGCHLD, SIG_DFL);
    munmap((void *)shared, sizeof(*shared));
    return 0;
}

/* In a child: until the parent's poll(2) has ended COUNT times more. */
static void wait_for_polls(unsigned count)
{
    count += shared->polls;
    while (shared->polls < count)
        usleep(500);
}

/* --- what an observer sees --- */

typedef struct Events {
    char text[2048];
    unsigned ticks;
} Events;

static void add(Events *events, const char *what, const char *text)
{
    size_t length = strlen(events->text);

    snprintf(events->text + length, sizeof(events->text) - length, "%s%s;", what, text);
}

static void on_note(void *userdata, const char *text)
{
    add(userdata, "note ", text);
}

static void on_begin(void *userdata, const char *what)
{
    add(userdata, "begin ", what);
}

/* Any number of them is one event. */
static void on_tick(void *userdata)
{
    Events *events = userdata;
    size_t length = strlen(events->text);

    events->ticks++;
    if (length < 5 || strcmp(events->text + length - 5, "tick;") != 0)
        add(events, "tick", "");
}

static void on_end(void *userdata)
{
    add(userdata, "end", "");
}

static Observer observer_of(Events *events)
{
    return (Observer){.note = on_note,
                      .wait_begin = on_begin,
                      .wait_tick = on_tick,
                      .wait_end = on_end,
                      .userdata = events};
}

/* The request says whether the child dies while it waits. */
static int talk(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const bool *dies = request;

    (void)reason;
    wait_for_polls(3);
    observer_note(observer, "%s", "first");
    tpm_wait_begin(observer, "unseal a key", "web@token");
    wait_for_polls(3);
    observer_note(observer, "%s", "in between");
    wait_for_polls(3);
    if (*dies)
        raise(SIGKILL);
    observer_wait_end(observer);
    wait_for_polls(3);
    tpm_wait_begin(observer, "seal a key", NULL);
    observer_wait_end(observer);
    observer_note(observer, "%s", "last");
    ret->has_srk = true;
    return 0;
}

#define TALK "note first;begin the TPM to unseal a key for web@token;tick;note in between;tick;end;"

static void test_observer(void **state)
{
    static const bool lives = false, dies = true;
    Events events = {0};
    const Observer observer = observer_of(&events);
    _cleanup_(tpm_result_done) TpmResult result = {0};

    (void)state;
    is_fast = true;
    assert_int_equal(tpm_child_run(talk, &lives, &observer, NULL, &result), 0);
    assert_true(result.has_srk);
    /* without a wait there are no ticks */
    assert_string_equal(events.text, TALK "begin the TPM to seal a key;end;note last;");
    assert_true(events.ticks >= 4);
    tpm_result_done(&result);
    assert_int_equal(tpm_child_run(talk, &lives, NULL, NULL, &result), 0);

    /* every wait is reported as ended */
    events = (Events){0};
    assert_int_equal(tpm_child_run(talk, &dies, &observer, NULL, &result), OUTCOME_TPM_FAILED);
    assert_string_equal(events.text, TALK);
}

/* More than a socket holds. */
static int talk_much(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    (void)reason;
    (void)ret;
    for (unsigned i = 0; i < *(const unsigned *)request; i++)
        observer_note(observer, "%u", i);
    return 0;
}

static void expect_next(void *userdata, const char *text)
{
    unsigned *next = userdata;

    assert_int_equal(strtoul(text, NULL, 10), (*next)++);
}

static void test_many_notes(void **state)
{
    static const unsigned count = 5000;
    unsigned next = 0;
    const Observer observer = {.note = expect_next, .userdata = &next};
    _cleanup_(tpm_result_done) TpmResult result = {0};

    (void)state;
    assert_int_equal(tpm_child_run(talk_much, &count, &observer, NULL, &result), 0);
    assert_int_equal(next, count);
}

/* --- the process --- */

static void on_signal(int number)
{
    (void)number;
    shared->signals++;
}

/* Interrupts the parent several times while it waits. */
static int interrupt(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    (void)request;
    (void)observer;
    (void)reason;
    for (unsigned i = 1; i <= 5; i++) {
        kill(getppid(), SIGUSR1);
        while (shared->signals < i)
            usleep(500);
    }
    ret->has_srk = true;
    return 0;
}

static void test_interrupted(void **state)
{
    const struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART */
    struct sigaction before;
    _cleanup_(tpm_result_done) TpmResult result = {0};
    Reason reason = {0};

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    if (tpm_child_run(interrupt, NULL, NULL, &reason, &result) != 0)
        fail_msg("%s", reason.text);
    assert_true(result.has_srk);
    sigaction(SIGUSR1, &before, NULL);
}

static int hang(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    (void)request;
    (void)observer;
    (void)reason;
    (void)ret;
    shared->started = true;
    sleep(60); /* longer than any test waits */
    return 0;
}

/* PROCESS is -1 if it ended before it could be opened. */
static bool has_ended(int process)
{
    struct pollfd end = {.fd = process, .events = POLLIN};

    return process < 0 || __real_poll(&end, 1, 20000) == 1;
}

static void test_hangs(void **state)
{
    TpmChild child, again = TPM_CHILD_NONE;
    struct pollfd answer;
    int process;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(tpm_child_start(hang, NULL, NULL, &child), 0);
    process = dup(child.process);
    answer = (struct pollfd){.fd = child.answer, .events = POLLIN};
    while (!shared->started)
        usleep(500);
    assert_int_equal(__real_poll(&answer, 1, 0), 0);
    tpm_child_done(&child);
    assert_true(has_ended(process));
    assert_int_equal(child.process, -1);
    assert_int_equal(child.answer, -1);
    assert_int_equal(fcntl(answer.fd, F_GETFD), -1);
    close(process);
    tpm_child_done(&again);
}

static void test_no_descriptor_of_the_parent(void **state)
{
    TpmChild child;
    struct pollfd end = {.events = POLLIN};
    int ends[2];
    char byte;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(pipe(ends), 0); /* not even with close-on-exec */
    assert_int_equal(tpm_child_start(hang, NULL, NULL, &child), 0);
    close(ends[1]);
    end.fd = ends[0];
    assert_int_equal(__real_poll(&end, 1, 20000), 1);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    /* and not because the child has ended */
    while (!shared->started)
        usleep(500);
    end.fd = child.process;
    assert_int_equal(__real_poll(&end, 1, 0), 0);
    tpm_child_done(&child);
    close(ends[0]);
}

/* Reports what it finds at the address of the parent's secret, and in other memory. */
static int look(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    BytesView view = secret_view(request);
    static const char *const words[] = {"empty", "not empty"};
    size_t found = 0;

    (void)ret;
    for (size_t i = 0; i < view.size; i++)
        found += view.data[i] != 0;
    observer_note(observer, "%zu bytes, %s", view.size, words[found > 0]);
    return reason_set(reason, OUTCOME_OK, "%s", "");
}

static void test_no_secret_of_the_parent(void **state)
{
    _cleanup_(secret_freep) Secret *secret = test_secret_of(5000);
    _cleanup_(secret_freep) Secret *same = test_secret_of(5000);
    Events events = {0};
    const Observer observer = observer_of(&events);
    _cleanup_(tpm_result_done) TpmResult result = {0};

    (void)state;
    assert_int_equal(tpm_child_run(look, secret, &observer, NULL, &result), 0);
    assert_string_equal(events.text, "note 5000 bytes, empty;");
    assert_true(secret_equal(secret, same));
}

#define with_memory(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        with_memory(test_observer),
        with_memory(test_many_notes),
        with_memory(test_interrupted),
        with_memory(test_hangs),
        with_memory(test_no_descriptor_of_the_parent),
        with_memory(test_no_secret_of_the_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
