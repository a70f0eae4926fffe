/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/protocol/client.c with brokers that hang: none makes a caller wait longer than
 * LIMIT_CALL_SECONDS, and an observer sees that the wait goes on.
 */

#include "support.h"

#include "base/limits.h"
#include "protocol/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

/* LIMIT_CALL_SECONDS pass in 50 ms. */
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    static const struct timeval soon = {.tv_usec = 50 * 1000};
    const struct timeval *time = value;

    assert_int_equal(time->tv_sec, LIMIT_CALL_SECONDS);
    assert_int_equal(size, sizeof(*time));
    return __real_setsockopt(fd, level, name, &soon, sizeof(soon));
}

int __real_poll(struct pollfd *fds, nfds_t count, int msec);
int __wrap_poll(struct pollfd *fds, nfds_t count, int msec);

static unsigned msec_waited;

int __wrap_poll(struct pollfd *fds, nfds_t count, int msec)
{
    assert_true(msec > 0);
    msec_waited += (unsigned)msec;
    return __real_poll(fds, count, 1);
}

typedef struct Listening {
    TestFolder folder;
    int fd;
} Listening;

/* A broker that accepts no connections; they wait. */
static Listening listening(int backlog)
{
    Listening broker = {test_folder(), socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, test_path(&broker.folder, "control"));
    assert_int_equal(bind(broker.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(broker.fd, backlog), 0);
    return broker;
}

static void listening_done(Listening *broker)
{
    close(broker->fd);
    test_folder_remove(&broker->folder);
}

/* A call with a parameter of SIZE bytes. */
static void expect_unreachable(const Listening *broker, size_t size, const char *words)
{
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *parameters = json_object_new_object(), *reply = NULL;
    char *text = calloc(1, size + 1);
    Reason reason = {0};

    assert_non_null(text);
    memset(text, 'x', size);
    json_object_object_add(parameters, "text", json_object_new_string(text));
    free(text);
    assert_int_equal(client_new(test_path(&broker->folder, "control"), NULL, &client), 0);
    assert_int_equal(client_call(client, "Ping", parameters, NULL, &reason, &reply),
                     OUTCOME_BROKER_UNREACHABLE);
    assert_string_equal(reason.text, words);
}

static void test_no_reply(void **state)
{
    _cleanup_(listening_done) Listening broker = listening(8);
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *reply = NULL;

    (void)state;
    msec_waited = 0;
    expect_unreachable(&broker, 1, "the broker did not reply");
    assert_int_equal(msec_waited, LIMIT_CALL_SECONDS * 1000);

    /* as long as a commit and the one before it may take */
    assert_int_equal(client_new(test_path(&broker.folder, "control"), NULL, &client), 0);
    msec_waited = 0;
    assert_int_equal(client_commit(client, NULL, -1, NULL, NULL, &reply),
                     OUTCOME_BROKER_UNREACHABLE);
    assert_int_equal(msec_waited, LIMIT_COMMIT_SECONDS * 1000);
}

static void test_call_is_not_read(void **state)
{
    _cleanup_(listening_done) Listening broker = listening(8);

    (void)state;
    expect_unreachable(&broker, LIMIT_FILE_BYTES, "the broker did not accept the call");
}

static void test_nobody_accepts(void **state)
{
    _cleanup_(listening_done) Listening broker = listening(0);
    const char *path = test_path(&broker.folder, "control");
    _cleanup_(client_freep) Client *first = NULL;
    _cleanup_(client_freep) Client *second = NULL;
    Reason reason = {0};

    (void)state;
    assert_int_equal(client_new(path, NULL, &first), 0);
    assert_int_equal(client_new(path, &reason, &second), OUTCOME_BROKER_UNREACHABLE);
}

/* --- what an observer sees --- */

typedef struct Watched {
    int broker;     /* the broker's end of the connection */
    bool continues; /* the broker replies once more */
    char events[256];
} Watched;

static void add_event(Watched *watched, const char *event)
{
    strncat(watched->events, event, sizeof(watched->events) - strlen(watched->events) - 1);
    strncat(watched->events, ";", sizeof(watched->events) - strlen(watched->events) - 1);
}

static void reply(const Watched *watched)
{
    const char *text =
        watched->continues ? "{\"parameters\":{},\"continues\":true}" : "{\"parameters\":{}}";

    assert_int_equal(write(watched->broker, text, strlen(text) + 1), (ssize_t)strlen(text) + 1);
}

static void on_begin(void *userdata, const char *what)
{
    add_event(userdata, what);
}

/* The broker has not replied until now. */
static void on_tick(void *userdata)
{
    Watched *watched = userdata;

    add_event(watched, "tick");
    reply(watched);
}

static void on_end(void *userdata)
{
    add_event(userdata, "end");
}

static int on_reply(void *userdata, struct json_object *parameters)
{
    Watched *watched = userdata;

    assert_non_null(parameters);
    add_event(watched, "reply");
    watched->continues = false;
    return 0;
}

static void test_observer(void **state)
{
    _cleanup_(listening_done) Listening broker = listening(8);
    _cleanup_(client_freep) Client *client = NULL;
    Watched watched = {.continues = true};
    const Observer observer = {
        .wait_begin = on_begin, .wait_tick = on_tick, .wait_end = on_end, .userdata = &watched};
    struct json_object *parameters = NULL;

    (void)state;
    assert_int_equal(client_new(test_path(&broker.folder, "control"), NULL, &client), 0);
    watched.broker = accept(broker.fd, NULL, NULL);
    assert_true(watched.broker >= 0);
    assert_int_equal(client_observe(client, "List", NULL, on_reply, &watched, &observer, NULL), 0);
    assert_string_equal(watched.events, "the broker;tick;reply;tick;reply;end;");

    watched.events[0] = '\0';
    assert_int_equal(client_call(client, "Status", NULL, &observer, NULL, &parameters), 0);
    assert_string_equal(watched.events, "the broker;tick;end;");
    json_object_put(parameters);

    /* the wait also ends when the broker exits */
    watched.events[0] = '\0';
    close(watched.broker);
    assert_int_equal(client_observe(client, "List", NULL, on_reply, &watched, &observer, NULL),
                     OUTCOME_BROKER_UNREACHABLE);
    assert_string_equal(watched.events, "the broker;end;");
}

/* Each of several replies may take LIMIT_CALL_SECONDS. */
static void test_no_further_reply(void **state)
{
    _cleanup_(listening_done) Listening broker = listening(8);
    _cleanup_(client_freep) Client *client = NULL;
    Watched watched = {.continues = true};
    Reason reason = {0};

    (void)state;
    assert_int_equal(client_new(test_path(&broker.folder, "control"), NULL, &client), 0);
    watched.broker = accept(broker.fd, NULL, NULL);
    assert_true(watched.broker >= 0);
    reply(&watched);
    msec_waited = 0;
    assert_int_equal(client_observe(client, "List", NULL, on_reply, &watched, NULL, &reason),
                     OUTCOME_BROKER_UNREACHABLE);
    assert_string_equal(reason.text, "the broker did not reply");
    assert_string_equal(watched.events, "reply;");
    assert_in_range(msec_waited, LIMIT_CALL_SECONDS * 1000, (LIMIT_CALL_SECONDS + 1) * 1000);
    close(watched.broker);
}

/* --- a broker that never ends its replies --- */

typedef struct Endless {
    int broker;
    Bytes reply;
    size_t count;
} Endless;

static int send_next(void *userdata, struct json_object *parameters)
{
    Endless *endless = userdata;
    BytesView next = bytes_view(&endless->reply);

    assert_non_null(parameters);
    endless->count++;
    assert_int_equal(send(endless->broker, next.data, next.size, MSG_DONTWAIT), next.size);
    return 0;
}

static void test_endless_replies(void **state)
{
    static const char begin[] = "{\"continues\":true,\"parameters\":{\"text\":\"", end[] = "\"}}";
    _cleanup_(listening_done) Listening broker = listening(8);
    _cleanup_(client_freep) Client *client = NULL;
    Endless endless = {0};
    Reason reason = {0};

    (void)state;
    endless.reply = (Bytes){malloc(64 * 1024), 64 * 1024};
    assert_non_null(endless.reply.data);
    memset(endless.reply.data, 'x', endless.reply.size);
    memcpy(endless.reply.data, begin, strlen(begin));
    memcpy(endless.reply.data + endless.reply.size - sizeof(end), end, sizeof(end));
    assert_int_equal(client_new(test_path(&broker.folder, "control"), NULL, &client), 0);
    endless.broker = accept(broker.fd, NULL, NULL);
    assert_true(endless.broker >= 0);
    assert_int_equal(send(endless.broker, endless.reply.data, endless.reply.size, MSG_DONTWAIT),
                     endless.reply.size);
    assert_int_equal(client_observe(client, "List", NULL, send_next, &endless, NULL, &reason),
                     -EMSGSIZE);
    assert_string_equal(reason.text, "the broker's replies exceed 64 MiB: Message too long");
    /* without the NULs */
    assert_int_equal(endless.count, LIMIT_REPLIES_BYTES / (endless.reply.size - 1));
    close(endless.broker);
    bytes_done(&endless.reply);
}

/* The broker's error of the system is shown as it is, and not as one of the protocol. */
static void test_system_error(void **state)
{
    static const char error[] = "{\"error\":\"io.nspawn-creds.Broker.SystemError\",\"parameters\":"
                                "{\"reason\":\"cannot write: No space left on device\"}}";
    _cleanup_(listening_done) Listening broker = listening(8);
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *reply = NULL;
    Reason reason = {0};
    int peer;

    (void)state;
    assert_int_equal(client_new(test_path(&broker.folder, "control"), NULL, &client), 0);
    peer = accept(broker.fd, NULL, NULL);
    assert_true(peer >= 0);
    assert_int_equal(send(peer, error, sizeof(error), 0), sizeof(error));
    assert_int_equal(client_call(client, "Status", NULL, NULL, &reason, &reply), -EPROTO);
    assert_string_equal(reason.text, "the broker failed: cannot write: No space left on device");
    close(peer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reply),         cmocka_unit_test(test_call_is_not_read),
        cmocka_unit_test(test_nobody_accepts),   cmocka_unit_test(test_observer),
        cmocka_unit_test(test_no_further_reply), cmocka_unit_test(test_endless_replies),
        cmocka_unit_test(test_system_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
