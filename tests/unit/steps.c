/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child that runs from one system call to the next under ptrace(2). See steps.h.
 */

#include "steps.h"

#include "support.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

pid_t steps_start(int (*act)(const void *argument), const void *argument)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
            abort();
        _exit(act(argument));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

bool steps_go(pid_t pid, unsigned steps, int *ret_status)
{
    int status;

    for (unsigned i = 0; i < steps; i++) {
        assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status)) {
            assert_true(WIFEXITED(status));
            *ret_status = WEXITSTATUS(status);
            return false;
        }
    }
    return true;
}

int steps_finish(pid_t pid)
{
    int status;

    assert_int_equal(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void steps_kill(pid_t pid)
{
    int status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}
