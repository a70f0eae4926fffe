/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the control socket of a whole broker: every method, invalid calls, peers that break the
 * protocol, and that none of it delays the service manager.
 */

#include "control_calls.h"

#include "base/fsutil.h"
#include "control/method.h"
#include "fleet/fleet_status.h"
#include "protocol/frame.h"
#include "protocol/varlink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* --- methods --- */

static void test_status_and_keys(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *before = NULL, *after = NULL, *flushed = NULL;

    (void)state;
    broker_start(broker);
    before = call(broker, "Status", NULL, 0);
    expect_number(before, "delivered", 0);
    expect_number(before, "keys", 0);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_TPM, 31, NULL, 0});
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "missing", 1), ANSWER_REFUSED);
    after = call(broker, "Status", NULL, 0);
    expect_number(after, "delivered", 1);
    expect_number(after, "refused", 1);
    expect_number(after, "waiting", 0);
    expect_number(after, "keys", 1);
    expect_text(after, "store", broker->config.store_path);

    flushed = call(broker, "FlushKeys", NULL, 0);
    expect_number(flushed, "flushed", 1);
    assert_int_equal(broker_records(broker, "flushed ok"), 1);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 2);
    assert_int_equal(broker_stop(broker), 0);
}

static int on_checked(void *userdata, struct json_object *reply)
{
    (void)userdata;
    expect_text(member(reply, "credential"), "outcome", outcome_name(0));
    return 0;
}

static void test_metrics(void **state)
{
    static const struct {
        const char *name, *label;
        double value;
    } rows[] = {
        {"nspawn_creds_requests_total", "delivered", 2},
        {"nspawn_creds_requests_total", "refused", 2},
        {"nspawn_creds_requests_total", "abandoned", 0},
        {"nspawn_creds_outcomes_total", "ok", 2},
        {"nspawn_creds_outcomes_total", "not-found", 1},
        {"nspawn_creds_outcomes_total", "tpm-lockout", 1},
        {"nspawn_creds_request_duration_seconds_bucket", "+Inf", 4},
        {"nspawn_creds_request_duration_seconds_bucket", "60.0", 4},
        {"nspawn_creds_request_duration_seconds_count", NULL, 4},
        {"nspawn_creds_connections_total", NULL, 4},
        {"nspawn_creds_waiting", NULL, 0},
        {"nspawn_creds_stalled", NULL, 0},
        {"nspawn_creds_tpm_operations_total", NULL, 2},
        {"nspawn_creds_tpm_failures_total", NULL, 1},
        {"nspawn_creds_key_hits_total", NULL, 1},
        {"nspawn_creds_keys", NULL, 1},
        {"nspawn_creds_tpm_lockout", NULL, 1},
        {"nspawn_creds_outcomes_total", "expired", 0},
        {"nspawn_creds_outcomes_total", "system-error", 0},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *metrics = NULL, *later = NULL;
    double started;

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_TPM, 31, NULL, 0});
    broker_seal_with(broker, &(SealedFile){"web", "y", KIND_TPM, 31, NULL, 0}, 1);
    broker->shared->tpm_msec = 200;
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "missing", 1), ANSWER_REFUSED);
    broker->shared->tpm_rc = OUTCOME_TPM_LOCKOUT;
    assert_int_equal(client_ask(broker, "web", "y", 31), ANSWER_REFUSED);
    metrics = call(broker, "Metrics", NULL, 0);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (sample_of(metrics, rows[i].name, rows[i].label) != rows[i].value)
            fail_msg("%s: not %g in %s", rows[i].name, rows[i].value,
                     json_object_to_json_string(metrics));
    /* one took longer, and on a busy machine others may */
    assert_true(sample_of(metrics, "nspawn_creds_request_duration_seconds_bucket", "0.1") <= 3);
    assert_true(sample_of(metrics, "nspawn_creds_request_duration_seconds_sum", NULL) >= 0.2);

    broker->shared->tpm_rc = OUTCOME_TPM_FAILED;
    assert_int_equal(client_ask(broker, "web", "y", 31), ANSWER_REFUSED);
    later = call(broker, "Metrics", NULL, 0);
    assert_true(sample_of(later, "nspawn_creds_tpm_lockout", NULL) == 1);
    json_object_put(later);
    broker->shared->tpm_rc = 0;
    assert_int_equal(client_ask(broker, "web", "y", 31), ANSWER_RIGHT);
    later = call(broker, "Metrics", NULL, 0);
    assert_true(sample_of(later, "nspawn_creds_tpm_lockout", NULL) == 0);
    started = sample_of(metrics, "nspawn_creds_start_time_seconds", NULL);
    assert_true(started <= (double)broker->context.now(&broker->context) / 1e6);
    assert_true(sample_of(later, "nspawn_creds_start_time_seconds", NULL) == started);
    assert_int_equal(broker_stop(broker), 0);
}

#define CENTURY_SECONDS UINT64_C(4102444800) /* 2100-01-01 */

/* Seals web@ID, which expires SECONDS after the end of the century. */
static void seal_until(BrokerFixture *broker, const char *id, uint64_t seconds)
{
    broker_seal(broker, &(SealedFile){"web", id, KIND_HOST, 31, NULL,
                                      (CENTURY_SECONDS + seconds) * 1000 * 1000});
}

static void expect_next_expiry(const BrokerFixture *broker, uint64_t seconds)
{
    _cleanup_(json_object_putp) struct json_object *metrics = call(broker, "Metrics", NULL, 0);

    assert_true(sample_of(metrics, "nspawn_creds_next_expiry_timestamp_seconds", NULL) ==
                (double)(CENTURY_SECONDS + seconds));
}

/* The broker knows when what it has opened expires, until the file changes. */
static void test_next_expiry(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *none = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *change = named("web", "a");

    (void)state;
    broker_start(broker);
    client = connect_to(broker);
    seal_until(broker, "a", 100);
    seal_until(broker, "b", 200);
    seal_until(broker, "unopened", 1);
    broker_seal(broker, &(SealedFile){"web", "never", KIND_HOST, 31, NULL, 0});
    assert_int_equal(client_ask(broker, "web", "never", 31), ANSWER_RIGHT);
    none = call(broker, "Metrics", NULL, 0);
    assert_null(strstr(json_object_to_json_string(none), "next_expiry"));

    assert_int_equal(client_ask(broker, "web", "b", 31), ANSWER_RIGHT);
    expect_next_expiry(broker, 200);
    assert_int_equal(client_check(client, named("web", "a"), on_checked, NULL, NULL, NULL), 0);
    expect_next_expiry(broker, 100);
    /* a file that is not stored yet */
    seal_until(broker, "new", 10);
    assert_int_equal(client_check(client, with_file("new", broker_file(broker, "web", "new")),
                                  on_checked, NULL, NULL, NULL),
                     0);
    expect_next_expiry(broker, 100);

    assert_true(json_add(change, "remove", json_object_new_boolean(true)));
    json_object_put(call(broker, "Commit", committing("remove", change), 0));
    expect_next_expiry(broker, 200);
    assert_int_equal(broker_stop(broker), 0);
}

/* Requests in flight are answered; then the broker exits cleanly. */
static void test_restart(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int waiting, queued;

    (void)state;
    broker->shared->tpm_msec = 300;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_TPM, 31, NULL, 0});
    waiting = client_connect(broker, "systemd-nspawn@web.service", "x");
    while (broker->shared->tpm_begun == 0)
        wait_msec(1);
    json_object_put(call(broker, "Restart", NULL, 0));
    queued = client_connect(broker, "systemd-nspawn@web.service", "x");
    assert_int_equal(client_read(waiting, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(broker_wait(broker), 0);
    broker_start(broker);
    assert_int_equal(client_read(queued, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(broker_stop(broker), 0);
}

static int on_unexpected(void *userdata, struct json_object *reply)
{
    (void)userdata;
    fail_msg("%s", json_object_to_json_string(reply));
    return -1;
}

static void test_list_and_describe(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *all = NULL, *one = NULL, *web = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    Reason reason = {0};

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST | KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "y", KIND_HOST, 31, NULL, 0});
    test_write_file(test_path(&broker->folder, "store/web/bad.cred"), test_view("AAAA"), 0640);
    all = list_of(broker, NULL);
    assert_int_equal(json_object_array_length(all), 3);
    expect_text(json_object_array_get_idx(all, 0), "machine", "db");

    web = list_of(broker, "web");
    assert_int_equal(json_object_array_length(web), 2);
    json_object_put(list_of(broker, "nobody"));
    client = connect_to(broker);
    assert_int_equal(
        client_observe(client, "List", named("..", NULL), on_unexpected, NULL, NULL, &reason),
        OUTCOME_INVALID_NAME);
    /* without "more" */
    assert_int_equal(client_call(client, "List", NULL, NULL, &reason, &one), -EPROTO);
    assert_non_null(strstr(reason.text, "ExpectedMore"));

    one = call(broker, "Describe", named("web", "x"), 0);
    expect_text(member(one, "credential"), "kind", "host+tpm2");
    json_object_put(TAKE_PTR(one));
    one = call(broker, "Describe", named("web", "bad"), 0);
    expect_text(member(one, "credential"), "problem", "malformed");
    call(broker, "Describe", named("web", "z"), OUTCOME_NOT_FOUND);
    assert_int_equal(broker_stop(broker), 0);
}

/* The list says what is wrong with what is not in the store, too. */
static void test_list_of_other_sources(void **state)
{
    static const struct {
        const char *id, *problem, *reason;
    } rows[] = {
        {"file", "file-missing", "/nowhere/x"},
        {"sealed", "file-missing", "/nowhere/y"},
        {"share", "not-found", "db@gone: the store does not have it"},
        {"stranger", "not-in-policy", NULL},
        {"text", "file-missing", "web@file: /nowhere/x"},
        {"key", "key-type", "db@h: it is sealed with host, but its policy requires tpm2"},
        {"fine", NULL, NULL},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    write_policy(broker, "web",
                 "{\"credentials\": {\"file\": {\"file\": \"/nowhere/x\"},"
                 " \"sealed\": {\"sealed\": \"/nowhere/y\"}, \"share\": {\"share\": \"db@gone\"},"
                 " \"stranger\": {\"share\": \"db@none\"}, \"text\": {\"template\": \"{{file}}\"},"
                 " \"key\": {\"share\": \"db@h\"}, \"fine\": {\"share\": \"db@y\"}}}");
    write_policy(broker, "db",
                 "{\"credentials\": {\"gone\": {}, \"y\": {}, \"h\": {\"keyType\": \"tpm2\"}}}");
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"db", "y", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "h", KIND_HOST, 31, NULL, 0});
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(json_object_putp) struct json_object *one =
            call(broker, "Describe", named("web", rows[i].id), 0);

        if (!rows[i].problem) {
            assert_null(json_object_object_get(member(one, "credential"), "problem"));
            continue;
        }
        expect_text(member(one, "credential"), "problem", rows[i].problem);
        if (rows[i].reason)
            expect_text(member(one, "credential"), "reason", rows[i].reason);
    }
    assert_int_equal(broker_stop(broker), 0);
}

/* A stored credential is delivered at once, and a removed one no longer. */
static void test_store_and_remove(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct json_object *removal;
    char elsewhere[128];

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    snprintf(elsewhere, sizeof(elsewhere), "%s", test_path(&broker->folder, "elsewhere"));
    assert_int_equal(rename(broker_file(broker, "web", "x"), elsewhere), 0);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    for (int i = 0; i < 2; i++) {
        json_object_put(call(broker, "Commit", committing("set", with_file("x", elsewhere)), 0));
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    }
    for (int i = 0; i < 2; i++) {
        removal = named("web", "x");
        assert_true(json_add(removal, "remove", json_object_new_boolean(true)));
        json_object_put(
            call(broker, "Commit", committing("remove", removal), i == 0 ? 0 : OUTCOME_NOT_FOUND));
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    }
    removal = named("nobody", "x");
    assert_true(json_add(removal, "remove", json_object_new_boolean(true)));
    call(broker, "Commit", committing("remove", removal), OUTCOME_NOT_FOUND);
    call(broker, "Describe", named("web", "x"), OUTCOME_NOT_FOUND);
    assert_int_equal(broker_records(broker, "stored ok"), 2);
    assert_int_equal(broker_records(broker, "removed ok"), 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* --- events --- */

typedef struct Seen {
    const BrokerFixture *broker;
    bool asked;
} Seen;

enum { ENOUGH = 1000 };

/* Causes the next event and checks the last one. More deliveries may come between them. */
static int on_event(void *userdata, struct json_object *reply)
{
    Seen *seen = userdata;
    struct json_object *event = member(reply, "event");

    expect_text(event, "machine", "web");
    if (strcmp(json_object_get_string(member(event, "verdict")), "refused") == 0) {
        assert_true(seen->asked);
        return ENOUGH;
    }
    expect_text(event, "verdict", "delivered");
    if (seen->asked)
        return 0;
    seen->asked = true;
    assert_int_equal(client_ask(seen->broker, "web", "missing", 1), ANSWER_REFUSED);
    return 0;
}

static void test_subscribe(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(client_freep) Client *client = NULL;
    Seen seen = {.broker = broker};
    pid_t asker;

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    call(broker, "Subscribe", NULL, -EPROTO); /* without "more" */
    client = connect_to(broker);
    /* over and over, because no reply says that the subscription has begun */
    asker = fork();
    while (asker == 0) {
        wait_msec(50);
        if (client_ask(broker, "web", "x", 31) != ANSWER_RIGHT)
            _exit(1);
    }
    assert_int_equal(client_observe(client, "Subscribe", NULL, on_event, &seen, NULL, NULL),
                     ENOUGH);
    kill(asker, SIGKILL);
    assert_int_equal(waitpid(asker, NULL, 0), asker);
    assert_int_equal(broker_stop(broker), 0);
}

/* --- calls that are wrong --- */

/* Returns the reply to the message TEXT; "" if the broker hangs up. */
static void say(const BrokerFixture *broker, const char *text, char *reply, size_t size)
{
    _cleanup_(closep) int fd = client_connect_control(broker);
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    BytesView message = {0};

    assert_int_equal(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
    while (!frame_reader_next(&reader, &message)) {
        int r = frame_reader_read(&reader, fd);

        if (r == FRAME_END)
            break;
        if (r != 0)
            fail_msg("%s: no reply (%d)", text, r);
    }
    snprintf(reply, size, "%.*s", (int)message.size, (const char *)message.data);
}

static void test_wrong_calls(void **state)
{
    static const struct {
        const char *message, *reply;
    } rows[] = {
        {"{\"method\":\"org.varlink.service.GetInfo\"}", "io.nspawn-creds.Broker"},
        {"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
         "{\"interface\":\"io.nspawn-creds.Broker\"}}",
         "method FlushKeys()"},
        {"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
         "{\"interface\":\"a.b\"}}",
         "org.varlink.service.InterfaceNotFound"},
        {"{\"method\":\"a.b.C\"}", "InterfaceNotFound\",\"parameters\":{\"interface\":\"a.b\"}"},
        {"{\"method\":\"io.nspawn-creds.Broker.Store\"}", "MethodNotFound"},
        {"{\"method\":\"io.nspawn-creds.Broker.Describe\"}",
         "InvalidParameter\",\"parameters\":{\"parameter\":\"machine\"}"},
        {"{\"method\":\"io.nspawn-creds.Broker.Status\",\"parameters\":{\"x\":1}}",
         "InvalidParameter\",\"parameters\":{\"parameter\":\"x\"}"},
        {"{\"method\":\"io.nspawn-creds.Broker.Subscribe\"}", "ExpectedMore"},
        {"{\"method\":\"io.nspawn-creds.Broker.Describe\",\"parameters\":"
         "{\"machine\":\"web\",\"credential\":\"x\"}}",
         "io.nspawn-creds.Broker.NotFound"},
        {"GET / HTTP/1.1", ""},
        {"{\"method\":\"io.nspawn-creds.Broker.Status\",\"upgrade\":true}", ""},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char reply[16 * 1024];

    (void)state;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(rows); i++) {
        say(broker, rows[i].message, reply, sizeof(reply));
        if (rows[i].reply[0] ? !strstr(reply, rows[i].reply) : reply[0] != '\0')
            fail_msg("%s: %s", rows[i].message, reply);
    }
    assert_int_equal(broker->shared->workers, 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* Several calls in one message are answered in order; a call that wants no reply gets none. */
static void test_a_row_of_calls(void **state)
{
    static const char calls[] =
        "{\"method\":\"io.nspawn-creds.Broker.FlushKeys\",\"oneway\":true}\0"
        "{\"method\":\"io.nspawn-creds.Broker.FlushKeys\"}\0"
        "{\"method\":\"a.b.C\"}";
    static const char *const expected[] = {"flushed", "InterfaceNotFound"};
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    _cleanup_(closep) int fd = -1;

    (void)state;
    broker_start(broker);
    fd = client_connect_control(broker);
    assert_int_equal(send(fd, calls, sizeof(calls), MSG_NOSIGNAL), sizeof(calls));
    for (size_t i = 0; i < COUNT(expected); i++) {
        BytesView message;

        while (!frame_reader_next(&reader, &message))
            assert_int_equal(frame_reader_read(&reader, fd), 0);
        assert_non_null(memmem(message.data, message.size, expected[i], strlen(expected[i])));
    }
    assert_int_equal(broker_stop(broker), 0);
}

/* --- what takes long --- */

static atomic_int *walks; /* shared with the broker */

int __real_fleet_status_list(const Context *context, const char *store, Reason *reason,
                             char ***ret);
int __wrap_fleet_status_list(const Context *context, const char *store, Reason *reason,
                             char ***ret);
int __wrap_fleet_status_list(const Context *context, const char *store, Reason *reason, char ***ret)
{
    if (walks) {
        (*walks)++;
        wait_msec(2000);
    }
    return __real_fleet_status_list(context, store, reason, ret);
}

/* Status and Metrics read the sets of all fleets. Nobody waits for that but who asked. */
static void test_slow_status(void **state)
{
    static const char *const calls[] = {
        "{\"method\":\"" INTERFACE_BROKER ".Status\"}",
        "{\"method\":\"" INTERFACE_BROKER ".Metrics\"}",
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char byte;

    (void)state;
    walks = mmap(NULL, sizeof(*walks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(walks, MAP_FAILED);
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    for (size_t i = 0; i < COUNT(calls); i++) {
        _cleanup_(closep) int fd = client_connect_control(broker);

        assert_int_equal(send(fd, calls[i], strlen(calls[i]) + 1, 0), strlen(calls[i]) + 1);
        while (*walks <= (int)i)
            wait_msec(1);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        assert_int_equal(byte, '{');
    }
    assert_int_equal(broker_stop(broker), 0);
    assert_int_equal(munmap(walks, sizeof(*walks)), 0);
    walks = NULL;
}

/* --- peers that misbehave --- */

static void test_hostile_peers(void **state)
{
    enum { PEERS = (int)LIMIT_CONTROLS + 20 };
    static uint8_t flood[256 * 1024];
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int peers[PEERS];

    (void)state;
    memset(flood, 'x', sizeof(flood));
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    /* more silent connections than the limit: the first ones were closed */
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = client_connect_control(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    json_object_put(call(broker, "Status", NULL, 0));
    assert_int_equal(recv(peers[0], flood, 1, 0), 0);
    assert_int_equal(recv(peers[PEERS - 1], flood, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    /* and one that never ends its message */
    for (size_t sent = 0; sent <= LIMIT_FRAME_BYTES + sizeof(flood); sent += sizeof(flood))
        if (send(peers[PEERS - 1], flood, sizeof(flood), MSG_NOSIGNAL) < 0)
            break;
    assert_true(recv(peers[PEERS - 1], flood, 1, 0) <= 0);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    for (size_t i = 0; i < PEERS; i++)
        close(peers[i]);
    json_object_put(call(broker, "Status", NULL, 0));
    assert_int_equal(broker->shared->workers, 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* A connection whose call a child is answering does not make room for idle ones. */
static void test_busy_connection(void **state)
{
    enum { PEERS = (int)LIMIT_CONTROLS + 20 };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(closep) int lock = -1;
    int busy, peers[PEERS];
    char byte;
    static const char commit[] =
        "{\"method\":\"" INTERFACE_BROKER ".Commit\",\"parameters\":{\"verb\":\"remove\","
        "\"changes\":[{\"machine\":\"web\",\"credential\":\"x\",\"remove\":true}]}}";

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    lock = open(broker->config.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    busy = client_connect_control(broker);
    assert_int_equal(send(busy, commit, sizeof(commit), 0), sizeof(commit));
    json_object_put(call(broker, "Status", NULL, 0)); /* the call before has begun */
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = client_connect_control(broker);
    /* the first ones are closed when all have been accepted */
    assert_int_equal(recv(peers[PEERS - (int)LIMIT_CONTROLS - 1], &byte, 1, 0), 0);
    assert_int_equal(flock(lock, LOCK_UN), 0);
    assert_int_equal(recv(busy, &byte, 1, 0), 1);
    assert_int_equal(byte, '{');
    for (size_t i = 0; i < PEERS; i++)
        close(peers[i]);
    close(busy);
}

/* Sending a byte now and then does not keep a connection; being silent between two calls is
 * allowed. */
static void test_slow_message(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(client_freep) Client *client = NULL;
    _cleanup_(closep) int slow = -1;
    struct json_object *reply;
    unsigned bytes = 0;

    (void)state;
    broker->config.control_usec = 2000 * 1000;
    broker_start(broker);
    client = connect_to(broker);
    slow = client_connect_control(broker);
    while (bytes < 1000 && send(slow, " ", 1, MSG_NOSIGNAL) == 1) {
        bytes++;
        wait_msec(10);
    }
    assert_in_range(bytes, 5, 900);
    assert_int_equal(client_call(client, "Status", NULL, NULL, NULL, &reply), 0);
    json_object_put(reply);
    assert_int_equal(broker_stop(broker), 0);
}

/* A peer with thousands of waiting calls that reads every reply gets them all, and other peers get
 * theirs meanwhile. */
static void test_many_calls(void **state)
{
    static const char one[] = "{\"method\":\"io.nspawn-creds.Broker.FlushKeys\"}";
    enum { CALLS = 2000 };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    _cleanup_(closep) int fd = -1;
    unsigned replies = 0;
    BytesView message;
    pid_t sender;
    int status;

    (void)state;
    broker_start(broker);
    fd = client_connect_control(broker);
    sender = fork();
    if (sender == 0) {
        for (unsigned i = 0; i < CALLS; i++)
            if (send(fd, one, sizeof(one), MSG_NOSIGNAL) != sizeof(one))
                _exit(1);
        _exit(0);
    }
    for (; replies < CALLS; replies++) {
        while (!frame_reader_next(&reader, &message))
            assert_int_equal(frame_reader_read(&reader, fd), 0);
        if (replies % 500 == 0)
            json_object_put(call(broker, "Status", NULL, 0));
    }
    assert_int_equal(waitpid(sender, &status, 0), sender);
    assert_int_equal(status, 0);
    assert_int_equal(broker_stop(broker), 0);
}

/* Sends COUNT calls of FlushKeys. */
static void send_flushes(int fd, unsigned count)
{
    static const char one[] = "{\"method\":\"io.nspawn-creds.Broker.FlushKeys\"}";

    for (unsigned i = 0; i < count; i++)
        if (send(fd, one, sizeof(one), MSG_NOSIGNAL) != sizeof(one))
            fail_msg("the broker closed the connection");
}

static void read_replies(int fd, unsigned count)
{
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    BytesView message;

    for (unsigned i = 0; i < count; i++)
        while (!frame_reader_next(&reader, &message))
            assert_int_equal(frame_reader_read(&reader, fd), 0);
}

/* A peer that has used up its turn waits until no other peer has a call: here another process, with
 * two. */
static void test_many_calls_come_last(void **state)
{
    enum { WAITING = 50 };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(closep) int busy = -1;
    char line[512], of_other[32];
    unsigned seen = 0;
    pid_t other;
    FILE *file;

    (void)state;
    broker_start(broker);
    busy = client_connect_control(broker);
    send_flushes(busy, LIMIT_CONTROL_CALLS);
    read_replies(busy, LIMIT_CONTROL_CALLS);
    broker_stop_worker(broker);
    send_flushes(busy, WAITING);
    other = fork();
    if (other == 0) {
        int fd = client_connect_control(broker);

        send_flushes(fd, 2);
        kill(broker->shared->worker, SIGCONT);
        read_replies(fd, 2);
        _exit(0);
    }
    assert_int_equal(waitpid(other, NULL, 0), other);
    read_replies(busy, WAITING);
    file = fopen(test_path(&broker->folder, "audit"), "re");
    assert_non_null(file);
    snprintf(of_other, sizeof(of_other), "of %d\n", (int)other);
    while (fgets(line, sizeof(line), file)) {
        seen++;
        if (seen > LIMIT_CONTROL_CALLS)
            assert_true((strstr(line, of_other) != NULL) == (seen <= LIMIT_CONTROL_CALLS + 2));
    }
    fclose(file);
    assert_int_equal(seen, LIMIT_CONTROL_CALLS + WAITING + 2);
    assert_int_equal(broker_stop(broker), 0);
}

static void test_not_for_others(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    broker->config.trusted_uid = geteuid() + 1;
    broker_start(broker);
    call(broker, "Status", NULL, OUTCOME_BROKER_UNREACHABLE);
    assert_int_equal(broker_stop(broker), 0);
}

/* When a worker dies, its control connections end, and the next worker serves new ones. */
static void test_a_worker_dies(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *reply = NULL;

    (void)state;
    broker_start(broker);
    client = connect_to(broker);
    assert_int_equal(client_call(client, "Status", NULL, NULL, NULL, &reply), 0);
    json_object_put(reply);
    broker_kill_worker(broker, 0);
    assert_int_equal(client_call(client, "Status", NULL, NULL, NULL, &reply),
                     OUTCOME_BROKER_UNREACHABLE);
    json_object_put(call(broker, "Status", NULL, 0));
    assert_int_equal(broker->shared->workers, 2);
    assert_int_equal(broker_stop(broker), 0);
}

/* --- the interface --- */

static void test_text_and_table_agree(void **state)
{
    size_t count, in_text = 0;
    const Method *methods = method_table(&count);
    static const char *const interfaces[] = {INTERFACE_BROKER, INTERFACE_COURIER,
                                             INTERFACE_SERVICE};

    (void)state;
    for (size_t i = 0; i < COUNT(interfaces); i++) {
        _cleanup_(bytes_done) Bytes text = {0};
        const uint8_t *found;
        size_t offset = 0;

        assert_int_equal(interface_describe(interfaces[i], &text), 0);
        while ((found = memmem(text.data + offset, text.size - offset, "\nmethod ", 8))) {
            in_text++;
            offset = (size_t)(found - text.data) + 8;
        }
        for (size_t j = 0; j < count; j++) {
            char line[64];

            snprintf(line, sizeof(line), "\nmethod %s(", methods[j].name);
            if (strcmp(methods[j].interface, interfaces[i]) == 0)
                assert_non_null(memmem(text.data, text.size, line, strlen(line)));
        }
    }
    assert_int_equal(in_text, count);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_status_and_keys),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_next_expiry),
        cmocka_unit_test(test_list_and_describe),
        cmocka_unit_test(test_list_of_other_sources),
        cmocka_unit_test(test_store_and_remove),
        cmocka_unit_test(test_subscribe),
        cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_a_row_of_calls),
        cmocka_unit_test(test_slow_status),
        cmocka_unit_test(test_hostile_peers),
        cmocka_unit_test(test_busy_connection),
        cmocka_unit_test(test_slow_message),
        cmocka_unit_test(test_many_calls),
        cmocka_unit_test(test_not_for_others),
        cmocka_unit_test(test_many_calls_come_last),
        cmocka_unit_test(test_a_worker_dies),
        cmocka_unit_test(test_text_and_table_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
