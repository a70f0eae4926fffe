/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/program.h"

#include "base/cleanup.h"
#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(const char *const *command, int input, int output, Reason *reason, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);

    if (r == 0) {
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        r = posix_spawnp(ret, command[0], &actions, NULL, (char *const *)command, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    return r == 0 ? 0 : reason_set(reason, -r, "cannot run %s", command[0]);
}

static int finish(const char *const *command, pid_t pid, Reason *reason)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return reason_set(reason, -errno, "cannot wait for %s", command[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    reason_set(reason, 0, "%s failed", command[0]);
    return -ECANCELED;
}

int program_run(const char *const *command, Reason *reason)
{
    pid_t pid = 0;
    int r = start(command, STDIN_FILENO, STDOUT_FILENO, reason, &pid);

    return r == 0 ? finish(command, pid, reason) : r;
}

int program_file(BytesView content, bool inherit, Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int fd = memfd_create("input", inherit ? 0 : MFD_CLOEXEC);
    int r = fd < 0 ? -errno : file_write_fd(fd, content);

    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r != 0)
        return reason_set(reason, r, "cannot make a file in memory");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int take_secret(int output, size_t limit, Reason *reason, void *ret)
{
    return secret_read_fd(output, limit, reason, ret);
}

static int take_bytes(int output, size_t limit, Reason *reason, void *ret)
{
    return file_read_fd(output, "its output", limit, reason, ret);
}

/* Runs COMMAND, and has TAKE read its output into RET. */
static int run(const char *const *command, BytesView input, size_t limit, Reason *reason,
               int (*take)(int output, size_t limit, Reason *reason, void *ret), void *ret)
{
    _cleanup_(closep) int file = -1, output = -1;
    int pipe_fds[2], finished, r = program_file(input, false, reason, &file);
    pid_t pid = 0;

    if (r != 0)
        return r;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    output = pipe_fds[0];
    r = start(command, file, pipe_fds[1], reason, &pid);
    close(pipe_fds[1]);
    if (r != 0)
        return r;
    r = take(output, limit, reason, ret);
    close(TAKE_FD(output)); /* ends a program that has more */
    finished = finish(command, pid, r == 0 ? reason : NULL);
    return r == 0 ? finished : r;
}

int program_read(const char *const *command, BytesView input, size_t limit, Reason *reason,
                 Secret **ret)
{
    _cleanup_(secret_freep) Secret *text = NULL;
    int r = run(command, input, limit, reason, take_secret, &text);

    if (r == 0)
        *ret = TAKE_PTR(text);
    return r;
}

int program_print(const char *const *command, BytesView input, size_t limit, Reason *reason,
                  Bytes *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = run(command, input, limit, reason, take_bytes, &text);

    if (r == 0)
        *ret = TAKE(text);
    return r;
}

/* The output goes to memory and not through a pipe, which a program could fill before it has read
 * its input. */
int program_encrypt(const char *const *command, const Secret *secret, size_t limit, Reason *reason,
                    Bytes *ret)
{
    _cleanup_(closep) int output = memfd_create("output", MFD_CLOEXEC);
    int pipe_fds[2], written = 0, r;
    pid_t pid = 0;

    if (output < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    r = start(command, pipe_fds[0], output, reason, &pid);
    close(pipe_fds[0]);
    if (r == 0)
        written = file_write_fd(pipe_fds[1], secret_view(secret));
    close(pipe_fds[1]);
    if (r == 0)
        r = finish(command, pid, reason);
    if (r == 0 && written < 0)
        r = reason_set(reason, written, "%s did not read all of its input", command[0]);
    if (r == 0 && lseek(output, 0, SEEK_SET) < 0)
        r = -errno;
    if (r == 0)
        r = file_read_fd(output, "its output", limit, reason, ret);
    return r;
}
