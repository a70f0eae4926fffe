/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/parallel.h"

#include "base/child.h"
#include "base/context.h"
#include "base/fsutil.h"
#include "base/observer.h"
#include "terminal/progress.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* As many processors are used at most. */
#define CHILDREN_MAX 64U
/* Of a child that has not said how it ended. */
#define UNFINISHED   (-EINPROGRESS)

_Static_assert(PARALLEL_SOCKET == CHILD_FIRST_FD + 1, "children get .fd and their socket");

/* Memory that parent and children share. */
typedef struct Shared {
    _Atomic size_t next; /* item */
    struct {
        int rc;
        Reason reason;
    } ends[CHILDREN_MAX]; /* of the children */
    _Alignas(max_align_t) uint8_t results[];
} Shared;

typedef struct Children {
    const Parallel *parallel;
    Shared *shared;
    struct pollfd processes[CHILDREN_MAX];
    unsigned count;
} Children;

static size_t shared_size(const Parallel *parallel)
{
    return sizeof(Shared) + parallel->count * parallel->result_size;
}

/* Waits for the child number I. */
static void reap(Children *children, unsigned i)
{
    int process = children->processes[i].fd;
    siginfo_t info;

    if (process < 0)
        return;
    while (waitid(P_PIDFD, (id_t)process, &info, WEXITED) < 0 && errno == EINTR)
        ;
    close(process);
    children->processes[i].fd = -1;
}

/* Ends those that still run, and waits for all. */
static void children_done(Children *children)
{
    for (unsigned i = 0; i < children->count; i++) {
        child_kill(children->processes[i].fd);
        reap(children, i);
    }
    if (children->shared)
        (void)munmap(children->shared, shared_size(children->parallel));
}

/* --- in a child --- */

/* Takes one item after the other. */
static int do_items(const Parallel *parallel, Shared *shared, Reason *reason)
{
    int r = 0;

    for (size_t i; r == 0 && (i = atomic_fetch_add(&shared->next, 1)) < parallel->count;)
        r = parallel->each(parallel->userdata, i, shared->results + i * parallel->result_size,
                           reason);
    return r;
}

static void child(const Parallel *parallel, Shared *shared, unsigned number)
{
    Reason *reason = &shared->ends[number].reason;
    int r = 0;

    *parallel->fd = CHILD_FIRST_FD;
    if (parallel->begin)
        r = parallel->begin(parallel->userdata, reason);
    if (r == 0)
        r = do_items(parallel, shared, reason);
    if (parallel->end)
        parallel->end(parallel->userdata);
    shared->ends[number].rc = r;
    _exit(EXIT_SUCCESS);
}

/* --- in the parent --- */

/* How the child NUMBER ended. */
static int end_of(const Shared *shared, unsigned number, Reason *reason)
{
    int r = shared->ends[number].rc;

    if (r == UNFINISHED)
        return reason_set(reason, -ECHILD, "a process of this command was killed");
    if (r != 0 && reason)
        *reason = shared->ends[number].reason;
    return r;
}

static int start(Children *children, Reason *reason)
{
    const Parallel *parallel = children->parallel;
    _cleanup_(closep) int ours = -1, theirs = -1;
    unsigned number = children->count;
    int pair[2], process = -1, r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return reason_set(reason, -errno, "cannot start a process");
    ours = pair[0];
    theirs = pair[1];
    children->shared->ends[number].rc = UNFINISHED;
    r = child_fork((int[]){*parallel->fd, theirs}, 2, &process);
    if (r == CHILD_SELF)
        child(parallel, children->shared, number);
    if (r != 0)
        return reason_set(reason, r, "cannot start a process");
    close(TAKE_FD(theirs)); /* so that it is seen if the child ends before it has read all */
    if (process < 0)        /* it has ended already */
        return end_of(children->shared, number, reason);
    children->processes[children->count++] = (struct pollfd){.fd = process, .events = POLLIN};
    if (parallel->feed)
        r = parallel->feed(parallel->userdata, ours, reason);
    return r == -EPIPE ? 0 : r; /* the child has said why */
}

static int wait_for_all(Children *children, Reason *reason)
{
    const Parallel *parallel = children->parallel;
    uint64_t begin = monotonic_usec();

    for (unsigned left = children->count; left > 0;) {
        size_t begun;

        if (poll(children->processes, children->count, OBSERVER_TICK_MSEC) < 0 && errno != EINTR)
            return reason_set(reason, -errno, "cannot wait for a process");
        for (unsigned i = 0; i < children->count; i++) {
            int r;

            if (!children->processes[i].revents)
                continue;
            reap(children, i);
            children->processes[i].revents = 0;
            left--;
            r = end_of(children->shared, i, reason);
            if (r != 0)
                return r;
        }
        begun = atomic_load(&children->shared->next);
        if (parallel->progress)
            progress_rate(parallel->progress, begun < parallel->count ? begun : parallel->count,
                          parallel->count, begin);
    }
    return 0;
}

static unsigned children_for(const Parallel *parallel)
{
    size_t worth = (parallel->count + parallel->least - 1) / parallel->least, count = 1;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1)
        count = (size_t)CPU_COUNT(&set);
    if (count > CHILDREN_MAX)
        count = CHILDREN_MAX;
    return (unsigned)(worth < count ? worth : count);
}

int parallel_run(const Parallel *parallel, void *results, Reason *reason)
{
    _cleanup_(children_done) Children children = {.parallel = parallel};
    unsigned count = children_for(parallel);
    Shared *shared = mmap(NULL, shared_size(parallel), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int r = 0;

    if (shared == MAP_FAILED)
        return reason_set(reason, -errno, "cannot share memory with processes");
    children.shared = shared;
    if (count == 1 && !parallel->feed)
        r = do_items(parallel, shared, reason);
    else {
        for (unsigned i = 0; r == 0 && i < count; i++)
            r = start(&children, reason);
        if (r == 0)
            r = wait_for_all(&children, reason);
    }
    progress_end();
    if (r == 0)
        memcpy(results, shared->results, parallel->count * parallel->result_size);
    return r;
}
