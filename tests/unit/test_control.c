/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the control socket of a whole broker: invalid calls, peers that break the protocol, and
 * that none of it delays the service manager. For the methods see test_counters.c and
 * test_method.c.
 */

#include "control_calls.h"
#include "lingering.h"

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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* The processor time that a process has used, ms. */
static long used_msec(pid_t pid)
{
    char path[64];
    long user, kernel;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file,
                            "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                            &user, &kernel),
                     2);
    fclose(file);
    return (user + kernel) * 1000 / sysconf(_SC_CLK_TCK);
}

/* A broker that can open nothing does not try all the time. */
static void test_no_descriptors(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct rlimit before, none;
    long used;
    int control;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(prlimit(broker->shared->worker, RLIMIT_NOFILE, NULL, &before), 0);
    none = (struct rlimit){3, before.rlim_max};
    assert_int_equal(prlimit(broker->shared->worker, RLIMIT_NOFILE, &none, NULL), 0);
    used = used_msec(broker->shared->worker);
    control = client_connect_control(broker);
    /* so long because a busy machine gives it little */
    for (unsigned i = 0; i < 20 && used_msec(broker->shared->worker) - used < 300; i++)
        wait_msec(100);
    assert_in_range(used_msec(broker->shared->worker) - used, 0, 299);
    assert_int_equal(prlimit(broker->shared->worker, RLIMIT_NOFILE, &before, NULL), 0);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    close(control);
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

/* Shared with the broker. */
static struct Walks {
    atomic_int count; /* those that have begun */
    atomic_bool held; /* they do not go on */
} * walks;

int __real_fleet_status_list(const Context *context, const char *store, Reason *reason,
                             char ***ret);
int __wrap_fleet_status_list(const Context *context, const char *store, Reason *reason,
                             char ***ret);
int __wrap_fleet_status_list(const Context *context, const char *store, Reason *reason, char ***ret)
{
    if (walks) {
        walks->count++;
        /* not for ever, in case the test fails meanwhile */
        for (unsigned i = 0; walks->held && i < 20000; i++)
            wait_msec(1);
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

        walks->held = true;
        assert_int_equal(send(fd, calls[i], strlen(calls[i]) + 1, 0), strlen(calls[i]) + 1);
        while (walks->count <= (int)i)
            wait_msec(1);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
        walks->held = false;
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

/* Starts BROKER. Returns a connection whose call a child is answering, as long as RET_LOCK is open:
 * the lock without which no commit ends. */
static int begin_commit(BrokerFixture *broker, int *ret_lock)
{
    static const char commit[] =
        "{\"method\":\"" INTERFACE_BROKER ".Commit\",\"parameters\":{\"verb\":\"remove\","
        "\"changes\":[{\"machine\":\"web\",\"credential\":\"x\",\"remove\":true}]}}";
    int busy;

    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    *ret_lock = open(broker->config.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(*ret_lock, LOCK_EX), 0);
    busy = client_connect_control(broker);
    assert_int_equal(send(busy, commit, sizeof(commit), 0), sizeof(commit));
    json_object_put(call(broker, "Status", NULL, 0)); /* the call before has begun */
    return busy;
}

/* A connection whose call a child is answering does not make room for idle ones. */
static void test_busy_connection(void **state)
{
    enum { PEERS = (int)LIMIT_CONTROLS + 20 };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(closep) int lock = -1;
    int busy, peers[PEERS];
    char byte;

    (void)state;
    busy = begin_commit(broker, &lock);
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

/* A peer passes a descriptor while its call is being answered, and leaves. Others are served while
 * the kernel still closes it. */
static void test_lingering_descriptor(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(closep) int lock = -1;
    int busy, fd, peer;
    uint64_t begin;

    (void)state;
    busy = begin_commit(broker, &lock);
    fd = lingering_new(&peer);
    pass_fds(busy, &fd, 1);
    close(fd);
    begin = monotonic_usec();
    close(busy);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_true(monotonic_usec() - begin < (LINGER_SECONDS - 5) * UINT64_C(1000000));
    close(peer);
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
        cmocka_unit_test(test_no_descriptors),       cmocka_unit_test(test_restart),
        cmocka_unit_test(test_wrong_calls),          cmocka_unit_test(test_a_row_of_calls),
        cmocka_unit_test(test_slow_status),          cmocka_unit_test(test_hostile_peers),
        cmocka_unit_test(test_lingering_descriptor), cmocka_unit_test(test_busy_connection),
        cmocka_unit_test(test_slow_message),         cmocka_unit_test(test_many_calls),
        cmocka_unit_test(test_not_for_others),       cmocka_unit_test(test_many_calls_come_last),
        cmocka_unit_test(test_a_worker_dies),        cmocka_unit_test(test_text_and_table_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
