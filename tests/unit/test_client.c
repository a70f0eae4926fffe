/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/protocol/client.c with brokers that hang: none makes a caller wait longer than
 * LIMIT_CALL_SECONDS.
 */

#include "support.h"

#include "base/limits.h"
#include "protocol/client.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

/* What is to take LIMIT_CALL_SECONDS takes 50 ms. */
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

/* A broker that accepts nobody; connections wait. */
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

    /* as long as a commit may take, and the one before it */
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reply),
        cmocka_unit_test(test_call_is_not_read),
        cmocka_unit_test(test_nobody_accepts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
