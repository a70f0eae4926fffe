/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control connections. See control.h.
 */

#include "server/control.h"

#include "protocol/frame.h"
#include "protocol/interface.h"
#include "server/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

typedef struct Control Control;

struct Control {
    ControlSet *set;
    Control *next;
    int fd;
    Peer peer;
    sd_event_source *io;
    FrameReader reader;
    FrameWriter writer;
    bool subscribed; /* gets events, and calls no more */
};

struct ControlSet {
    ControlEnvironment environment;
    sd_event_source *listening[LISTENERS_MAX];
    size_t listening_count;
    Control *first;
    size_t count;
};

/* Further peers wait in the backlog while there are enough. */
static void update_listening(ControlSet *set)
{
    int enabled = set->count < LIMIT_CONTROLS ? SD_EVENT_ON : SD_EVENT_OFF;

    for (size_t i = 0; i < set->listening_count; i++)
        sd_event_source_set_enabled(set->listening[i], enabled);
}

static void control_end(Control *control)
{
    ControlSet *set = control->set;
    Control **link;

    for (link = &set->first; *link != control; link = &(*link)->next)
        ;
    *link = control->next;
    set->count--;
    sd_event_source_disable_unref(control->io);
    close(control->fd);
    frame_reader_done(&control->reader);
    frame_writer_done(&control->writer);
    free(control);
    update_listening(set);
}

/* --- replies --- */

/* Queues MESSAGE and takes it. */
static int queue(Control *control, struct json_object *message)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = message ? json_print(message, &text) : -ENOMEM;

    json_object_put(message);
    return r == 0 ? frame_writer_add(&control->writer, bytes_view(&text)) : r;
}

/* One of varlink's own errors, with its one parameter. */
static int queue_service_error(Control *control, const char *error, const char *name,
                               const char *value)
{
    struct json_object *parameters = json_object_new_object();

    if (!json_add(parameters, name, json_object_new_string(value))) {
        json_object_put(parameters);
        return -ENOMEM;
    }
    return queue(control, varlink_error_new(error, parameters));
}

static int queue_error(Control *control, int rc, const Reason *reason)
{
    struct json_object *parameters = interface_error_parameters(rc, reason);
    char name[sizeof(INTERFACE_BROKER ".") + INTERFACE_ERROR_BYTES] = INTERFACE_BROKER ".";

    interface_error_name(rc, name + strlen(name));
    return parameters ? queue(control, varlink_error_new(name, parameters)) : -ENOMEM;
}

/* --- calls --- */

static int run(Control *control, const Method *method, const VarlinkCall *call)
{
    ControlEnvironment environment = control->set->environment;
    struct json_object *parameters = NULL;
    Reason reason = {0};
    int r;

    environment.peer = &control->peer;
    environment.begun = monotonic_usec();
    r = method->run(&environment, call->parameters, &reason, &parameters);
    if (call->oneway) {
        json_object_put(parameters);
        return 0;
    }
    if (r == OUTCOME_NOT_FOUND && strcmp(method->interface, INTERFACE_SERVICE) == 0)
        return queue_service_error(control, VARLINK_INTERFACE_NOT_FOUND, "interface",
                                   varlink_text(call->parameters, "interface"));
    if (r != 0)
        return queue_error(control, r, &reason);
    if (method->more) {
        control->subscribed = true;
        return 0;
    }
    return queue(control,
                 varlink_reply_new(parameters ? parameters : json_object_new_object(), false));
}

static int answer(Control *control, const VarlinkCall *call)
{
    const char *error, *wrong;
    const Method *method = method_find(call->method, &error);
    size_t size;

    if (!method && strcmp(error, VARLINK_METHOD_NOT_FOUND) == 0)
        return queue_service_error(control, error, "method", call->method);
    if (!method) {
        char interface[256];

        varlink_method_split(call->method, &size);
        snprintf(interface, sizeof(interface), "%.*s", (int)size, call->method);
        return queue_service_error(control, error, "interface", interface);
    }
    if (method->more && !call->more)
        return queue(control, varlink_error_new(VARLINK_EXPECTED_MORE, NULL));
    wrong = varlink_parameters_check(call->parameters, method->fields);
    if (wrong)
        return queue_service_error(control, VARLINK_INVALID_PARAMETER, "parameter", wrong);
    return run(control, method, call);
}

static int handle(Control *control, BytesView message)
{
    _cleanup_(varlink_call_done) VarlinkCall call = {0};

    if (varlink_call_parse(message, NULL, &call) != 0)
        return -EPROTO;
    return answer(control, &call);
}

/* Answers what has been read, one call after the other. */
static int answer_next(Control *control)
{
    BytesView message;
    int r = 0;

    while (r == 0 && !control->subscribed && frame_writer_empty(&control->writer) &&
           frame_reader_next(&control->reader, &message)) {
        r = handle(control, message);
        if (r == 0)
            r = frame_writer_send(&control->writer, control->fd);
    }
    return r == FRAME_BLOCKED ? 0 : r;
}

/* --- events --- */

/* A peer that does not take its replies gives no more calls. */
static int watch(Control *control)
{
    uint32_t events = frame_writer_empty(&control->writer) ? EPOLLIN : EPOLLOUT;

    return sd_event_source_set_io_events(control->io, events);
}

static int step(Control *control, uint32_t events)
{
    int r = 0;

    if (events & EPOLLOUT)
        r = frame_writer_send(&control->writer, control->fd);
    else if (events & EPOLLIN)
        r = frame_reader_read(&control->reader, control->fd);
    else if (events & (EPOLLHUP | EPOLLERR))
        return FRAME_END;
    if (r == FRAME_BLOCKED)
        return 0;
    return r == 0 ? answer_next(control) : r;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    Control *control = userdata;
    int r = step(control, events);

    (void)source;
    (void)fd;
    if (r == 0)
        r = watch(control);
    if (r != 0)
        control_end(control);
    return 0;
}

/* Tells those who have subscribed. One that does not read is hung up on when it has too much. */
static void on_entered(void *userdata, const AuditRecord *record)
{
    ControlSet *set = userdata;
    Control *next;

    for (Control *control = set->first; control; control = next) {
        struct json_object *event;
        int r;

        next = control->next;
        if (!control->subscribed)
            continue;
        event = method_event(record);
        r = event ? queue(control, varlink_reply_new(event, true)) : -ENOMEM;
        if (r == 0)
            r = frame_writer_send(&control->writer, control->fd);
        if (r == FRAME_BLOCKED)
            r = 0;
        if (r != 0 || watch(control) < 0)
            control_end(control);
    }
}

/* --- accepting --- */

/* Takes FD in any case. */
static int control_start(ControlSet *set, int fd)
{
    _cleanup_(closep) int owned = fd;
    const ConnectionSet *connections = set->environment.connections;
    Control *control;
    Peer peer;
    int r;

    peer_read(fd, &peer);
    if (peer.uid != connections->config->trusted_uid)
        return 0;
    control = calloc(1, sizeof(*control));
    if (!control)
        return -ENOMEM;
    *control = (Control){.set = set, .next = set->first, .fd = TAKE_FD(owned), .peer = peer};
    set->first = control;
    set->count++;
    r = sd_event_add_io(connections->event, &control->io, control->fd, EPOLLIN, on_io, control);
    if (r < 0)
        control_end(control);
    return r < 0 ? r : 0;
}

/* What cannot be accepted now can be later; what cannot be served is hung up on. */
static int on_listening(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    ControlSet *set = userdata;
    int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)source;
    (void)events;
    if (accepted >= 0)
        (void)control_start(set, accepted);
    update_listening(set);
    return 0;
}

int control_set_new(const ControlEnvironment *environment, const Listeners *listeners,
                    ControlSet **ret)
{
    _cleanup_(control_set_freep) ControlSet *set = calloc(1, sizeof(*set));
    int r = 0;

    if (!set)
        return -ENOMEM;
    set->environment = *environment;
    for (size_t i = 0; r >= 0 && i < listeners->count; i++) {
        if (listeners->kinds[i] != LISTENER_CONTROL)
            continue;
        r = sd_event_add_io(environment->connections->event, &set->listening[set->listening_count],
                            listeners->fds[i], EPOLLIN, on_listening, set);
        if (r >= 0)
            set->listening_count++;
    }
    if (r < 0)
        return r;
    environment->ledger->userdata = set;
    environment->ledger->entered = on_entered;
    *ret = TAKE_PTR(set);
    return 0;
}

ControlSet *control_set_free(ControlSet *set)
{
    if (!set)
        return NULL;
    if (set->environment.ledger->userdata == set)
        set->environment.ledger->entered = NULL;
    for (size_t i = 0; i < set->listening_count; i++)
        sd_event_source_disable_unref(set->listening[i]);
    set->listening_count = 0;
    while (set->first)
        control_end(set->first);
    free(set);
    return NULL;
}
