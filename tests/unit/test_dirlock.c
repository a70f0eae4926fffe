/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of directory_lock_at(), lib/base/fsutil.c. */

#include "steps.h"
#include "support.h"

#include "base/fsutil.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND ((uint64_t)1000 * 1000)

typedef struct Fixture {
    TestFolder folder;
    int parent;
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;

    fixture.folder = test_folder();
    fixture.parent = open(fixture.folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture.parent >= 0);
    assert_int_equal(mkdirat(fixture.parent, "web", 0700), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    close(fixture->parent);
    test_folder_remove(&fixture->folder);
    return 0;
}

static int lock(const Fixture *fixture, uint64_t usec, Reason *reason)
{
    int fd = -1, r = directory_lock_at(fixture->parent, "web", usec, reason, &fd);

    assert_true((r == 0) == (fd >= 0));
    return r == 0 ? fd : -r;
}

int __real_nanosleep(const struct timespec *time, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);

/* Waiting takes no time, and is counted. */
static uint64_t waited_usec;
static unsigned waits;

int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
    (void)rest;
    waited_usec += (uint64_t)time->tv_sec * SECOND + (uint64_t)time->tv_nsec / 1000;
    waits++;
    return 0;
}

/* It waits as long as it may, and does not retry too often. */
static void test_how_long(void **state)
{
    const Fixture *fixture = *state;
    int fd = lock(fixture, 0, NULL);

    waited_usec = waits = 0;
    assert_int_equal(lock(fixture, LIMIT_LOCK_USEC, NULL), -OUTCOME_TIMEOUT);
    assert_int_equal(waited_usec, LIMIT_LOCK_USEC);
    assert_int_equal(waits, LIMIT_LOCK_USEC / LIMIT_LOCK_STEP_USEC);
    close(fd);
}

static void test_one_at_a_time(void **state)
{
    const Fixture *fixture = *state;
    Reason reason = {0};
    int fd = lock(fixture, 0, NULL);

    assert_true(fd >= 0);
    assert_int_equal(lock(fixture, SECOND / 20, &reason), -OUTCOME_TIMEOUT);
    assert_non_null(strstr(reason.text, "web"));
    close(fd);
    fd = lock(fixture, 0, NULL);
    assert_true(fd >= 0);
    close(fd);
}

static void test_a_killed_holder_lets_go(void **state)
{
    const Fixture *fixture = *state;
    int said[2], fd;
    pid_t pid;
    char byte;

    assert_int_equal(pipe(said), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (lock(fixture, SECOND, NULL) >= 0 && write(said[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    close(said[1]);
    assert_int_equal(lock(fixture, 0, NULL), -OUTCOME_TIMEOUT);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    fd = lock(fixture, 0, NULL);
    assert_true(fd >= 0);
    close(fd);
}

static int lock_what_is_there(const void *argument)
{
    const Fixture *fixture = argument;
    int fd = lock(fixture, SECOND, NULL);

    return fd >= 0 && directory_is_at(fixture->parent, "web", fd) ? 0 : 1;
}

/* The directory is replaced at every step of the process that takes the lock. Only a replacement
 * between the two checks, the lock's and the test's, makes a difference: that is four stops, at the
 * two calls of the second check. */
static void test_another_directory(void **state)
{
    const Fixture *fixture = *state;
    unsigned late = 0;
    int status;

    assert_int_equal(mkdirat(fixture->parent, "other", 0700), 0);
    for (unsigned step = 1;; step++) {
        pid_t pid = steps_start(lock_what_is_there, fixture);

        if (!steps_go(pid, step, &status))
            break;
        assert_int_equal(
            renameat2(fixture->parent, "other", fixture->parent, "web", RENAME_EXCHANGE), 0);
        late += steps_finish(pid) != 0;
    }
    assert_int_equal(status, 0);
    assert_in_range(late, 1, 4);
}

static void test_what_is_no_directory(void **state)
{
    const Fixture *fixture = *state;
    Reason reason = {0};
    int fd;

    assert_int_equal(symlinkat("web", fixture->parent, "link"), 0);
    assert_int_equal(directory_lock_at(fixture->parent, "link", 0, NULL, &fd), -ENOTDIR);
    assert_int_equal(directory_lock_at(fixture->parent, "gone", 0, &reason, &fd), -ENOENT);
    assert_non_null(strstr(reason.text, "gone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_how_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_killed_holder_lets_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_directory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
