/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control/control_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* How many connections are accepted at once: fewer than the limit, so that each gets a turn before
 * it has to make room. */
#define ACCEPT_BATCH       (LIMIT_CONTROLS / 4)

/* How many times in how many µs. More clients than these do not come, but accept() that fails would
 * be tried again at once. */
#define ACCEPT_TURNS       32U
#define ACCEPT_WINDOW_USEC ((uint64_t)100 * 1000)

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
    peer_close(control->fd);
    frame_reader_done(&control->reader);
    frame_writer_done(&control->writer);
    free(control);
}

bool control_is_busy(const Control *control)
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
        if (!control_is_busy(control) && (!idlest || idlest->subscribed || !control->subscribed))
            idlest = control;
    if (idlest)
        control_end(idlest);
    return idlest != NULL;
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
                (control_is_busy(control) || frame_reader_empty(&control->reader));

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
    uint32_t events = writes ? EPOLLOUT : control_is_busy(control) ? 0 : EPOLLIN;
    int r = watch_time(control);

    if (control->child)
        child_hold(control->child, writes);
    if (control->check)
        check_hold(control->check, writes);
    return r < 0 ? r : sd_event_source_set_io_events(control->io, events);
}

int control_queue(Control *control, struct json_object *message)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = message ? json_print(message, &text) : -ENOMEM;

    json_object_put(message);
    return r == 0 ? frame_writer_add(&control->writer, bytes_view(&text)) : r;
}

void control_proceed(Control *control, int r)
{
    if (r == 0)
        r = frame_writer_send(&control->writer, control->fd, -1);
    if (r == FRAME_BLOCKED)
        r = 0;
    if (r != 0 || watch(control) < 0)
        control_end(control);
}

/* Answers the next call that was read; one per turn. */
static int answer_next(Control *control)
{
    BytesView message;
    int r;

    control->more = !control->subscribed && !control_is_busy(control) &&
                    frame_writer_empty(&control->writer) &&
                    frame_reader_next(&control->reader, &message);
    if (!control->more)
        return 0;
    /* the next message gets a new deadline */
    control->deadline = sd_event_source_disable_unref(control->deadline);
    r = control_answer(control, message);
    close_keep_errno(frame_reader_take_fd(&control->reader)); /* no method has taken it */
    /* a peer that makes many calls on one connection gets the lowest priority */
    if (r == 0 && control->calls < LIMIT_CONTROL_CALLS && ++control->calls == LIMIT_CONTROL_CALLS)
        r = sd_event_source_set_priority(control->io, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = frame_writer_send(&control->writer, control->fd, -1);
    return r == FRAME_BLOCKED ? 0 : r;
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
            control_proceed(control,
                            control_queue(control, varlink_reply_new(method_event(record), true)));
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

/* If accept() fails, it is tried again, but see ACCEPT_TURNS. A connection that cannot be served is
 * closed. */
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
    for (size_t i = 0; r >= 0 && i < listeners->count; i++)
        if (set->listening[i])
            r = sd_event_source_set_ratelimit(set->listening[i], ACCEPT_WINDOW_USEC, ACCEPT_TURNS);
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
