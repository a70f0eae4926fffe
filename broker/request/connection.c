/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/connection.h"

#include "policy/decision.h"
#include "process/handover.h"
#include "process/supervisor.h"
#include "request/peer.h"
#include "request/reply.h"
#include "request/request.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

struct Connection {
    ConnectionSet *set;
    Connection *next;
    Connection *previous;
    int fd;
    LiveMachine live_machine; /* "" for a connection of the host's service manager */
    bool adopted;             /* from an earlier worker or broker */
    bool deferred;            /* it waits for the next broker */
    uint64_t begin;           /* CLOCK_MONOTONIC, µs */
    Peer peer;
    Decision decision;
    Request request;
    Job *job;          /* not NULL while it waits for the TPM, a commit or a search */
    Secret *plaintext; /* NULL for a refusal */
    Reply reply;
    bool answering;
    bool stalled;
    int outcome;
    Reason reason;
    bool predecessor;          /* see Request */
    TpmKeyLabel key;           /* of the last sealed key that was used; .outside of any */
    FleetOrigin origin;        /* see Request */
    sd_event_source *io;       /* NULL until it has to wait */
    sd_event_source *deadline; /* NULL unless it waits for the TPM */
    sd_event_source *stall;    /* NULL unless the answer waits for the peer */
};

static const char *machine_of(const Connection *c)
{
    return c->live_machine[0] ? c->live_machine : NULL;
}

static size_t *stalled_of(const Connection *c)
{
    return machine_of(c) ? &c->set->live_stalled : &c->set->stalled;
}

/* --- the end --- */

static void write_record(Connection *c, AuditVerdict verdict)
{
    AuditSink *sink = c->set->audit;

    audit_write(sink, &(AuditRecord){
                          .verdict = verdict,
                          .live = machine_of(c) != NULL,
                          .machine = c->decision.name.machine,
                          .id = c->decision.address.id,
                          .unit = c->decision.address.unit,
                          .peer_pid = c->peer.pid,
                          .peer_uid = c->peer.uid,
                          .outcome = c->outcome,
                          .reason = c->reason.text,
                          .key = c->key.fingerprint,
                          .sealed_outside = c->key.outside,
                          .predecessor = c->predecessor,
                          .fleet = c->origin.fleet,
                          .sequence = c->origin.sequence,
                          .usec = monotonic_usec() - c->begin,
                      });
}

static void end(Connection *c, AuditVerdict verdict)
{
    ConnectionSet *set = c->set;
    LiveMachine machine;

    /* close it first: if the worker dies after this, it does not look unanswered */
    sd_event_source_disable_unref(c->io);
    sd_event_source_disable_unref(c->deadline);
    sd_event_source_disable_unref(c->stall);
    if (shelter_drop(&set->shelter, c->fd) || c->adopted || machine_of(c))
        shutdown(c->fd, SHUT_RDWR); /* it is kept open, or a container could send more */
    if (peer_has_sent(c->fd))
        shelter_tidy(&set->shelter);
    peer_close(c->fd);
    job_free(c->job);
    secret_free(c->plaintext);
    request_done(&c->request);
    write_record(c, verdict);

    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        set->first = c->next;
    set->count--;
    strcpy(machine, c->live_machine);
    *stalled_of(c) -= c->stalled;
    set->deferred -= c->deferred;
    free(c);
    set->ended(set->userdata, machine[0] ? machine : NULL);
}

/* The peer has closed the connection. During a refusal the service manager does so as soon as it
 * has read more than a unit may have, so it has understood. */
static void end_gone(Connection *c)
{
    end(c, c->answering && !c->plaintext ? AUDIT_REFUSED : AUDIT_ABANDONED);
}

/* --- peers that stall --- */

size_t connections_active(const ConnectionSet *set)
{
    size_t spared =
        set->stalled < set->config->stalled_max ? set->stalled : set->config->stalled_max;

    return set->count - spared;
}

size_t connections_moving(const ConnectionSet *set)
{
    return set->count - set->stalled - set->live_stalled - set->deferred;
}

static bool same_peer(const Connection *a, const Connection *b)
{
    return a->peer.pid == b->peer.pid;
}

/* If too many have stalled, closes the oldest one that is being refused. */
static void bound_stalled(const Connection *c)
{
    const ServerConfig *config = c->set->config;
    Connection *oldest = NULL, *oldest_of_peer = NULL;
    size_t of_peer = 0;

    for (Connection *other = c->set->first; other; other = other->next) {
        if (!other->stalled || machine_of(other))
            continue;
        of_peer += same_peer(other, c);
        if (other->plaintext)
            continue;
        oldest = other;
        if (same_peer(other, c))
            oldest_of_peer = other;
    }
    if (of_peer > config->peer_stalled_max && oldest_of_peer)
        end(oldest_of_peer, AUDIT_REFUSED);
    else if (c->set->stalled > config->stalled_max && oldest)
        end(oldest, AUDIT_REFUSED);
}

static int on_stalled(sd_event_source *, uint64_t, void *userdata)
{
    Connection *c = userdata;
    ConnectionSet *set = c->set;

    c->stalled = true;
    ++*stalled_of(c);
    if (!machine_of(c))
        bound_stalled(c);
    set->ended(set->userdata, NULL);
    return 0;
}

/* Starts or restarts the timer. */
static int watch_for_stall(Connection *c)
{
    ConnectionSet *set = c->set;
    int r;

    *stalled_of(c) -= c->stalled;
    c->stalled = false;
    if (!c->stall)
        return sd_event_add_time_relative(set->event, &c->stall, CLOCK_MONOTONIC,
                                          set->config->stall_usec, 0, on_stalled, c);
    r = sd_event_source_set_time_relative(c->stall, set->config->stall_usec);
    return r < 0 ? r : sd_event_source_set_enabled(c->stall, SD_EVENT_ONESHOT);
}

/* --- the answer --- */

static int watch(Connection *c, uint32_t events);

/* The rest of the secret is replaced by zeros. Together with what was sent they are a refusal. */
static void give_way(Connection *c)
{
    c->outcome = reason_set(&c->reason, OUTCOME_TOO_MANY,
                            "the answer was not read, and others need its memory");
    c->plaintext = secret_free(c->plaintext);
    c->reply.secret = NULL;
}

/* Secrets that wait for live peers occupy locked memory. If those of C's machine, or of all
 * machines, occupy too much, the oldest give way. */
static void bound_live_secrets(const Connection *c)
{
    size_t all = 0, of_machine = 0;

    for (Connection *other = c->set->first; other; other = other->next) {
        size_t size, own;

        if (!other->plaintext || !machine_of(other))
            continue;
        size = secret_view(other->plaintext).size;
        own = strcmp(other->live_machine, c->live_machine) == 0 ? size : 0;
        if (all + size > LIMIT_UNREAD_BYTES || of_machine + own > LIMIT_UNREAD_MACHINE) {
            give_way(other);
            continue;
        }
        all += size;
        of_machine += own;
    }
}

/* Sends as much as the socket takes, then ends or waits for room. */
static int continue_answer(Connection *c)
{
    int r;

    switch (reply_step(&c->reply, c->fd)) {
    case REPLY_DONE:
        end(c, c->plaintext ? AUDIT_DELIVERED : AUDIT_REFUSED);
        return 0;
    case REPLY_BLOCKED:
        if (c->plaintext && machine_of(c))
            bound_live_secrets(c);
        r = watch_for_stall(c);
        return r < 0 ? r : watch(c, EPOLLOUT);
    default:
        end_gone(c);
        return 0;
    }
}

static int begin_answer(Connection *c)
{
    int r = handover_mark_set(c->fd, HANDOVER_ANSWERING);

    if (r < 0)
        return r;
    c->answering = true;
    c->deadline = sd_event_source_disable_unref(c->deadline);
    c->job = job_free(c->job);
    request_done(&c->request);
    c->reply = (Reply){.secret = c->plaintext,
                       .refusal_bytes = reply_refusal_bytes(&c->peer, machine_of(c) != NULL)};
    return continue_answer(c);
}

static int refuse(Connection *c, int outcome)
{
    c->outcome = outcome;
    return begin_answer(c);
}

/* --- waiting --- */

/* For callbacks of the event loop, which cannot return errors to the worker. */
static void check(ConnectionSet *set, int r)
{
    if (r < 0)
        set->failed(set->userdata, r);
}

static int on_io(sd_event_source *, int, uint32_t events, void *userdata)
{
    Connection *c = userdata;
    ConnectionSet *set = c->set;

    /* The manager shuts down its writing side at once. EPOLLHUP means that both are closed. */
    if (events & (EPOLLHUP | EPOLLERR))
        end_gone(c);
    else if (c->answering)
        check(set, continue_answer(c));
    return 0;
}

/* As long as a slow TPM answers other requests, this one waits. The unit's TimeoutStartSec= limits
 * the whole wait. */
static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
    Connection *c = userdata;
    ConnectionSet *set = c->set;
    uint64_t deadline = set->tpm.answered + set->config->request_usec;
    ChildKind kind;
    int r;

    if (deadline > usec) {
        r = sd_event_source_set_time(source, deadline);
        check(set, r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT));
        return 0;
    }
    kind = job_kind(c->job);
    reason_set(&c->reason, OUTCOME_TIMEOUT,
               kind == CHILD_COMMITTER  ? "the generated secret was not stored within %.0f s"
               : kind == CHILD_SEARCHER ? "the store was not searched for a key within %.0f s"
                                        : "the TPM has not answered any request for %.0f s",
               (double)set->config->request_usec / 1e6);
    check(set, refuse(c, OUTCOME_TIMEOUT));
    return 0;
}

static int go_on(Connection *c);

static void on_done(void *userdata, const JobResult *result)
{
    Connection *c = userdata;
    ConnectionSet *set = c->set;

    c->job = job_free(c->job);
    c->outcome = request_give(&c->request, result, &c->reason);
    check(set, go_on(c));
}

static int watch(Connection *c, uint32_t events)
{
    int r;

    if (c->io)
        return sd_event_source_set_io_events(c->io, events);
    r = sd_event_add_io(c->set->event, &c->io, c->fd, events, on_io, c);
    if (r >= 0 && machine_of(c))
        r = sd_event_source_set_priority(c->io, SD_EVENT_PRIORITY_IDLE);
    return r;
}

static int start_waiting(Connection *c, const TpmKeyRequest *wanted)
{
    ConnectionSet *set = c->set;
    CommitOrder order = {.parameters = wanted->commit,
                         .data = -1,
                         .uid = geteuid(),
                         .pid = getpid(),
                         .shared = wanted->created};

    /* a request for the same secret may be further */
    if (wanted->commit || (wanted->created && commit_is_queued(&set->store, wanted->created)))
        return commit_job_new(&set->store, &order, on_done, c, &c->job);
    if (wanted->search_in)
        return search_job_new(&set->store, wanted->search_in, on_done, c, &c->job);
    return tpm_job_new(&set->tpm, wanted->sealed, wanted->fresh_for, on_done, c, &c->job);
}

/* One deadline covers everything that a request waits for. */
static int wait_for(Connection *c, const TpmKeyRequest *wanted)
{
    ConnectionSet *set = c->set;
    int r = start_waiting(c, wanted);
    if (r >= 0 && !c->deadline)
        r = sd_event_add_time_relative(set->event, &c->deadline, CLOCK_MONOTONIC,
                                       set->config->request_usec, 0, on_deadline, c);
    return r < 0 ? r : watch(c, 0);
}

/* Whether the next broker may be able to answer C, because it has the host key that replaced ours.
 * None is deferred twice, so that it cannot go from broker to broker for ever. */
static bool may_defer(const Connection *c)
{
    return c->outcome == OUTCOME_INTERRUPTED && !c->adopted && supervisor_lives();
}

static int defer(Connection *c)
{
    ConnectionSet *set = c->set;
    int r = watch(c, 0);

    c->deadline = sd_event_source_disable_unref(c->deadline);
    c->deferred = true;
    set->deferred++;
    set->ended(set->userdata, NULL);
    return r;
}

/* Continues until the answer has begun, or until the request has to wait. */
static int go_on(Connection *c)
{
    TpmKeyRequest wanted = {0};

    if (c->outcome == 0)
        c->outcome = request_advance(&c->request, &c->set->tpm, &c->reason, &wanted);
    c->key = c->request.key;
    c->predecessor = c->request.predecessor;
    c->origin = c->request.origin;
    if (c->outcome == 0 && (wanted.sealed || wanted.fresh_for || wanted.search_in || wanted.commit))
        return wait_for(c, &wanted);
    if (may_defer(c))
        return defer(c);
    if (c->outcome == 0)
        c->plaintext = request_take_value(&c->request);
    return begin_answer(c);
}

/* --- the beginning --- */

/* Whether C's peer has too many connections that have not stalled. */
static bool is_greedy(const Connection *c)
{
    size_t of_peer = 0;

    for (const Connection *other = c->set->first; other; other = other->next)
        of_peer += !other->stalled && same_peer(other, c);
    return of_peer > c->set->config->peer_max;
}

static int proceed(Connection *c)
{
    Purpose purpose = {machine_of(c) ? POLICY_LIVE : POLICY_BOOT, c->decision.address.unit};

    c->reason = c->decision.reason;
    if (c->decision.outcome != 0)
        return refuse(c, c->decision.outcome);
    if (is_greedy(c)) {
        reason_set(&c->reason, 0, "process %lld already has %u unanswered requests",
                   (long long)c->peer.pid, c->set->config->peer_max);
        return refuse(c, OUTCOME_TOO_MANY);
    }
    c->outcome = request_begin(c->set->resources, &c->set->store, &c->decision.name, &purpose,
                               &c->reason, &c->request);
    return go_on(c);
}

static Connection *add(ConnectionSet *set, int fd, const char *live_machine)
{
    Connection *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->set = set;
    c->fd = fd;
    if (live_machine)
        snprintf(c->live_machine, sizeof(c->live_machine), "%s", live_machine);
    c->begin = monotonic_usec();
    c->next = set->first;
    if (c->next)
        c->next->previous = c;
    set->first = c;
    set->count++;
    set->begun++;
    peer_read(fd, &c->peer);
    decide(
        &(DecisionFacts){
            .live_machine = machine_of(c),
            .peer_uid = c->peer.uid,
            .trusted_uid = set->config->trusted_uid,
            .peer_path = {c->peer.path, c->peer.path_size},
            .templates = &set->config->templates,
        },
        &c->decision);
    return c;
}

int connection_start(ConnectionSet *set, int fd, const char *live_machine)
{
    Connection *c = add(set, fd, live_machine);

    return c ? proceed(c) : -ENOMEM;
}

int connection_take_over(ConnectionSet *set, int fd, const char *live_machine)
{
    int mark = handover_mark_get(fd), deaths = mark + 1;
    Connection *c;
    int r;

    if (mark < 0)
        return mark;
    c = add(set, fd, live_machine);
    if (!c)
        return -ENOMEM;
    c->adopted = true;
    if (mark == HANDOVER_ANSWERING)
        return refuse(c, OUTCOME_INTERRUPTED);
    if (deaths >= LIMIT_HANDOVERS) {
        reason_set(&c->reason, 0,
                   "%d of the broker's workers died one after the other while they handled this "
                   "request",
                   deaths);
        return refuse(c, OUTCOME_INTERRUPTED);
    }
    r = handover_mark_set(fd, deaths);
    return r < 0 ? r : proceed(c);
}

void connection_refuse_waiting(ConnectionSet *set, const char *why)
{
    Connection *next;

    for (Connection *c = set->first; c; c = next) {
        next = c->next;
        if (c->answering)
            continue;
        reason_set(&c->reason, 0, "%s", why);
        check(set, refuse(c, OUTCOME_TIMEOUT));
    }
}

bool connections_wait(const ConnectionSet *set)
{
    for (const Connection *c = set->first; c; c = c->next)
        if (!c->answering)
            return true;
    return false;
}

bool connections_host_reads(const ConnectionSet *set)
{
    for (const Connection *c = set->first; c; c = c->next)
        if (c->answering && !c->stalled && !machine_of(c))
            return true;
    return false;
}

void connections_leave(ConnectionSet *set)
{
    for (Connection *c = set->first; c; c = c->next) {
        if (!c->answering)
            (void)handover_mark_set(c->fd, 0);
    }
}
