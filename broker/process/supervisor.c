/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "process/supervisor.h"

#include "base/context.h"
#include "process/notify.h"
#include "process/shelter.h"
#include "request/reply.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A worker that fails within this time, µs, has failed at once. */
#define QUICK_USEC         ((uint64_t)1000 * 1000)

/* After so many of these in a row the supervisor refuses all open connections itself. A few
 * requests that kill their workers do not reach this number. */
#define QUICK_FAILURES_MAX (LIMIT_HANDOVERS * 8)

/* When no peer has read of its refusal for this long, ms, they get no more; and the time for all of
 * them, µs. */
#define UNREAD_MSEC        2000
/* The pause before the next attempt to go on, ms, where nobody waits. */
#define PAUSE_MSEC         100
#define REFUSE_USEC        ((uint64_t)10 * 1000 * 1000)

typedef struct Supervisor {
    const Listeners *listeners;
    SupervisorWorker worker;
    void *userdata;
    pid_t self;
    pid_t active;  /* the worker */
    pid_t standby; /* the next worker; 0 if there is none */
    sigset_t signals;
    Drain drain;
    bool ready;         /* the service manager is still to be told */
    int quick_failures; /* in a row */
} Supervisor;

/* To the standby: you are the worker now. */
#define SIGNAL_TAKE_OVER SIGUSR1
/* To the supervisor: the worker is ready. */
#define SIGNAL_READY     SIGUSR2
/* To the supervisor, with a descriptor for the service manager's store. A realtime signal, because
 * these must be queued. */
#define SIGNAL_KEEP      (SIGRTMIN + 1)

/* The supervisor, in all of its processes; 0 in a program without one. */
static pid_t supervisor_pid;

/* How often a standby that is to end checks whether the supervisor is alive, and how often the
 * supervisor tries to tell the service manager that the worker is ready, ms. */
#define CHECK_MSEC 20

/* fork() with a shared descriptor table. The C library's atfork handlers do not run; none is
 * needed, because the process has one thread and has used nothing that registers any. */
static pid_t clone_with_descriptors(void)
{
    unsigned long flags = CLONE_FILES | SIGCHLD;

#if defined(__s390__) || defined(__CRIS__)
    return (pid_t)syscall(SYS_clone, 0UL, flags, 0UL, 0UL, 0UL);
#else
    return (pid_t)syscall(SYS_clone, flags, 0UL, 0UL, 0UL, 0UL);
#endif
}

/* --- in the new process --- */

Drain drain_of_signal(int received)
{
    return received == SIGTERM ? DRAIN_STOP : received == SIGINT ? DRAIN_RESTART : DRAIN_NONE;
}

static void drain(Supervisor *supervisor, Drain drain)
{
    if (supervisor->drain == DRAIN_NONE)
        supervisor->drain = drain;
}

/* Makes this process end when the supervisor dies, which may have happened before prctl(). */
static bool follow_supervisor(Supervisor *supervisor)
{
    if (prctl(PR_SET_PDEATHSIG, SIGINT, 0, 0, 0) < 0)
        return false;
    if (getppid() != supervisor->self)
        drain(supervisor, DRAIN_RESTART);
    return true;
}

/* The supervisor is dead: waits until the worker exits, which first answers what it can. */
static void outlive_worker(const Supervisor *supervisor)
{
    int process = (int)syscall(SYS_pidfd_open, supervisor->active, 0U);
    struct pollfd waiting = {.fd = process, .events = POLLIN};

    if (process < 0)
        return;
    while (poll(&waiting, 1, -1) < 0 && errno == EINTR)
        ;
    close(process);
}

/* A signal to end that is pending; it may have come before the signal just received. */
static Drain pending_drain(void)
{
    static const struct timespec now = {0};
    sigset_t end;

    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    return drain_of_signal(sigtimedwait(&end, NULL, &now));
}

/* Returns when the supervisor says to take over, or when this is the last process left, which then
 * answers what the worker left behind and accepts nothing. A signal to end does not end the
 * standby, because the others may still need it. */
static void stand_by(Supervisor *supervisor)
{
    const struct timespec check = {.tv_nsec = CHECK_MSEC * 1000000L};
    int received;

    do {
        received = supervisor->drain ? sigtimedwait(&supervisor->signals, NULL, &check)
                                     : sigwaitinfo(&supervisor->signals, NULL);
        drain(supervisor, drain_of_signal(received));
        drain(supervisor, pending_drain());
        if (received != SIGNAL_TAKE_OVER && getppid() != supervisor->self) {
            drain(supervisor, DRAIN_RESTART);
            outlive_worker(supervisor);
            return;
        }
    } while (received != SIGNAL_TAKE_OVER);
}

static pid_t start_standby(Supervisor *supervisor)
{
    pid_t pid = clone_with_descriptors();
    sigset_t child;

    if (pid != 0)
        return pid;
    if (!follow_supervisor(supervisor))
        _exit(EXIT_FAILURE);
    stand_by(supervisor);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_UNBLOCK, &child, NULL);
    _exit(supervisor->worker(supervisor->userdata, supervisor->drain));
}

/* --- in the supervisor --- */

/* Replaces a standby that has died. If that fails, next_worker() tries again. */
static void keep_standby(Supervisor *supervisor)
{
    if (supervisor->standby > 0 && waitpid(supervisor->standby, NULL, WNOHANG) != 0)
        supervisor->standby = 0;
    if (supervisor->standby <= 0)
        supervisor->standby = start_standby(supervisor);
}

static void end_standby(Supervisor *supervisor)
{
    if (supervisor->standby <= 0)
        return;
    kill(supervisor->standby, SIGKILL);
    waitpid(supervisor->standby, NULL, 0);
    supervisor->standby = 0;
}

/* Makes the standby the worker, after starting another standby. */
static void next_worker(Supervisor *supervisor)
{
    keep_standby(supervisor);
    supervisor->active = supervisor->standby;
    supervisor->standby = 0;
    if (supervisor->active <= 0)
        return;
    keep_standby(supervisor);
    if (supervisor->drain)
        kill(supervisor->active, supervisor->drain == DRAIN_STOP ? SIGTERM : SIGINT);
    kill(supervisor->active, SIGNAL_TAKE_OVER);
}

/* Returns the exit status, WORKER_KILLED, or EXIT_FAILURE for any other end. */
static int end_of(int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return WORKER_KILLED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* Waits until the worker exits, and forwards a signal to end. Returns how it ended. */
static int wait_for_worker(Supervisor *supervisor)
{
    const struct timespec check = {.tv_nsec = CHECK_MSEC * 1000000L};

    for (;;) {
        siginfo_t info;
        int status, received;

        if (supervisor->ready)
            supervisor->ready = notify_send("READY=1", NULL, 0, 0) == -EAGAIN;
        received = supervisor->ready ? sigtimedwait(&supervisor->signals, &info, &check)
                                     : sigwaitinfo(&supervisor->signals, &info);
        if (drain_of_signal(received)) {
            drain(supervisor, drain_of_signal(received));
            (void)notify_send("STOPPING=1", NULL, 0, 0);
            kill(supervisor->active, received);
        } else if (received == SIGNAL_READY) {
            supervisor->ready = true;
        } else if (received == SIGNAL_KEEP) {
            handover_keep(info.si_value.sival_int, supervisor->listeners);
        } else if (received == SIGCHLD) {
            if (waitpid(supervisor->active, &status, WNOHANG) == supervisor->active)
                return end_of(status);
            keep_standby(supervisor);
        }
    }
}

/* Sends to every connection as much of a refusal as it accepts now, and closes those that have all
 * of it. WAITING gets the others; returns how many these are. */
static nfds_t refuse_some(const Listeners *listeners, size_t *sent, struct pollfd *waiting)
{
    nfds_t count = 0;
    int fd = STDERR_FILENO;

    while ((fd = handover_next(listeners, fd + 1)) >= 0) {
        Reply reply = {.sent = sent[fd]};
        LiveMachine machine;
        Peer peer;

        peer_read(fd, &peer);
        reply.refusal_bytes =
            reply_refusal_bytes(&peer, handover_live_machine(fd, listeners, machine));
        /* A refusal may follow whatever a worker sent before; after it, only more of it may. */
        handover_mark_set(fd, HANDOVER_ANSWERING);
        if (reply_step(&reply, fd) == REPLY_BLOCKED) {
            sent[fd] = reply.sent;
            waiting[count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
        } else {
            shutdown(fd, SHUT_RDWR); /* it may be in the service manager's store */
            peer_close(fd);
        }
    }
    return count;
}

/* Refuses every connection. One that does not read its refusal in time stays open for the next
 * worker, which starts its refusal again; a longer refusal does no harm. */
static void refuse_all(const Listeners *listeners)
{
    /* static, because there may be no memory to allocate */
    static struct pollfd waiting[HANDOVER_FD_MAX];
    static size_t sent[HANDOVER_FD_MAX];
    uint64_t deadline = monotonic_usec() + REFUSE_USEC;
    nfds_t count;

    memset(sent, 0, sizeof(sent));
    do {
        count = refuse_some(listeners, sent, waiting);
    } while (poll(waiting, count, count > 0 ? UNREAD_MSEC : PAUSE_MSEC) > 0 &&
             monotonic_usec() < deadline);
}

int supervisor_refuse(Listeners *listeners)
{
    shelter_open(listeners);
    for (size_t i = 0; i < listeners->count; i++) {
        int fd;

        while ((fd = accept4(listeners->fds[i], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
            if (listeners->kinds[i] != LISTENER_REQUESTS)
                peer_close(fd);
    }
    refuse_all(listeners);
    if (handover_next(listeners, STDERR_FILENO + 1) < 0)
        return 0;
    (void)handover_keep_all(listeners);
    return SUPERVISOR_AGAIN;
}

enum {
    NEXT_WORKER = SUPERVISOR_AGAIN + 1,
};

/* The worker has left what is not answered. If the service manager may not have that, the next
 * worker answers or refuses it. */
static int leave(Supervisor *supervisor)
{
    int r = handover_keep_all(supervisor->listeners);

    if (r >= 0 || supervisor->drain == DRAIN_STOP ||
        handover_next(supervisor->listeners, STDERR_FILENO + 1) < 0)
        return SUPERVISOR_AGAIN;
    fprintf(
        stderr,
        "<4>The service manager does not keep the open connections, so the broker has to answer "
        "them before it exits: %s\n",
        strerror(-r));
    end_standby(supervisor); /* it may have been told to restart */
    supervisor->drain = DRAIN_STOP;
    return NEXT_WORKER;
}

/* Runs one worker and cleans up after it. Returns NEXT_WORKER, or the result of supervisor_run().
 */
static int run_once(Supervisor *supervisor)
{
    uint64_t begin = monotonic_usec();
    int end = EXIT_FAILURE;
    size_t connections;

    next_worker(supervisor);
    if (supervisor->active > 0)
        end = wait_for_worker(supervisor);
    connections = handover_sweep(supervisor->listeners);
    if (end == WORKER_LEFT)
        return leave(supervisor);
    if (connections == 0 && (end == WORKER_DONE || supervisor->drain))
        return 0;
    if (monotonic_usec() - begin > QUICK_USEC)
        supervisor->quick_failures = 0;
    else if (end != WORKER_DONE && end != WORKER_KILLED)
        supervisor->quick_failures++;
    /* Without connections, let the unit fail visibly. With connections, stay: they live only as
     * long as this process. */
    if (supervisor->quick_failures > QUICK_FAILURES_MAX && connections == 0)
        return -ECHILD;
    if (supervisor->quick_failures > QUICK_FAILURES_MAX || supervisor->active < 0)
        refuse_all(supervisor->listeners);
    return NEXT_WORKER;
}

int supervisor_run(Listeners *listeners, SupervisorWorker worker, void *userdata)
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
    sigaddset(&supervisor.signals, SIGNAL_TAKE_OVER);
    sigaddset(&supervisor.signals, SIGNAL_READY);
    sigaddset(&supervisor.signals, SIGNAL_KEEP);
    supervisor_pid = supervisor.self;
    if (signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
        sigprocmask(SIG_BLOCK, &supervisor.signals, NULL) < 0)
        return -errno;
    shelter_open(listeners);
    do {
        r = run_once(&supervisor);
    } while (r == NEXT_WORKER);
    end_standby(&supervisor);
    if (r == 0 && supervisor.drain != DRAIN_STOP &&
        handover_next_live(listeners, STDERR_FILENO + 1) >= 0)
        return SUPERVISOR_AGAIN;
    return r;
}

bool supervisor_lives(void)
{
    return supervisor_pid > 0 && getppid() == supervisor_pid;
}

void supervisor_tell_ready(void)
{
    if (supervisor_lives())
        kill(supervisor_pid, SIGNAL_READY);
}

void supervisor_keep(int fd)
{
    if (supervisor_lives())
        sigqueue(supervisor_pid, SIGNAL_KEEP, (union sigval){.sival_int = fd});
}
