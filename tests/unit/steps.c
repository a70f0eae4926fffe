/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A child that runs from one system call to the next under ptrace(2). See steps.h.
 */

#include "steps.h"

#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
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
    assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD), 0);
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

/* Whether it begins a call that may change something which outlives it. Its memory and its
 * descriptors do not; others may change something while it waits. */
static bool begins_change(pid_t pid)
{
    static const unsigned harmless[] = {
        SYS_brk,          SYS_clock_gettime,  SYS_close,      SYS_faccessat,
        SYS_faccessat2,   SYS_fstat,          SYS_getdents64, SYS_getegid,
        SYS_geteuid,      SYS_getgid,         SYS_getgroups,  SYS_getpid,
        SYS_getrandom,    SYS_gettid,         SYS_getuid,     SYS_lseek,
        SYS_madvise,      SYS_mmap,           SYS_mprotect,   SYS_munmap,
        SYS_newfstatat,   SYS_pread64,        SYS_read,       SYS_readlinkat,
        SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_statx,
    };
    struct __ptrace_syscall_info info = {0};

    assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) > 0);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return false;
    for (size_t i = 0; i < COUNT(harmless); i++)
        if (info.entry.nr == harmless[i])
            return false;
    return info.entry.nr != SYS_openat || (info.entry.args[2] & (O_CREAT | O_TRUNC));
}

bool steps_go_to_change(pid_t pid, unsigned changes, int *ret_status)
{
    for (unsigned begun = 0; begun < changes; begun += begins_change(pid))
        if (!steps_go(pid, 1, ret_status))
            return false;
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
