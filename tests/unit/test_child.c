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
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

/* --- a child that ends before its parent goes on --- */

static bool slow;
static int other = -1; /* a child that ends meanwhile, too */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list arguments;
    long one, two, three, four;
    siginfo_t info;

    va_start(arguments, number);
    one = va_arg(arguments, long);
    two = va_arg(arguments, long);
    three = va_arg(arguments, long);
    four = va_arg(arguments, long);
    va_end(arguments);
    /* until it has ended; -1 if the kernel has reaped it */
    if (number == SYS_pidfd_open && slow) {
        (void)waitid(P_PID, (id_t)one, &info, WEXITED | WNOWAIT);
        child_kill(other);
        (void)waitid(P_PIDFD, (id_t)other, &info, WEXITED | WNOWAIT);
    }
    return __real_syscall(number, one, two, three, four);
}

static void test_ends_at_once(void **state)
{
    int process;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    if (child_fork(NULL, 0, &other) == CHILD_SELF)
        for (;;)
            pause();
    slow = true;
    if (child_fork(NULL, 0, &process) == CHILD_SELF)
        _exit(0);
    slow = false;
    close(other);
    /* it is that child, and nothing is left of it */
    assert_true(process >= 0);
    assert_int_equal(__real_syscall(SYS_pidfd_send_signal, process, 0, NULL, 0U), -1);
    assert_int_equal(errno, ESRCH);
    close(process);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    /* the next one is reaped by the kernel */
    if (child_fork(NULL, 0, &process) == CHILD_SELF)
        _exit(0);
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    close(process);
    signal(SIGCHLD, SIG_DFL);
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
        cmocka_unit_test(test_ends_at_once),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_dies_with_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
