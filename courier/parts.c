/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "parts.h"

#include "base/child.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* So many processes do the work for as many items as ALONE_MAX or more. */
#define PARTS      8U
#define ALONE_MAX  64U

/* Of a process that has not said how it ended. */
#define UNFINISHED (-EINPROGRESS)

/* A process, and how its part ended. */
typedef struct Part {
    int process; /* a pidfd; the parent's alone */
    int output;  /* what it prints, in memory */
    int r;
    Reason reason;
} Part;

static int start(Part *part, PartWork *work, const void *userdata, size_t first)
{
    int process = -1, r;

    part->r = UNFINISHED;
    part->output = memfd_create("output", MFD_CLOEXEC);
    r = part->output < 0 ? -errno : child_fork(&part->output, 1, &process);
    if (r == CHILD_SELF) {
        part->r = dup2(CHILD_FIRST_FD, STDOUT_FILENO) < 0
                      ? -errno
                      : work(userdata, first, PARTS, &part->reason);
        if (fflush(stdout) != 0 && part->r == 0)
            part->r = -errno;
        _exit(EXIT_SUCCESS);
    }
    if (r == 0)
        part->process = process; /* not by the child, too: they share it */
    return r;
}

/* Prints what a part has printed. */
static int print(int output)
{
    char text[16 * 1024];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(output, text, sizeof(text), at)) > 0) {
        (void)fwrite(text, 1, (size_t)n, stdout);
        at += n;
    }
    return n < 0 ? -errno : 0;
}

static int run_all(Part *parts, PartWork *work, const void *userdata, Reason *reason)
{
    size_t started = 0;
    int r = 0;

    fflush(stdout);
    while (r == 0 && started < PARTS) {
        r = start(&parts[started], work, userdata, started);
        started += r == 0;
    }
    if (r != 0)
        reason_set(reason, r, "cannot start a process");
    for (size_t i = 0; i < started; i++) {
        siginfo_t info;

        while (waitid(P_PIDFD, (id_t)parts[i].process, &info, WEXITED) < 0 && errno == EINTR)
            ;
        close_keep_errno(parts[i].process);
        if (r == 0 && parts[i].r == UNFINISHED)
            r = reason_set(reason, -ECHILD, "a process of this command was killed");
        else if (r == 0 && parts[i].r != 0) {
            r = parts[i].r;
            if (reason)
                *reason = parts[i].reason;
        }
        if (r == 0)
            r = print(parts[i].output);
        close(parts[i].output);
    }
    return r;
}

int parts_run(PartWork *work, const void *userdata, size_t count, Reason *reason)
{
    Part *parts;
    int r;

    if (count < ALONE_MAX)
        return work(userdata, 0, 1, reason);
    parts = mmap(NULL, PARTS * sizeof(parts[0]), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    if (parts == MAP_FAILED)
        return -errno;
    r = run_all(parts, work, userdata, reason);
    (void)munmap(parts, PARTS * sizeof(parts[0]));
    return r;
}
