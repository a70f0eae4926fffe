/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leaves FDS at CHILD_FIRST_FD and up, and closes the rest. */
static bool keep_only(const int *fds, size_t count)
{
    unsigned first_unused = CHILD_FIRST_FD + (unsigned)count;
    int copies[CHILD_FDS_MAX];

    /* copied out of the way first: a target may be a descriptor that is still to be moved */
    for (size_t i = 0; i < count; i++) {
        copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)first_unused);
        if (copies[i] < 0)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        if (dup2(copies[i], CHILD_FIRST_FD + (int)i) < 0)
            return false;
    return syscall(SYS_close_range, first_unused, ~0U, 0U) == 0;
}

/* Forks, and opens a pidfd of the child, or -1. A child that ends before that must not be reaped by
 * the kernel, or its number could be another process's already. (clone3() with CLONE_PIDFD is no
 * way out: without fork() glibc and the handlers of libraries do not notice.) */
static pid_t fork_with_pidfd(int *ret_process)
{
    struct sigaction before, keep = {.sa_handler = SIG_DFL};
    bool ignored = sigaction(SIGCHLD, NULL, &before) == 0 && before.sa_handler == SIG_IGN &&
                   sigaction(SIGCHLD, &keep, NULL) == 0;
    siginfo_t info = {0};
    pid_t pid = fork();
    int error = errno;

    if (pid > 0)
        *ret_process = (int)syscall(SYS_pidfd_open, pid, 0U);
    if (ignored && pid != 0) {
        (void)sigaction(SIGCHLD, &before, NULL);
        /* from here on the kernel reaps: it left all that have ended meanwhile */
        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0)
            ;
    }
    errno = error;
    return pid;
}

int child_fork(const int *fds, size_t count, int *ret_process)
{
    pid_t parent = getpid();
    pid_t pid;

    assert(count <= CHILD_FDS_MAX);
    pid = fork_with_pidfd(ret_process);
    if (pid != 0)
        return pid < 0 ? -errno : 0;
    /* the parent may have died before its death meant anything to us */
    if (!keep_only(fds, count) || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ||
        getppid() != parent)
        _exit(EXIT_FAILURE);
    signal(SIGCHLD, SIG_DFL);
    return CHILD_SELF;
}

void child_kill(int process)
{
    if (process >= 0)
        syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0U);
}

void child_close(const int *fds, size_t count)
{
    int process = -1;

    if (child_fork(fds, count, &process) == CHILD_SELF) {
        poll(NULL, 0, 1000);
        _exit(EXIT_SUCCESS);
    }
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    child_kill(process);
    if (process >= 0)
        close(process);
}
