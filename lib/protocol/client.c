/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "protocol/client.h"

#include "base/limits.h"
#include "protocol/frame.h"
#include "protocol/varlink.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

struct Client {
    int fd;
    const char *interface;
    unsigned seconds; /* that client_call() waits */
    FrameReader reader;
};

Client *client_free(Client *client)
{
    if (client) {
        frame_reader_done(&client->reader);
        close_keep_errno(client->fd);
        free(client);
    }
    return NULL;
}

static int unreachable(Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_BROKER_UNREACHABLE, "%s", what);
}

static int connect_to(const char *path, const char *interface, unsigned seconds, Reason *reason,
                      Client **ret)
{
    _cleanup_(client_freep) Client *client = calloc(1, sizeof(*client));
    static const struct timeval time = {.tv_sec = LIMIT_CALL_SECONDS};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (!client)
        return reason_set(reason, -ENOMEM, "cannot call the broker");
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        return reason_set(reason, -errno, "cannot create a socket");
    if (strlen(path) >= sizeof(address.sun_path))
        return reason_set(reason, OUTCOME_USAGE, "%.40s… is too long for the path of a socket",
                          path);
    strcpy(address.sun_path, path);
    /* before connect(), which blocks if the socket's backlog is full */
    if (setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) < 0)
        return reason_set(reason, -errno, "cannot create a socket");
    if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return reason_set(reason, OUTCOME_BROKER_UNREACHABLE, "%s: %s", path, strerror(errno));
    client->interface = interface;
    client->seconds = seconds;
    *ret = TAKE_PTR(client);
    return 0;
}

int client_new(const char *path, Reason *reason, Client **ret)
{
    return connect_to(path, INTERFACE_BROKER, LIMIT_CALL_SECONDS, reason, ret);
}

int client_new_courier(const char *path, Reason *reason, Client **ret)
{
    return connect_to(path, INTERFACE_COURIER, LIMIT_COMMIT_SECONDS, reason, ret);
}

static int send_call(Client *client, const char *method, struct json_object *parameters, bool more,
                     int passed, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *call = NULL;
    _cleanup_(frame_writer_done) FrameWriter writer = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    char name[128];
    int r;

    snprintf(name, sizeof(name), "%s.%s", client->interface, method);
    call = varlink_call_new(name, parameters, more);
    r = call ? json_print(call, &text) : -ENOMEM;
    if (r == 0)
        r = frame_writer_add(&writer, bytes_view(&text));
    if (r == 0)
        r = frame_writer_send(&writer, client->fd, passed);
    if (r == FRAME_BLOCKED)
        return unreachable(reason, "the broker did not accept the call");
    if (r == FRAME_END)
        return unreachable(reason, "the broker closed the connection");
    return r < 0 ? reason_set(reason, r, "cannot call the broker") : 0;
}

/* Waits until there is something to read. */
static int wait_readable(const Client *client, unsigned seconds, const Observer *observer,
                         Reason *reason)
{
    struct pollfd reply = {.fd = client->fd, .events = POLLIN};
    unsigned ticks = 0;
    int r;

    while ((r = poll(&reply, 1, OBSERVER_TICK_MSEC)) <= 0) {
        if (r < 0 && errno != EINTR)
            return reason_set(reason, -errno, "cannot wait for the broker's reply");
        if (r == 0 && ++ticks == seconds)
            return unreachable(reason, "the broker did not reply");
        if (r == 0)
            observer_wait_tick(observer);
    }
    return 0;
}

/* Takes the next reply, of not more than *ROOM bytes, which it takes from there. No part of it may
 * take longer than SECONDS. */
static int receive(Client *client, unsigned seconds, const Observer *observer, Reason *reason,
                   size_t *room, VarlinkReply *ret)
{
    BytesView message;
    int r;

    while (!frame_reader_next(&client->reader, &message)) {
        r = wait_readable(client, seconds, observer, reason);
        if (r != 0)
            return r;
        r = frame_reader_read(&client->reader, client->fd);
        if (r == FRAME_END)
            return unreachable(reason, "the broker closed the connection before it replied");
        if (r < 0)
            return reason_set(reason, r, "cannot read the broker's reply");
    }
    if (message.size > *room)
        return reason_set(reason, -EMSGSIZE, "the broker's replies exceed %zu MiB",
                          LIMIT_REPLIES_BYTES / 1024 / 1024);
    *room -= message.size;
    r = varlink_reply_parse(message, ret);
    return r == 0 ? 0 : reason_set(reason, -EPROTO, "the broker's reply is not valid");
}

/* The reason alone: the outcome's sentence is the same on both sides. */
static int take_error(const VarlinkReply *reply, Reason *reason)
{
    const char *why = varlink_text(reply->parameters, "reason");
    int rc = interface_error_outcome(reply->error);

    if (rc > 0)
        return reason_set(reason, rc, "%s", why ? why : "");
    if (!why)
        why = varlink_text(reply->parameters, "sentence");
    /* an error of the system on the broker's side, which the text names */
    (void)reason_set(reason, 0, "the broker failed: %s", why ? why : reply->error);
    return rc;
}

static int call(Client *client, const char *method, struct json_object *parameters, int passed,
                unsigned seconds, const Observer *observer, Reason *reason,
                struct json_object **ret)
{
    _cleanup_(varlink_reply_done) VarlinkReply reply = {0};
    size_t room = LIMIT_REPLIES_BYTES;
    int r = send_call(client, method, parameters, false, passed, reason);

    if (r != 0)
        return r;
    observer_wait_begin(observer, "the broker");
    r = receive(client, seconds, observer, reason, &room, &reply);
    observer_wait_end(observer);
    if (r != 0)
        return r;
    if (reply.error)
        return take_error(&reply, reason);
    *ret = reply.parameters ? json_object_get(reply.parameters) : json_object_new_object();
    return *ret ? 0 : -ENOMEM;
}

int client_call(Client *client, const char *method, struct json_object *parameters,
                const Observer *observer, Reason *reason, struct json_object **ret)
{
    return call(client, method, parameters, -1, client->seconds, observer, reason, ret);
}

_Static_assert(LIMIT_COMMIT_SECONDS > 2 * (LIMIT_CHILD_USEC / 1000000),
               "a caller waits longer for a commit than the broker");

int client_commit(Client *client, struct json_object *parameters, int fd, const Observer *observer,
                  Reason *reason, struct json_object **ret)
{
    return call(client, "Commit", parameters, fd, LIMIT_COMMIT_SECONDS, observer, reason, ret);
}

static int observe(Client *client, const char *method, struct json_object *parameters,
                   unsigned seconds, int (*each)(void *userdata, struct json_object *reply),
                   void *userdata, const Observer *observer, Reason *reason)
{
    size_t room = LIMIT_REPLIES_BYTES;
    bool continues = true;
    int r = send_call(client, method, parameters, true, -1, reason);

    observer_wait_begin(observer, "the broker");
    while (r == 0 && continues) {
        _cleanup_(varlink_reply_done) VarlinkReply reply = {0};

        r = receive(client, seconds, observer, reason, &room, &reply);
        if (r == 0)
            r = reply.error ? take_error(&reply, reason) : each(userdata, reply.parameters);
        continues = reply.continues;
    }
    observer_wait_end(observer);
    return r;
}

int client_observe(Client *client, const char *method, struct json_object *parameters,
                   int (*each)(void *userdata, struct json_object *reply), void *userdata,
                   const Observer *observer, Reason *reason)
{
    return observe(client, method, parameters, LIMIT_CALL_SECONDS, each, userdata, observer,
                   reason);
}

int client_check(Client *client, struct json_object *parameters,
                 int (*each)(void *userdata, struct json_object *reply), void *userdata,
                 const Observer *observer, Reason *reason)
{
    return observe(client, "Check", parameters, LIMIT_COMMIT_SECONDS, each, userdata, observer,
                   reason);
}
