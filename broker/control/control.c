/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control/control.h"

#include "control/check.h"
#include "courier/offer.h"
#include "protocol/frame.h"
#include "protocol/varlink.h"
#include "request/peer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* How many connections are accepted at once: fewer than the limit, so that each gets a turn before
 * it has to make room. */
#define ACCEPT_BATCH      (LIMIT_CONTROLS / 4)

/* Brackets and commas in a call of the courier's: an offer has those of its bundle, up to 64. */
#define COURIER_MARKS_MAX ((size_t)80)

typedef struct Control Control;

struct Control {
    ControlSet *set;
    Control *next;
    int fd;
    Peer peer;
    sd_event_source *io;
    sd_event_source *deadline; /* NULL unless a message is incomplete, in either direction */
    FrameReader reader;
    FrameWriter writer;
    VarlinkCall call; /* the call that .child or .commit answers */
    const Method *method;
    Child *child;
    Job *commit;
    Check *check;
    Offer *offer;    /* the courier's; NULL before it has offered something */
    unsigned calls;  /* up to LIMIT_CONTROL_CALLS */
    bool more;       /* the reader may contain another call */
    bool subscribed; /* gets events, and may not call any more */
};

struct ControlSet {
    ControlEnvironment environment;
    const char *interface;
    size_t max;                                /* connections */
    Refusals *refusals;                        /* NULL for the control socket */
    sd_event_source *listening[LISTENERS_MAX]; /* NULL where requests come in */
    Control *first;                            /* most recently active first */
    size_t count;
};

static void unlink_control(Control *control)
{
    Control **link;

    for (link = &control->set->first; *link != control; link = &(*link)->next)
        ;
    *link = control->next;
}

static void put_first(Control *control)
{
    control->next = control->set->first;
    control->set->first = control;
}

static void control_end(Control *control)
{
    unlink_control(control);
    control->set->count--;
    sd_event_source_disable_unref(control->io);
    sd_event_source_disable_unref(control->deadline);
    child_free(control->child);
    job_free(control->commit);
    check_free(control->check);
    offer_free(control->offer);
    varlink_call_done(&control->call);
    close(control->fd);
    frame_reader_done(&control->reader);
    frame_writer_done(&control->writer);
    free(control);
}

/* Whether a call is being answered. */
static bool is_busy(const Control *control)
{
    return control->child || control->commit || control->check ||
           (control->offer && offer_is_busy(control->offer));
}

/* Closes the connection that was idle longest. Subscribers are idle by nature, so they are closed
 * only if there are no others. Returns false if all are busy. */
static bool end_idlest(ControlSet *set)
{
    Control *idlest = NULL;

    for (Control *control = set->first; control; control = control->next)
        if (!is_busy(control) && (!idlest || idlest->subscribed || !control->subscribed))
            idlest = control;
    if (idlest)
        control_end(idlest);
    return idlest != NULL;
}

/* --- replies --- */

/* Queues MESSAGE and takes ownership of it. */
static int queue(Control *control, struct json_object *message)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = message ? json_print(message, &text) : -ENOMEM;

    json_object_put(message);
    return r == 0 ? frame_writer_add(&control->writer, bytes_view(&text)) : r;
}

/* An error of varlink itself, with its one parameter. */
static struct json_object *service_error(const char *error, const char *name, const char *value)
{
    struct json_object *parameters = json_object_new_object();

    json_add_text(parameters, name, value);
    return varlink_error_new(error, parameters);
}

static struct json_object *outcome_error(const ControlSet *set, int rc, const Reason *reason)
{
    char error[INTERFACE_ERROR_BYTES], name[sizeof(INTERFACE_COURIER ".") + sizeof(error)];

    interface_error_name(rc, error);
    snprintf(name, sizeof(name), "%s.%s", set->interface, error);
    return varlink_error_new(name, interface_error_parameters(rc, reason));
}

/* Runs METHOD. Returns its last reply or its error. */
static struct json_object *run(const ControlSet *set, const Method *method, MethodCall *call)
{
    int r;

    call->interface = set->interface;

    call->reply = json_object_new_object();
    r = method->run(call);
    if (r == 0)
        return varlink_reply_new(call->reply, false);
    json_object_put(call->reply);
    if (r == OUTCOME_NOT_FOUND && strcmp(method->interface, INTERFACE_SERVICE) == 0)
        return service_error(VARLINK_INTERFACE_NOT_FOUND, "interface",
                             varlink_text(call->parameters, "interface"));
    return outcome_error(set, r, &call->reason);
}

/* --- calls that a child answers --- */

/* Runs in the child. */
static void read_store(void *userdata, int to_worker, int)
{
    const Control *control = userdata;
    const ControlEnvironment *environment = &control->set->environment;
    _cleanup_(host_resources_freep) HostResources *resources = NULL;
    MethodCall call = {.environment = environment,
                       .parameters = control->call.parameters,
                       .peer = &control->peer,
                       .to_worker = to_worker};

    /* the worker's resources have descriptors, which are closed in the child */
    if (control->method->kind == METHOD_READER &&
        host_resources_new(environment->connections->config, &resources) != 0)
        return;
    call.resources = resources;
    (void)method_send(&call, run(control->set, control->method, &call), true);
}

static int watch(Control *control);

static void end_call(Control *control)
{
    control->more = !frame_reader_empty(&control->reader);
    control->child = child_free(control->child);
    control->commit = job_free(control->commit);
    control->check = check_free(control->check);
    varlink_call_done(&control->call);
}

/* Sends what was queued. R says whether that failed, which ends the connection. */
static void proceed(Control *control, int r)
{
    if (r == 0)
        r = frame_writer_send(&control->writer, control->fd, -1);
    if (r == FRAME_BLOCKED)
        r = 0;
    if (r != 0 || watch(control) < 0)
        control_end(control);
}

/* A child's message is one byte, which says whether it is the last one, and the text of a reply. */
static void on_child_message(void *userdata, BytesView message)
{
    Control *control = userdata;
    bool last = message.data[0];

    if (last)
        end_call(control);
    proceed(control,
            frame_writer_add(&control->writer, (BytesView){message.data + 1, message.size - 1}));
}

static void on_child_ended(void *userdata, int)
{
    Control *control = userdata;
    Reason reason = {0};
    int r = reason_set(&reason, -ECHILD, "the process that reads the store died");

    end_call(control);
    proceed(control, queue(control, outcome_error(control->set, r, &reason)));
}

static int start_child(Control *control, const Method *method, VarlinkCall *call)
{
    ChildTask task = {
        .kind = method->kind == METHOD_STATUS ? CHILD_STATUS : CHILD_READER,
        .passed = -1,
        .run = read_store,
        .message = on_child_message,
        .ended = on_child_ended,
        .userdata = control,
    };

    control->method = method;
    control->call = *call;
    *call = (VarlinkCall){0};
    return child_new(control->set->environment.connections->children, &task, &control->child);
}

static void on_committed(void *userdata, const JobResult *result)
{
    Control *control = userdata;
    bool silent = control->call.oneway;

    end_call(control);
    if (silent)
        proceed(control, 0);
    else
        proceed(control,
                queue(control, result->rc == 0
                                   ? varlink_reply_new(json_object_new_object(), false)
                                   : outcome_error(control->set, result->rc, result->reason)));
}

static int start_commit(Control *control, const VarlinkCall *call)
{
    _cleanup_(closep) int data = frame_reader_take_fd(&control->reader);
    CommitOrder order = {
        .parameters = call->parameters,
        .data = data,
        .uid = control->peer.uid,
        .pid = control->peer.pid,
    };

    control->call.oneway = call->oneway;
    return commit_job_new(&control->set->environment.connections->store, &order, on_committed,
                          control, &control->commit);
}

/* --- checks --- */

static void on_checked(void *userdata, struct json_object *reply, bool last)
{
    Control *control = userdata;

    if (last)
        end_call(control);
    proceed(control, queue(control, varlink_reply_new(reply, !last)));
}

static int start_check(Control *control, const VarlinkCall *call)
{
    CheckOrder order = {
        .connections = control->set->environment.connections,
        .parameters = call->parameters,
        .peer = &control->peer,
        .done = on_checked,
        .userdata = control,
    };
    Reason reason = {0};
    int r = check_new(&order, &reason, &control->check);

    return r == 0 ? 0 : queue(control, outcome_error(control->set, r, &reason));
}

static int answer_in_loop(Control *control, const Method *method, const VarlinkCall *call)
{
    const ControlEnvironment *environment = &control->set->environment;
    struct json_object *message =
        run(control->set, method,
            &(MethodCall){.environment = environment,
                          .parameters = call->parameters,
                          .peer = &control->peer,
                          .resources = environment->connections->resources,
                          .offer = control->offer,
                          .to_worker = -1});

    if (!call->oneway)
        return queue(control, message);
    json_object_put(message);
    return 0;
}

/* --- the courier --- */

/* The offer was judged or accepted, or refused: then it is forgotten. */
static void on_offered(void *userdata, int rc, const Reason *reason)
{
    Control *control = userdata;
    bool committed = control->method->kind == METHOD_ACCEPT;
    /* what this host reports about is no error, even if it is a refusal */
    struct json_object *message =
        rc == 0 || (rc > 0 && (committed || offer_has_report(control->offer)))
            ? varlink_reply_new(offer_describe(control->offer, committed, rc, reason), false)
            : outcome_error(control->set, rc, reason);

    if (rc != 0)
        control->offer = offer_free(control->offer);
    end_call(control);
    proceed(control, queue(control, message));
}

static int start_offer(Control *control, const Method *method, const VarlinkCall *call)
{
    OfferOrder order = {
        .connections = control->set->environment.connections,
        .refusals = control->set->refusals,
        .peer = control->peer,
        .done = on_offered,
        .userdata = control,
    };
    const char *fleet = varlink_text(call->parameters, "fleet");
    Reason reason = {0};
    int r;

    control->method = method;
    control->offer = offer_free(control->offer);
    r = offer_new(&order, fleet, varlink_text(call->parameters, "bundle"), &reason,
                  &control->offer);
    return r == 0 ? 0 : queue(control, outcome_error(control->set, r, &reason));
}

/* If couriers have brought too much, those that were idle longest have to begin again. CONTROL is
 * the one that has just brought something, and the last. */
static void make_room(Control *control)
{
    const ControlSet *set = control->set;

    for (;;) {
        Control *idlest = control;
        size_t staged = 0;

        for (Control *other = set->first; other; other = other->next) {
            staged += offer_staged(other->offer);
            if (other != control && offer_staged(other->offer) > 0 && !is_busy(other))
                idlest = other;
        }
        if (staged <= set->environment.connections->config->staged_max)
            return;
        idlest->offer = offer_free(idlest->offer);
        if (idlest == control) /* the others are being committed */
            return;
    }
}

static int start_blob(Control *control, const Method *method, const VarlinkCall *call)
{
    int r = answer_in_loop(control, method, call);

    make_room(control);
    return r;
}

static int start_accept(Control *control, const Method *method, const VarlinkCall *call)
{
    Reason reason = {0};
    int r;

    control->method = method;
    r = offer_accept(control->offer, varlink_text(call->parameters, "fleet"), &reason);
    return r == 0 ? 0 : queue(control, outcome_error(control->set, r, &reason));
}

/* --- calls --- */

static int start_call(Control *control, const Method *method, VarlinkCall *call)
{
    const ControlEnvironment *environment = &control->set->environment;

    switch (method->kind) {
    case METHOD_SUBSCRIBE:
        control->subscribed = true;
        return 0;
    case METHOD_STATUS:
        counters_fix_start(environment->counters, environment->connections->config->context);
        return call->oneway ? 0 : start_child(control, method, call);
    case METHOD_READER:
        /* a method without a reply has no effect */
        return call->oneway ? 0 : start_child(control, method, call);
    case METHOD_COMMIT:
        return start_commit(control, call);
    case METHOD_CHECK:
        return start_check(control, call);
    case METHOD_OFFER:
        return start_offer(control, method, call);
    case METHOD_BLOB:
        return start_blob(control, method, call);
    case METHOD_ACCEPT:
        return start_accept(control, method, call);
    default:
        return answer_in_loop(control, method, call);
    }
}

static int answer(Control *control, BytesView message)
{
    _cleanup_(varlink_call_done) VarlinkCall call = {0};
    const char *error, *wrong;
    const Method *method;
    size_t size;

    if (control->set->refusals && !json_bounded(message, COURIER_MARKS_MAX))
        return -EPROTO;
    if (varlink_call_parse(message, &call) != 0)
        return -EPROTO;
    method = method_find(control->set->interface, call.method, &error);
    if (!method && strcmp(error, VARLINK_METHOD_NOT_FOUND) == 0)
        return queue(control, service_error(error, "method", call.method));
    if (!method) {
        char interface[256];

        varlink_method_split(call.method, &size);
        snprintf(interface, sizeof(interface), "%.*s", (int)size, call.method);
        return queue(control, service_error(error, "interface", interface));
    }
    if (method->more && !call.more)
        return queue(control, varlink_error_new(VARLINK_EXPECTED_MORE, NULL));
    wrong = varlink_parameters_check(call.parameters, method->fields);
    if (wrong)
        return queue(control, service_error(VARLINK_INVALID_PARAMETER, "parameter", wrong));
    return start_call(control, method, &call);
}

/* Answers the next call that was read; one per turn. */
static int answer_next(Control *control)
{
    BytesView message;
    int r;

    control->more = !control->subscribed && !is_busy(control) &&
                    frame_writer_empty(&control->writer) &&
                    frame_reader_next(&control->reader, &message);
    if (!control->more)
        return 0;
    /* the next message gets a new deadline */
    control->deadline = sd_event_source_disable_unref(control->deadline);
    r = answer(control, message);
    close_keep_errno(frame_reader_take_fd(&control->reader)); /* no method has taken it */
    /* a peer that makes many calls on one connection gets the lowest priority */
    if (r == 0 && control->calls < LIMIT_CONTROL_CALLS && ++control->calls == LIMIT_CONTROL_CALLS)
        r = sd_event_source_set_priority(control->io, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = frame_writer_send(&control->writer, control->fd, -1);
    return r == FRAME_BLOCKED ? 0 : r;
}

/* --- events --- */

static int on_deadline(sd_event_source *, uint64_t, void *userdata)
{
    control_end(userdata);
    return 0;
}

/* A message that has begun must be completed in time, in either direction. Events may wait. */
static int watch_time(Control *control)
{
    const ConnectionSet *connections = control->set->environment.connections;
    bool idle = frame_writer_empty(&control->writer) &&
                (is_busy(control) || frame_reader_empty(&control->reader));

    if (idle && frame_reader_empty(&control->reader))
        frame_reader_done(&control->reader);
    if (idle || control->subscribed) {
        control->deadline = sd_event_source_disable_unref(control->deadline);
        return 0;
    }
    if (control->deadline)
        return 0;
    return sd_event_add_time_relative(connections->event, &control->deadline, CLOCK_MONOTONIC,
                                      connections->config->control_usec, 0, on_deadline, control);
}

/* No calls are read while replies wait to be sent. A call that was already read is answered in the
 * next turn, which comes at once if the socket has room. */
static int watch(Control *control)
{
    bool writes = !frame_writer_empty(&control->writer) || control->more;
    uint32_t events = writes ? EPOLLOUT : is_busy(control) ? 0 : EPOLLIN;
    int r = watch_time(control);

    if (control->child)
        child_hold(control->child, writes);
    if (control->check)
        check_hold(control->check, writes);
    return r < 0 ? r : sd_event_source_set_io_events(control->io, events);
}

static int step(Control *control, uint32_t events)
{
    int r = 0;

    if (events & EPOLLOUT)
        r = frame_writer_send(&control->writer, control->fd, -1);
    else if (events & EPOLLIN)
        r = frame_reader_read(&control->reader, control->fd);
    else if (events & (EPOLLHUP | EPOLLERR))
        return FRAME_END;
    if (r == FRAME_BLOCKED)
        return 0;
    return r == 0 ? answer_next(control) : r;
}

/* Whether a message is overdue. The timer alone is not enough: a peer that always has something to
 * read may get its turn before the timer. */
static bool is_late(const Control *control)
{
    uint64_t deadline, now;

    return control->deadline && sd_event_source_get_time(control->deadline, &deadline) >= 0 &&
           sd_event_now(control->set->environment.connections->event, CLOCK_MONOTONIC, &now) >= 0 &&
           now >= deadline;
}

static int on_io(sd_event_source *, int, uint32_t events, void *userdata)
{
    Control *control = userdata;
    int r = is_late(control) ? FRAME_END : step(control, events);

    unlink_control(control);
    put_first(control);
    if (r == 0)
        r = watch(control);
    if (r != 0)
        control_end(control);
    return 0;
}

/* Sends an event to all subscribers. Closes the connection of one whose queue is full. */
static void on_entered(void *userdata, const AuditRecord *record)
{
    ControlSet *set = userdata;
    Control *next;

    for (Control *control = set->first; control; control = next) {
        next = control->next;
        if (control->subscribed)
            proceed(control, queue(control, varlink_reply_new(method_event(record), true)));
    }
}

/* --- accepting --- */

/* Takes ownership of FD, also on failure. */
static int control_start(ControlSet *set, int fd)
{
    _cleanup_(closep) int owned = fd;
    const ConnectionSet *connections = set->environment.connections;
    Control *control;
    Peer peer;
    int r;

    peer_read(fd, &peer);
    if (!set->refusals && peer.uid != connections->config->trusted_uid)
        return 0;
    if (set->count == set->max && !end_idlest(set))
        return 0;
    control = calloc(1, sizeof(*control));
    if (!control)
        return -ENOMEM;
    *control = (Control){.set = set, .fd = TAKE_FD(owned), .peer = peer};
    put_first(control);
    set->count++;
    r = sd_event_add_io(connections->event, &control->io, control->fd, EPOLLIN, on_io, control);
    if (r < 0)
        control_end(control);
    return r < 0 ? r : 0;
}

/* If accept() fails, it is tried again later. A connection that cannot be served is closed. */
static int on_listening(sd_event_source *, int fd, uint32_t, void *userdata)
{
    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (accepted < 0)
            break;
        (void)control_start(userdata, accepted);
    }
    return 0;
}

int control_set_new(const ControlEnvironment *environment, const Listeners *listeners,
                    ListenerKind kind, ControlSet **ret)
{
    ControlSet *set = calloc(1, sizeof(*set));
    bool courier = kind == LISTENER_COURIER;
    int r = 0;

    if (!set)
        return -ENOMEM;
    set->environment = *environment;
    set->interface = courier ? INTERFACE_COURIER : INTERFACE_BROKER;
    set->max = courier ? LIMIT_COURIERS : LIMIT_CONTROLS;
    if (courier)
        r = refusals_new(&set->refusals);
    for (size_t i = 0; r >= 0 && i < listeners->count; i++)
        if (listeners->kinds[i] == kind)
            r = sd_event_add_io(environment->connections->event, &set->listening[i],
                                listeners->fds[i], EPOLLIN, on_listening, set);
    if (!courier) {
        environment->counters->userdata = set;
        environment->counters->entered = on_entered;
    }
    *ret = set;
    return r < 0 ? r : 0;
}

void control_set_leave(ControlSet *set)
{
    for (size_t i = 0; i < LISTENERS_MAX; i++)
        if (set->listening[i])
            sd_event_source_set_enabled(set->listening[i], SD_EVENT_OFF);
}

size_t control_set_count(const ControlSet *set)
{
    return set->count;
}
