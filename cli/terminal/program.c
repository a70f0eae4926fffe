/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/program.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

int program_read(const char *const *command, size_t limit, Reason *reason, Secret **ret)
{
    _cleanup_(closep) int input = open("/dev/null", O_RDONLY | O_CLOEXEC), output = -1;
    _cleanup_(secret_freep) Secret *text = NULL;
    posix_spawn_file_actions_t actions;
    int pipe_fds[2], status = 0, r;
    pid_t pid;

    if (input < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    output = pipe_fds[0];
    r = posix_spawn_file_actions_init(&actions);
    if (r == 0) {
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        r = posix_spawnp(&pid, command[0], &actions, NULL, (char *const *)command, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(pipe_fds[1]);
    if (r != 0)
        return reason_set(reason, -r, "cannot run %s", command[0]);
    r = secret_read_fd(output, limit, reason, &text);
    close(output); /* ends a program that has more */
    output = -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return reason_set(reason, -errno, "cannot wait for %s", command[0]);
    if (r != 0)
        return r;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        reason_set(reason, 0, "%s failed", command[0]);
        return -ECANCELED;
    }
    *ret = TAKE_PTR(text);
    return 0;
}
