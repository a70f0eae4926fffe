/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The supervisor. See supervisor.h.
 */

#include "server/supervisor.h"

#include "server/delivery.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A worker that fails this early, ms, has failed at once. */
#define QUICK_MSEC         ((int64_t)1000)

/* After so many of them in a row workers are of no use, and nobody is left waiting for one: what is
 * open is refused. More than a request or a few can bring down. */
#define QUICK_FAILURES_MAX (LIMIT_HANDOVERS * 8)

/* Between two attempts then; and how long refusals may take, ms. */
#define PAUSE_MSEC         100
#define REFUSE_MSEC        ((int64_t)10 * 1000)

/* How a worker ended. */
typedef enum End {
    END_CLEAN,  /* every connection has had its answer */
    END_KILLED, /* SIGKILL: somebody else's doing, or for want of memory */
    END_FAILED, /* its own */
} End;

typedef struct Supervisor {
    const Listeners *listeners;
    SupervisorWorker worker;
    void *userdata;
    pid_t self;
    sigset_t signals;
    bool stopping;
    int quick_failures; /* in a row */
} Supervisor;

static int64_t monotonic_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* fork(), but with one descriptor table. The C library's handlers for fork() do not run: it is of
 * one thread, and nothing that has any is in use yet. */
static pid_t clone_with_descriptors(void)
{
    unsigned long flags = CLONE_FILES | SIGCHLD;

#if defined(__s390__) || defined(__CRIS__)
    return (pid_t)syscall(SYS_clone, 0UL, flags, 0UL, 0UL, 0UL);
#else
    return (pid_t)syscall(SYS_clone, flags, 0UL, 0UL, 0UL, 0UL);
#endif
}

static int run_worker(Supervisor *supervisor)
{
    sigset_t child;

    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
        return EXIT_FAILURE;
    /* The supervisor may have died before that was set: then this is the last worker. */
    if (getppid() != supervisor->self)
        supervisor->stopping = true;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &child, NULL);
    return supervisor->worker(supervisor->userdata, supervisor->stopping);
}

/* Waits for the worker's end, and passes a request to stop on to it. */
static End wait_for(Supervisor *supervisor, pid_t worker)
{
    for (;;) {
        int status;
        int received = sigwaitinfo(&supervisor->signals, NULL);

        if (received == SIGTERM || received == SIGINT) {
            supervisor->stopping = true;
            kill(worker, SIGTERM);
        } else if (received == SIGCHLD && waitpid(worker, &status, WNOHANG) == worker) {
            if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
                return END_CLEAN;
            return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? END_KILLED : END_FAILED;
        }
    }
}

/* One round: sends to every connection as much of a refusal as it takes, and closes those that have
 * it whole. Says how many are left, and which, in WAITING. */
static nfds_t refuse_some(const Listeners *listeners, size_t *sent, struct pollfd *waiting)
{
    nfds_t count = 0;
    int fd = STDERR_FILENO;

    while ((fd = handover_next(listeners, fd + 1)) >= 0) {
        Delivery delivery = {.sent = sent[fd]};

        /* A refusal can follow whatever a worker sent before; nothing else can follow this. */
        handover_mark_set(fd, HANDOVER_ANSWERING);
        if (delivery_step(&delivery, fd) == DELIVERY_BLOCKED) {
            sent[fd] = delivery.sent;
            waiting[count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
        } else {
            close(fd);
        }
    }
    return count;
}

/* Refuses every connection that takes its refusal. One that does not stays open for the next
 * worker, which begins its refusal anew: too much of it does no harm. */
static void refuse_all(const Listeners *listeners)
{
    /* static, as there may be no memory for anything else */
    static struct pollfd waiting[HANDOVER_FD_MAX];
    static size_t sent[HANDOVER_FD_MAX];
    int64_t deadline = monotonic_msec() + REFUSE_MSEC;
    nfds_t count;

    memset(sent, 0, sizeof(sent));
    do {
        count = refuse_some(listeners, sent, waiting);
    } while (poll(waiting, count, PAUSE_MSEC) > 0 && monotonic_msec() < deadline);
}

enum {
    NEXT_WORKER = 1,
};

/* One worker's life, and what is left after it: NEXT_WORKER, or what the supervisor ends with. */
static int run_once(Supervisor *supervisor)
{
    int64_t begin = monotonic_msec();
    pid_t worker = clone_with_descriptors();
    End end = END_FAILED;
    size_t connections;

    if (worker == 0)
        _exit(run_worker(supervisor));
    if (worker > 0)
        end = wait_for(supervisor, worker);
    connections = handover_sweep(supervisor->listeners);
    if (connections == 0 && (end == END_CLEAN || supervisor->stopping))
        return 0;
    if (monotonic_msec() - begin > QUICK_MSEC)
        supervisor->quick_failures = 0;
    else if (end == END_FAILED)
        supervisor->quick_failures++;
    /* Without connections a failed unit is a better sign than one that fails in secret. With them
     * this process stays, for they live as long as it does. */
    if (supervisor->quick_failures > QUICK_FAILURES_MAX && connections == 0)
        return -ECHILD;
    if (supervisor->quick_failures > QUICK_FAILURES_MAX || worker < 0)
        refuse_all(supervisor->listeners);
    return NEXT_WORKER;
}

int supervisor_run(const Listeners *listeners, SupervisorWorker worker, void *userdata)
{
    Supervisor supervisor = {
        .listeners = listeners,
        .worker = worker,
        .userdata = userdata,
        .self = getpid(),
    };
    int r;

    sigemptyset(&supervisor.signals);
    sigaddset(&supervisor.signals, SIGTERM);
    sigaddset(&supervisor.signals, SIGINT);
    sigaddset(&supervisor.signals, SIGCHLD);
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
        sigprocmask(SIG_BLOCK, &supervisor.signals, NULL) < 0)
        return -errno;
    do {
        r = run_once(&supervisor);
    } while (r == NEXT_WORKER);
    return r;
}
