/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * trace LOG COMMAND [ARGUMENT...]: runs COMMAND, and appends to LOG what it and all its descendants
 * execute ("exec PATH", tried or done) and which files they map executable ("load PATH"), which is
 * how libraries get in, dlopen()ed ones too. Ends with COMMAND's status.
 */

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h> /* after <sys/ptrace.h>, whose enumerators it defines as macros */

#define OPTIONS                                                                                    \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |      \
     PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static FILE *log_file;

/* Reads the string at ADDRESS, page by page, because what is behind it may not be mapped. */
static void read_text(pid_t pid, unsigned long long address, char text[PATH_MAX])
{
    char path[64];
    size_t used = 0;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && used < PATH_MAX - 1 &&
           pread(fd, text + used, 1, (off_t)(address + used)) == 1 && text[used] != '\0')
        used++;
    text[used] = '\0';
    if (fd >= 0)
        close(fd);
}

/* What NAME below /proc/PID points to. */
static void note_link(const char *what, pid_t pid, const char *name)
{
    char path[64], target[PATH_MAX];
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    length = readlink(path, target, sizeof(target));
    fprintf(log_file, "%s %.*s\n", what, length < 0 ? 1 : (int)length, length < 0 ? "?" : target);
}

static void note_call(pid_t pid)
{
    struct ptrace_syscall_info info;
    const unsigned long long *arguments = info.entry.args;
    char text[PATH_MAX];

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (info.entry.nr == SYS_execve || info.entry.nr == SYS_execveat) {
        read_text(pid, arguments[info.entry.nr == SYS_execveat], text);
        fprintf(log_file, "exec %s\n", text);
    } else if (info.entry.nr == SYS_mmap && arguments[2] & PROT_EXEC &&
               !(arguments[3] & MAP_ANONYMOUS)) {
        snprintf(text, sizeof(text), "fd/%d", (int)arguments[4]);
        note_link("load", pid, text);
    }
}

/* Deals with a stop of PID. Returns the signal that it shall have. */
static int stopped(pid_t pid, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;

    if (signal == (SIGTRAP | 0x80))
        note_call(pid);
    else if (event == PTRACE_EVENT_EXEC)
        note_link("exec", pid, "exe");
    else if (event == 0)
        return signal;
    return 0;
}

static pid_t start(char **command)
{
    pid_t pid = fork();
    int status;

    if (pid < 0)
        err(125, "fork");
    if (pid == 0) {
        raise(SIGSTOP);
        execvp(command[0], command);
        err(127, "%s", command[0]);
    }
    if (waitpid(pid, &status, WUNTRACED) != pid || ptrace(PTRACE_SEIZE, pid, 0, OPTIONS) < 0 ||
        kill(pid, SIGCONT) < 0)
        err(125, "cannot trace");
    return pid;
}

int main(int argc, char **argv)
{
    int status, result = 125;
    pid_t first, pid;

    log_file = argc > 2 ? fopen(argv[1], "ae") : NULL;
    if (!log_file)
        errx(125, "usage: trace LOG COMMAND [ARGUMENT...]");
    first = start(argv + 2);
    signal(SIGINT, SIG_IGN); /* the terminal's is for the command */
    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        if (WIFSTOPPED(status))
            ptrace(PTRACE_SYSCALL, pid, 0, stopped(pid, status));
        else if (pid == first)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    fclose(log_file);
    return result;
}
