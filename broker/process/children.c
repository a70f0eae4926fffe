/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The socket preserves message boundaries (SOCK_SEQPACKET): a message arrives whole or not at all.
 * End of file means that the child has exited.
 */

#include "process/children.h"

#include "base/child.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const size_t running_max[_CHILD_KIND_MAX] = {
    [CHILD_TPM] = 1,    [CHILD_COMMITTER] = 1, [CHILD_SEARCHER] = 1, [CHILD_READER] = LIMIT_READERS,
    [CHILD_STATUS] = 1,
};

struct Job {
    Child *child; /* NULL when ended */
    Job *next;    /* the next job of .child */
    JobDone done;
    void *userdata;
    bool yields; /* see job_yield() */
};

struct Child {
    Children *children;
    Child *next;
    ChildTask task;
    Job *first;
    bool keep;   /* see child_keep() */
    bool begun;  /* its turn has come */
    bool ended;  /* out of the queue */
    int process; /* pidfd; -1 before its turn, or if it exited at once */
    int socket;  /* -1 before its turn and after its end */
    sd_event_source *io;
    sd_event_source *timeout;
};

struct Children {
    sd_event *event;
    const ServerConfig *config;
    sd_event_source *advance; /* deferred: starts the next children */
    Child *first;             /* running and queued ones, in order */
    uint8_t message[CHILD_MESSAGE_BYTES];
};

static void wake(Children *children)
{
    sd_event_source_set_enabled(children->advance, SD_EVENT_ONESHOT);
}

/* --- a running child --- */

static void stop(Child *child)
{
    child->io = sd_event_source_disable_unref(child->io);
    child->timeout = sd_event_source_disable_unref(child->timeout);
    child_kill(child->process);
    close_keep_errno(child->process);
    close_keep_errno(child->socket);
    child->process = child->socket = -1;
}

static void end(Child *child, int r)
{
    stop(child);
    wake(child->children);
    child->task.ended(child->task.userdata, r);
}

static uint64_t time_limit(const Child *child)
{
    const ServerConfig *config = child->children->config;

    return child->task.kind == CHILD_TPM ? config->tpm_usec : config->child_usec;
}

static int on_readable(sd_event_source *, int fd, uint32_t, void *userdata)
{
    Child *child = userdata;
    Children *children = child->children;
    ssize_t n;

    if (child->task.answer) {
        child->task.answer(child->task.userdata, fd);
        return 0;
    }
    n = recv(fd, children->message, sizeof(children->message), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        end(child, -ECHILD);
        return 0;
    }
    sd_event_source_set_time_relative(child->timeout, time_limit(child));
    child->task.message(child->task.userdata, (BytesView){children->message, (size_t)n});
    return 0;
}

static int on_timeout(sd_event_source *, uint64_t, void *userdata)
{
    end(userdata, -ETIME);
    return 0;
}

void child_hold(Child *child, bool hold)
{
    if (!child->io)
        return;
    sd_event_source_set_enabled(child->io, hold ? SD_EVENT_OFF : SD_EVENT_ON);
    sd_event_source_set_time_relative(child->timeout, time_limit(child));
    sd_event_source_set_enabled(child->timeout, hold ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

void child_continue(Child *child)
{
    if (child->socket >= 0)
        send(child->socket, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* --- starting --- */

static int start(Child *child)
{
    Children *children = child->children;
    int ends[2], fds[2], r;

    child->begun = true;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    child->socket = ends[0];
    fds[0] = ends[1];
    fds[1] = child->task.passed;
    r = child_fork(fds, child->task.passed >= 0 ? 2 : 1, &child->process);
    if (r == CHILD_SELF) {
        child->task.run(child->task.userdata, CHILD_FIRST_FD,
                        child->task.passed >= 0 ? CHILD_FIRST_FD + 1 : -1);
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    if (r == 0)
        r = sd_event_add_io(children->event, &child->io, child->socket, EPOLLIN, on_readable,
                            child);
    if (r >= 0)
        r = sd_event_add_time_relative(children->event, &child->timeout, CLOCK_MONOTONIC,
                                       time_limit(child), 0, on_timeout, child);
    return r;
}

/* Whether all who wait for CHILD let others go first. */
static bool yields(const Child *child)
{
    const Job *job = child->first;

    while (job && job->yields)
        job = job->next;
    return child->first && !job;
}

/* The first queued child whose turn has come. */
static Child *find_next(const Children *children)
{
    size_t running[_CHILD_KIND_MAX] = {0};
    Child *last = NULL;

    for (const Child *child = children->first; child; child = child->next)
        running[child->task.kind] += child->socket >= 0;
    for (Child *child = children->first; child; child = child->next) {
        if (child->begun || running[child->task.kind] >= running_max[child->task.kind])
            continue;
        if (!yields(child))
            return child;
        last = last ? last : child;
    }
    return last;
}

static int on_advance(sd_event_source *, void *userdata)
{
    Children *children = userdata;
    Child *child = find_next(children);
    int r;

    if (!child)
        return 0;
    wake(children);
    r = start(child);
    if (r < 0)
        end(child, r);
    return 0;
}

int child_new(Children *children, const ChildTask *task, Child **ret)
{
    Child *child = calloc(1, sizeof(*child));
    Child **last;

    if (!child)
        return -ENOMEM;
    *child = (Child){.children = children, .task = *task, .process = -1, .socket = -1};
    for (last = &children->first; *last; last = &(*last)->next)
        ;
    *ret = *last = child;
    wake(children);
    return 0;
}

static void leave_queue(Child *child)
{
    Child **link;

    for (link = &child->children->first; *link != child; link = &(*link)->next)
        ;
    *link = child->next;
    child->ended = true;
    stop(child);
    wake(child->children);
}

Child *child_free(Child *child)
{
    if (!child)
        return NULL;
    if (!child->ended)
        leave_queue(child);
    if (child->task.done)
        child->task.done(child->task.userdata);
    free(child);
    return NULL;
}

/* --- those who wait --- */

int job_new(Child *child, JobDone done, void *userdata, Job **ret)
{
    Job *job = malloc(sizeof(*job));
    Job **last;

    if (!job)
        return -ENOMEM;
    *job = (Job){.child = child, .done = done, .userdata = userdata};
    for (last = &child->first; *last; last = &(*last)->next)
        ;
    *ret = *last = job;
    return 0;
}

Job *job_free(Job *job)
{
    Child *child = job ? job->child : NULL;
    Job **link;

    if (child) {
        for (link = &child->first; *link != job; link = &(*link)->next)
            ;
        *link = job->next;
        if (!child->first && !child->keep && !child->ended &&
            (!child->begun || child->task.kind == CHILD_SEARCHER))
            child_free(child);
    }
    free(job);
    return NULL;
}

void job_yield(Job *job)
{
    job->yields = true;
}

ChildKind job_kind(const Job *job)
{
    return job->child->task.kind;
}

void child_keep(Child *child)
{
    child->keep = true;
}

void child_finish(Child *child, const JobResult *result)
{
    JobResult told = *result;
    Job *job;

    told.kind = child->task.kind;
    leave_queue(child);
    while ((job = child->first)) {
        child->first = job->next;
        job->child = NULL;
        job->done(job->userdata, &told);
    }
    child_free(child);
}

/* --- all of them --- */

size_t children_count(const Children *children, ChildKind kind)
{
    size_t count = 0;

    for (const Child *child = children->first; child; child = child->next)
        count += child->task.kind == kind;
    return count;
}

Child *children_find(const Children *children, ChildKind kind,
                     bool (*matches)(const void *userdata, const void *key), const void *key)
{
    for (Child *child = children->first; child; child = child->next)
        if (child->task.kind == kind && matches(child->task.userdata, key))
            return child;
    return NULL;
}

int children_new(sd_event *event, const ServerConfig *config, Children **ret)
{
    _cleanup_(children_freep) Children *children = calloc(1, sizeof(*children));
    int r;

    if (!children)
        return -ENOMEM;
    children->config = config;
    children->event = sd_event_ref(event);
    r = sd_event_add_defer(event, &children->advance, on_advance, children);
    if (r >= 0)
        r = sd_event_source_set_enabled(children->advance, SD_EVENT_OFF);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(children);
    return 0;
}

Children *children_free(Children *children)
{
    if (children) {
        while (children->first)
            child_free(children->first);
        sd_event_source_disable_unref(children->advance);
        sd_event_unref(children->event);
        free(children);
    }
    return NULL;
}

/* --- in the child --- */

int child_tell(int to_worker, BytesView message)
{
    ssize_t n;

    do
        n = send(to_worker, message.data, message.size, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int child_wait(int to_worker)
{
    char byte;
    ssize_t n;

    do
        n = recv(to_worker, &byte, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : -EPIPE;
}
