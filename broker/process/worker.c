/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "process/worker.h"

#include "control/control.h"
#include "live/live.h"
#include "process/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How many connections are accepted at once before others get their turn. */
#define ACCEPT_BATCH      16

/* The pause after accept() failed for want of descriptors or memory, µs. */
#define ACCEPT_PAUSE_USEC ((uint64_t)100 * 1000)

/* How far the worker is from its end. Each phase has its own reason to stay, see is_needed(). */
typedef enum Phase {
    PHASE_SERVES,
    PHASE_STOPS,    /* answers what it has accepted */
    PHASE_REFUSES,  /* that took too long: has refused what was not answered yet */
    PHASE_RESTARTS, /* answers what can be answered at once */
    PHASE_LEAVES,   /* that took too long: finishes the answers that the host is reading */
} Phase;

typedef struct Worker {
    const ServerConfig *config;
    const Listeners *listeners;
    sd_event *event;
    sd_event_source *listening[LISTENERS_MAX]; /* NULL where control connections come in */
    sd_event_source *pause;
    bool paused;
    bool running; /* the store is recovered, and old connections are adopted */
    Phase phase;
    sd_event_source *phase_over; /* NULL in PHASE_SERVES */
    bool left;                   /* the next broker is to answer the rest */
    Job *recovery;
    ConnectionSet connections;
    Counters counters;
    ControlSet *control, *courier;
    LiveSet *live;
    sd_event_source *idle; /* NULL without --exit-idle= */
    uint64_t busy;         /* when it was last busy, CLOCK_MONOTONIC, µs */
} Worker;

static bool may_accept_any(const Worker *worker)
{
    /* each request makes an entry */
    return worker->running && worker->phase == PHASE_SERVES && !worker->paused &&
           !audit_sink_full(worker->config->audit);
}

static bool may_accept(const Worker *worker)
{
    size_t others = live_set_connections(worker->live);

    return may_accept_any(worker) &&
           connections_active(&worker->connections) - others < worker->config->connections_max;
}

static void update_listening(Worker *worker)
{
    int enabled = may_accept(worker) ? SD_EVENT_ON : SD_EVENT_OFF;

    for (size_t i = 0; i < worker->listeners->count; i++)
        if (worker->listening[i])
            sd_event_source_set_enabled(worker->listening[i], enabled);
    live_set_accept(worker->live, may_accept_any(worker));
}

static void on_failed(void *userdata, int r)
{
    Worker *worker = userdata;

    sd_event_exit(worker->event, r);
}

/* --- ending --- */

static void update(Worker *worker);
static int on_phase_over(sd_event_source *source, uint64_t usec, void *userdata);

static int set_timer(sd_event_source *timer, uint64_t usec)
{
    int r = sd_event_source_set_time_relative(timer, usec);

    return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void enter(Worker *worker, Phase phase)
{
    const ServerConfig *config = worker->config;
    uint64_t usec = phase == PHASE_RESTARTS ? config->restart_usec : config->drain_usec;
    int r = 0;

    worker->phase = phase;
    if (phase == PHASE_RESTARTS) {
        control_set_leave(worker->control);
        control_set_leave(worker->courier);
    }
    if (!worker->phase_over)
        r = sd_event_add_time_relative(worker->event, &worker->phase_over, CLOCK_MONOTONIC, usec, 0,
                                       on_phase_over, worker);
    else if (phase != PHASE_LEAVES)
        r = set_timer(worker->phase_over, usec);
    if (r < 0)
        on_failed(worker, r);
}

static int on_phase_over(sd_event_source *, uint64_t, void *userdata)
{
    Worker *worker = userdata;

    if (worker->phase == PHASE_STOPS) {
        connection_refuse_waiting(&worker->connections, "the broker is stopping");
        enter(worker, PHASE_REFUSES);
    } else {
        enter(worker, PHASE_LEAVES);
    }
    update(worker);
    return 0;
}

static void drain(Worker *worker, Drain how)
{
    if (worker->phase == PHASE_SERVES && how != DRAIN_NONE)
        enter(worker, how == DRAIN_STOP ? PHASE_STOPS : PHASE_RESTARTS);
    update(worker);
}

/* A peer that does not read its answer is no reason to stay, except when nobody may follow. */
static bool is_needed(const Worker *worker)
{
    const ConnectionSet *connections = &worker->connections;
    bool commits = children_count(connections->children, CHILD_COMMITTER) > 0;

    switch (worker->phase) {
    case PHASE_STOPS:
        return connections->count > 0 || commits;
    case PHASE_REFUSES:
        return connections_moving(connections) > 0;
    case PHASE_RESTARTS:
        return connections_moving(connections) > 0 || commits;
    case PHASE_LEAVES:
        return connections_host_reads(connections);
    default:
        return true;
    }
}

/* Leaves what is not answered to the supervisor, which has the service manager keep it for the next
 * broker. Live sockets were offered to the service manager before, but it may have been too busy.
 * Without a supervisor nothing is kept, so the worker stays for the requests that wait. */
static void leave(Worker *worker)
{
    bool restarts = worker->phase == PHASE_RESTARTS || worker->phase == PHASE_LEAVES;

    if (worker->connections.count > 0 || (restarts && live_set_count(worker->live) > 0)) {
        if (restarts && !supervisor_lives() && connections_wait(&worker->connections)) {
            enter(worker, PHASE_STOPS);
            return;
        }
        connections_leave(&worker->connections);
        worker->left = true;
    }
    sd_event_exit(worker->event, 0);
}

/* A host key that was replaced is needed at once, a missing one when there is time: it may never
 * come. */
static bool needs_next_broker(const Worker *worker)
{
    int rc = worker->connections.resources->host_key_rc;

    return rc == OUTCOME_INTERRUPTED || (rc != 0 && connections_moving(&worker->connections) == 0);
}

/* Called whenever the number of connections, or whether to end, has changed. */
static void update(Worker *worker)
{
    if (!worker->running || worker->left)
        return;
    if (worker->phase == PHASE_SERVES && needs_next_broker(worker))
        enter(worker, PHASE_RESTARTS);
    update_listening(worker);
    if (!is_needed(worker))
        leave(worker);
}

static void on_ended(void *userdata, const char *live_machine)
{
    Worker *worker = userdata;

    if (live_machine)
        live_set_changed(worker->live, live_machine, false);
    worker->busy = monotonic_usec();
    update(worker);
}

/* --- exit when idle --- */

/*
 * With --exit-idle= the worker ends when it has had nothing to do for a while. No request is lost:
 * the service manager owns the listening sockets and starts the broker again when a client
 * connects. After the decision to exit, the worker accepts nothing, so later clients wait in these
 * sockets. It checks them first, so that they need not wait for a start. The timer checks when the
 * worker was last busy, so that a request costs no system call.
 */

/* Whether a connection waits to be accepted, or poll() failed. */
static bool has_waiting(const Listeners *listeners)
{
    struct pollfd waiting[LISTENERS_MAX];

    for (size_t i = 0; i < listeners->count; i++)
        waiting[i] = (struct pollfd){.fd = listeners->fds[i], .events = POLLIN};
    return poll(waiting, listeners->count, 0) != 0;
}

/* Whether there is work, or state, that the next broker could not continue with. */
static bool is_busy(const Worker *worker)
{
    const Children *children = worker->connections.children;

    return worker->connections.count > 0 || children_count(children, CHILD_TPM) > 0 ||
           children_count(children, CHILD_COMMITTER) > 0 ||
           rollback_guard_is_busy(&worker->connections.rollback) ||
           control_set_count(worker->control) > 0 || control_set_count(worker->courier) > 0 ||
           live_set_count(worker->live) > 0;
}

static int on_idle(sd_event_source *, uint64_t, void *userdata)
{
    Worker *worker = userdata;
    uint64_t limit = worker->config->exit_idle_usec, now = monotonic_usec();

    if (is_busy(worker) || has_waiting(worker->listeners))
        worker->busy = now;
    if (now - worker->busy < limit)
        return set_timer(worker->idle, worker->busy + limit - now);
    drain(worker, DRAIN_STOP);
    return 0;
}

/* --- signals --- */

static int on_signal(sd_event_source *, const struct signalfd_siginfo *info, void *userdata)
{
    drain(userdata, drain_of_signal((int)info->ssi_signo));
    return 0;
}

static void on_restart(void *userdata)
{
    drain(userdata, DRAIN_RESTART);
}

/* --- accepting --- */

static int on_pause_over(sd_event_source *, uint64_t, void *userdata)
{
    Worker *worker = userdata;

    worker->paused = false;
    update_listening(worker);
    return 0;
}

enum {
    ACCEPT_NONE = 1, /* no connection waits */
};

/* Returns 0 or ACCEPT_NONE. A negative errno ends the worker. */
static int accept_one(Worker *worker, int listener, const char *live_machine)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) /* at once: until then, a peer whose broker is killed gets an empty credential */
        shelter_put(&worker->connections.shelter, fd);
    if (fd >= 0 && live_machine)
        live_set_changed(worker->live, live_machine, true);
    if (fd >= 0)
        return connection_start(&worker->connections, fd, live_machine);
    switch (errno) {
    case EAGAIN:
        return ACCEPT_NONE;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        worker->paused = true;
        return set_timer(worker->pause, ACCEPT_PAUSE_USEC);
    case EINTR:
    case ECONNABORTED:
        return 0;
    default:
        return -errno;
    }
}

static int on_listening(sd_event_source *, int fd, uint32_t, void *userdata)
{
    Worker *worker = userdata;
    int r = 0;

    for (int i = 0; i < ACCEPT_BATCH && may_accept(worker) && r == 0; i++)
        r = accept_one(worker, fd, NULL);
    update_listening(worker);
    if (r < 0)
        on_failed(worker, r);
    return 0;
}

static void accept_live(void *userdata, int listener, const char *machine)
{
    Worker *worker = userdata;
    int r = accept_one(worker, listener, machine);

    /* Else the event loop would call this again at once, and the pause begin again and again. */
    if (worker->paused)
        update_listening(worker);
    if (r < 0)
        on_failed(worker, r);
}

/* --- beginning --- */

static int add_sources(Worker *worker)
{
    sd_event *event = worker->event;
    int r = sd_event_add_signal(event, NULL, SIGTERM, on_signal, worker);

    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGINT, on_signal, worker);
    if (r >= 0)
        r = sd_event_add_time(event, &worker->pause, CLOCK_MONOTONIC, 0, 0, on_pause_over, worker);
    if (r >= 0)
        r = sd_event_source_set_enabled(worker->pause, SD_EVENT_OFF);
    for (size_t i = 0; r >= 0 && i < worker->listeners->count; i++)
        if (worker->listeners->kinds[i] == LISTENER_REQUESTS)
            r = sd_event_add_io(event, &worker->listening[i], worker->listeners->fds[i], EPOLLIN,
                                on_listening, worker);
    return r < 0 ? r : 0;
}

static void on_audit_room(void *userdata)
{
    Worker *worker = userdata;

    store_queue_go_on(&worker->connections.store);
    update(worker);
}

static void on_committed(void *userdata)
{
    Worker *worker = userdata;

    worker->busy = monotonic_usec();
    rollback_guard_changed(&worker->connections.rollback);
    update(worker);
}

static void on_checked(void *userdata);

/* Sets up what all requests share, whatever brings them. */
static int set_up_resources(Worker *worker)
{
    ConnectionSet *connections = &worker->connections;
    int r;

    *connections = (ConnectionSet){
        .event = worker->event,
        .config = worker->config,
        .audit = &worker->counters.sink,
        .ended = on_ended,
        .failed = on_failed,
        .userdata = worker,
    };
    r = host_resources_new(worker->config, &connections->resources);
    if (r < 0)
        return r;
    worker->counters.expiries = &connections->resources->expiries;
    return children_new(worker->event, worker->config, &connections->children);
}

/* Sets up what waits for the TPM, for the store, and for rollback protection. */
static int set_up_queues(Worker *worker)
{
    ConnectionSet *connections = &worker->connections;

    connections->tpm = (TpmQueue){
        .event = worker->event,
        .config = worker->config,
        .children = connections->children,
    };
    connections->store = (StoreQueue){
        .config = worker->config,
        .children = connections->children,
        .audit = &worker->counters.sink,
        .ended = on_committed,
        .userdata = worker,
    };
    connections->rollback = (RollbackGuard){
        .event = worker->event,
        .config = worker->config,
        .children = connections->children,
        .audit = &worker->counters.sink,
        .store = &connections->store,
        .resources = connections->resources,
        .checked = on_checked,
        .userdata = worker,
    };
    return key_cache_new(worker->event, worker->config, &connections->tpm.cache);
}

/* The sockets besides that for requests. */
static int set_up_sockets(Worker *worker)
{
    const LiveEnvironment live = {worker->event, worker->config, worker->listeners, accept_live,
                                  worker};
    ControlEnvironment control = {.connections = &worker->connections,
                                  .counters = &worker->counters,
                                  .restart = on_restart,
                                  .userdata = worker};
    int r = live_set_new(&live, &worker->live);

    control.live = worker->live;
    if (r >= 0)
        r = control_set_new(&control, worker->listeners, LISTENER_CONTROL, &worker->control);
    if (r >= 0)
        r = control_set_new(&control, worker->listeners, LISTENER_COURIER, &worker->courier);
    return r;
}

static int set_up(Worker *worker)
{
    AuditSink *audit = worker->config->audit;
    int r = sd_event_new(&worker->event);

    if (r >= 0)
        r = add_sources(worker);
    if (r < 0)
        return r;
    audit->room = on_audit_room;
    audit->userdata = worker;
    if (audit->attach)
        audit->attach(audit, worker->event);
    counters_begin(&worker->counters, worker->config);
    r = set_up_resources(worker);
    if (r >= 0)
        r = set_up_queues(worker);
    if (r >= 0)
        r = set_up_sockets(worker);
    worker->busy = monotonic_usec();
    if (r >= 0 && worker->config->exit_idle_usec > 0)
        r = sd_event_add_time_relative(worker->event, &worker->idle, CLOCK_MONOTONIC,
                                       worker->config->exit_idle_usec, 0, on_idle, worker);
    return r;
}

/* Adopts the connections of an earlier worker. Must come before any new connection, which it would
 * adopt as well. */
static int adopt(Worker *worker)
{
    const Listeners *listeners = worker->listeners;
    int r = 0;

    shelter_begin(&worker->connections.shelter, listeners);
    for (int fd = handover_next(listeners, STDERR_FILENO + 1); r == 0 && fd >= 0;
         fd = handover_next(listeners, fd + 1)) {
        LiveMachine machine;
        bool live = handover_live_machine(fd, listeners, machine);

        if (live)
            live_set_changed(worker->live, machine, true);
        r = connection_take_over(&worker->connections, fd, live ? machine : NULL);
    }
    return r;
}

/* Even if the recovery of the store has failed, nobody else could do it, so requests are answered
 * from now on. */
static void on_checked(void *userdata)
{
    Worker *worker = userdata;
    int r = adopt(worker);

    if (r < 0) {
        on_failed(worker, r);
        return;
    }
    supervisor_tell_ready();
    worker->running = true;
    update(worker);
}

static void on_recovered(void *userdata, const JobResult *result)
{
    Worker *worker = userdata;

    worker->recovery = job_free(worker->recovery);
    rollback_guard_begin(&worker->connections.rollback, result->rollback);
}

int worker_run(const ServerConfig *config, const Listeners *listeners, Drain drain_at_once)
{
    Worker worker = {.config = config, .listeners = listeners};
    int r;

    /* the kernel reaps the children, see base/child.h */
    signal(SIGCHLD, SIG_IGN);
    r = set_up(&worker);
    if (r >= 0)
        r = commit_job_new(&worker.connections.store,
                           &(CommitOrder){.data = -1, .uid = geteuid(), .pid = getpid()},
                           on_recovered, &worker, &worker.recovery);
    if (r < 0)
        return r;
    drain(&worker, drain_at_once);
    update_listening(&worker);
    r = sd_event_loop(worker.event);
    if (r < 0 || worker.left)
        return r < 0 ? r : WORKER_LEFT;
    /* the process exits: wipes what is secret, and leaves the rest to the kernel */
    key_cache_free(worker.connections.tpm.cache);
    host_resources_free(worker.connections.resources);
    if (config->audit->attach)
        config->audit->attach(config->audit, NULL);
    return WORKER_DONE;
}
