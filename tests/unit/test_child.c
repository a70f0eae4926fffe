/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/base/child.c: a child has the descriptors that it is passed, in order, and no
 * others; and it does not outlive its parent.
 */

#include "support.h"

#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* Exits with the number of open descriptors beyond the COUNT that were passed. */
static void count_open(size_t count)
{
    int open = 0;

    for (int fd = 0; fd < 1024; fd++)
        open += fcntl(fd, F_GETFD) >= 0 && (fd < CHILD_FIRST_FD ? 0 : 1);
    _exit(open - (int)count);
}

static void test_only_what_is_passed(void **state)
{
    int ends[2][2], fds[2], process, status;
    char text[8] = "";

    (void)state;
    assert_int_equal(pipe2(ends[0], O_CLOEXEC), 0);
    assert_int_equal(pipe2(ends[1], O_CLOEXEC), 0);
    /* each has the number that the other one needs */
    for (size_t i = 0; i < 2; i++) {
        ends[i][0] = fcntl(ends[i][0], F_DUPFD, 16);
        ends[i][1] = fcntl(ends[i][1], F_DUPFD, 16);
    }
    fds[0] = dup2(ends[0][1], CHILD_FIRST_FD + 1);
    fds[1] = dup2(ends[1][1], CHILD_FIRST_FD);
    if (child_fork(fds, 2, &process) == CHILD_SELF) {
        if (write(CHILD_FIRST_FD, "first", 5) != 5 || write(CHILD_FIRST_FD + 1, "second", 6) != 6)
            _exit(77);
        count_open(2);
    }
    assert_int_equal(wait(&status) > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    assert_int_equal(read(ends[0][0], text, sizeof(text)), 5);
    assert_memory_equal(text, "first", 5);
    assert_int_equal(read(ends[1][0], text, sizeof(text)), 6);
    assert_memory_equal(text, "second", 6);
    assert_true(process >= 0);
    close(process);
}

static void test_killed(void **state)
{
    int process, status;

    (void)state;
    if (child_fork(NULL, 0, &process) == CHILD_SELF)
        for (;;)
            pause();
    child_kill(process);
    assert_true(wait(&status) > 0 && WIFSIGNALED(status));
    close(process);
    child_kill(-1);
}

static void test_dies_with_its_parent(void **state)
{
    struct pollfd end;
    int ends[2];
    pid_t parent;
    char byte;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    parent = fork();
    if (parent == 0) {
        int process;

        if (child_fork(&ends[1], 1, &process) == CHILD_SELF) {
            if (write(CHILD_FIRST_FD, "", 1) == 1)
                for (;;)
                    pause();
            _exit(1);
        }
        for (;;)
            pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    end = (struct pollfd){.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, 20000), 1);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_passed),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_dies_with_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
