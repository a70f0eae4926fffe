/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of a whole broker through its socket: right answers, refusals, and waiting. Mirrors
 * broker/request/connection.c.
 */

#include "control_calls.h"

#include "key/host_key.h"
#include "process/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WEB "systemd-nspawn@web.service"

static bool is_silent(int fd, unsigned msec)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};

    return poll(&waiting, 1, (int)msec) == 0;
}

/* The record is written after the connection has ended. */
static void expect_records(const BrokerFixture *broker, const char *words, unsigned count)
{
    for (unsigned i = 0; i < 20000 && broker_records(broker, words) < count; i++)
        wait_msec(1);
    if (broker_records(broker, words) != count)
        fail_msg("%u records \"%s\", not %u", broker_records(broker, words), words, count);
}

static void test_answers(void **state)
{
    static const size_t sizes[] = {1, 31, 4096, 300000, LIMIT_PLAINTEXT_BYTES};
    static const unsigned key_types[] = {KIND_HOST, KIND_TPM, KIND_HOST | KIND_TPM};
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    unsigned count = 0;

    (void)state;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(key_types); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            broker_seal(broker, &(SealedFile){"web", "x", key_types[i], sizes[j], NULL, 0});
            /* requested twice, as the service manager does for each line of the unit */
            assert_int_equal(client_ask(broker, "web", "x", sizes[j]), ANSWER_RIGHT);
            assert_int_equal(client_ask(broker, "web", "x", sizes[j]), ANSWER_RIGHT);
            count += 2;
        }
    expect_records(broker, "delivered ok", count);
    assert_int_equal(broker->shared->workers, 1);
    assert_int_equal(broker_stop(broker), 0);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *unit;
        const char *id;
        const char *records;
        const char *rule;
    } rows[] = {
        {WEB, "missing", "refused not-found", "no such credential"},
        {"systemd-nspawn@nobody.service", "good", "refused not-found", "no such machine"},
        {"systemd-nspawn@mail.service", "good", "refused name-mismatch",
         "another machine's file, copied by hand"},
        {WEB, "renamed", "refused name-mismatch", "sealed as another id"},
        {WEB, "unnamed", "refused name-mismatch", "sealed without a name"},
        {WEB, "expired", "refused expired", "expired"},
        {WEB, "null", "refused unprotected", "sealed with no key"},
        {WEB, "empty", "refused empty", "no secret at all: it would look like a failed delivery"},
        {WEB, "broken", "refused not-authentic", "one bit flipped"},
        {WEB, "cut", "refused malformed", "truncated"},
        {WEB, "void", "refused malformed", "an empty file"},
        {WEB, "link", "refused store-unsafe", "a link"},
        {WEB, "tpm", "refused tpm-pcr-mismatch", "the TPM says no"},
        {"sshd.service", "good", "refused foreign-unit", "no machine's unit"},
        {NULL, "good", "refused invalid-address", "no address"},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(bytes_done) Bytes good = {0};

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "good", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "renamed", KIND_HOST, 31, "web@good", 0});
    broker_seal(broker, &(SealedFile){"web", "unnamed", KIND_HOST, 31, "", 0});
    broker_seal(broker, &(SealedFile){"web", "expired", KIND_HOST, 31, NULL, TEST_NOW - 1});
    broker_seal(broker, &(SealedFile){"web", "null", 0, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "empty", KIND_HOST, 0, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    good = test_read_file(broker_file(broker, "web", "good"));
    assert_int_equal(mkdir(test_path(&broker->folder, "store/mail"), 0750), 0);
    test_write_file(broker_file(broker, "mail", "good"), bytes_view(&good), 0640);
    test_write_file(broker_file(broker, "web", "cut"), (BytesView){good.data, 60}, 0640);
    test_write_file(broker_file(broker, "web", "void"), (BytesView){good.data, 0}, 0640);
    good.data[good.size - 1] ^= 1;
    test_write_file(broker_file(broker, "web", "broken"), bytes_view(&good), 0640);
    assert_int_equal(symlink("good.cred", broker_file(broker, "web", "link")), 0);
    broker->shared->tpm_rc = OUTCOME_TPM_PCR_MISMATCH;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned before = broker_records(broker, rows[i].records);
        Answer answer =
            client_read(client_connect(broker, rows[i].unit, rows[i].id), "web", "good", 31);

        if (answer != ANSWER_REFUSED)
            fail_msg("%s: answer %d", rows[i].rule, answer);
        expect_records(broker, rows[i].records, before + 1);
    }
    assert_int_equal(client_ask(broker, "web", "good", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

static void test_peer_is_not_trusted(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->config.trusted_uid = geteuid() + 1;
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    expect_records(broker, "refused peer-not-root", 1);
}

static void test_store_appears_later(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    assert_int_equal(rmdir(broker->config.store_path), 0);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    expect_records(broker, "refused", 1);
    assert_int_equal(mkdir(broker->config.store_path, 0750), 0);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
}

/* The broker has the newly made key when it is started the next time. */
static void test_host_key_appears_later(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    const char *path = broker->config.host_key_path;
    Secret *key;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "old", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    assert_int_equal(unlink(path), 0);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "tpm", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "old", 31), ANSWER_REFUSED);
    expect_records(broker, "refused host-key-missing", 1);
    assert_int_equal(broker_wait(broker), 0);

    assert_int_equal(host_key_ensure(&broker->context, path, NULL, &key, NULL), 0);
    secret_free(key);
    broker_seal(broker, &(SealedFile){"web", "old", KIND_HOST, 31, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "old", 31), ANSWER_RIGHT);
}

/* Replaces the host key, as "systemd-creds setup" does after somebody has removed it. */
static void make_host_key_anew(BrokerFixture *broker)
{
    Secret *key;

    assert_int_equal(unlink(broker->config.host_key_path), 0);
    assert_int_equal(
        host_key_ensure(&broker->context, broker->config.host_key_path, NULL, &key, NULL), 0);
    secret_free(key);
}

static const char generates[] =
    "{\"credentials\": {\"x\": {}, \"made\": {\"generate\": {\"type\": \"uuid\"}}}}";

/* Nothing is opened or sealed with a key that was replaced; the next broker has the new one. */
static void test_host_key_is_replaced(void **state)
{
    static const char *const asked[] = {"x", "made"};

    (void)state;
    for (size_t i = 0; i < COUNT(asked); i++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

        write_policy(broker, "web", generates);
        broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
        broker_start(broker);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        make_host_key_anew(broker);
        broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
        assert_int_equal(client_ask(broker, "web", asked[i], 31), ANSWER_REFUSED);
        expect_records(broker, "refused interrupted", 1);
        assert_int_equal(access(broker_file(broker, "web", "made"), F_OK), -1);
        assert_int_equal(broker_wait(broker), 0);

        broker_start(broker);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    }
}

/* The request that finds a replaced key is not refused because of it: the next broker answers it,
 * also while this one waits for the TPM. */
static void test_next_broker_has_the_key(void **state)
{
    static const struct {
        const char *id;
        Answer answer;
    } rows[] = {
        {"new", ANSWER_RIGHT},
        {"old", ANSWER_REFUSED},
        {"made", ANSWER_WRONG}, /* a value that no test can know */
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int fds[COUNT(rows)], tpm;

    (void)state;
    write_policy(broker, "web",
                 "{\"credentials\": {\"new\": {}, \"old\": {}, \"tpm\": {},"
                 "\"made\": {\"generate\": {\"type\": \"uuid\"}}}}");
    broker->config.tpm_device = "/nowhere/tpm";
    broker->config.restart_usec = 50 * 1000;
    broker->shared->tpm_msec = 60000;
    broker_seal(broker, &(SealedFile){"web", "old", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_manage(broker);
    broker_start(broker);
    tpm = client_connect(broker, WEB, "tpm");
    make_host_key_anew(broker);
    broker_seal(broker, &(SealedFile){"web", "new", KIND_HOST, 31, NULL, 0});
    for (size_t i = 0; i < COUNT(rows); i++)
        fds[i] = client_connect(broker, WEB, rows[i].id);
    assert_int_equal(broker_wait(broker), SUPERVISOR_AGAIN);

    broker->shared->tpm_msec = 0;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(client_read(fds[i], "web", rows[i].id, 31), rows[i].answer);
    assert_int_equal(client_read(tpm, "web", "tpm", 31), ANSWER_RIGHT);
    assert_int_equal(broker_records(broker, "refused interrupted"), 0);
    expect_records(broker, "refused not-authentic", 1);
}

/* What the old key has sealed opens until the end; nothing more is sealed with it. */
static void test_host_key_is_removed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    write_policy(broker, "web", generates);
    broker->config.tpm_device = "/nowhere/tpm";
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(unlink(broker->config.host_key_path), 0);
    assert_int_equal(client_ask(broker, "web", "made", 36), ANSWER_REFUSED);
    expect_records(broker, "refused host-key-missing", 1);
    assert_int_equal(access(broker_file(broker, "web", "made"), F_OK), -1);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
}

/* The broker refuses the key as the commands do, until its owner and mode are right. */
static void test_host_key_is_unsafe(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    const char *path = broker->config.host_key_path;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(chmod(path, 0440), 0);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    expect_records(broker, "refused host-key-unsafe", 1);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
}

static BrokerFixture *new_with_hung_tpm(void)
{
    BrokerFixture *broker = broker_new();

    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal_with(broker, &(SealedFile){"web", "other", KIND_TPM, 31, NULL, 0}, 1);
    broker_seal_with(broker, &(SealedFile){"web", "last", KIND_TPM, 31, NULL, 0}, 2);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->shared->tpm_msec = 60000;
    return broker;
}

/* A TPM that does not answer delays only requests that need it. */
static void test_tpm_hangs(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_with_hung_tpm();
    int first;

    (void)state;
    broker_start(broker);
    first = client_connect(broker, WEB, "tpm");
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_true(is_silent(first, 0));
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(first, "web", "tpm", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

static void expect_given_up(BrokerFixture *broker, const char *words)
{
    int first, second;

    broker_start(broker);
    first = client_connect(broker, WEB, "tpm");
    second = client_connect(broker, WEB, "other");
    assert_int_equal(client_read(first, "web", "tpm", 31), ANSWER_REFUSED);
    assert_int_equal(client_read(second, "web", "other", 31), ANSWER_REFUSED);
    expect_records(broker, words, 2);

    /* what works may take its time */
    broker->shared->config.tpm_usec = LIMIT_TPM_USEC;
    broker->shared->config.request_usec = LIMIT_REQUEST_USEC;
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_ask(broker, "web", "tpm", 31), ANSWER_RIGHT);
    broker->shared->tpm_rc = -1;
    assert_int_equal(client_ask(broker, "web", "last", 31), ANSWER_REFUSED);
    expect_records(broker, "refused tpm-failed", 1);
    assert_int_equal(broker->shared->workers, 1);
}

/* Each of the two deadlines ends the wait by itself. */
static void test_tpm_is_given_up(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_with_hung_tpm();

    (void)state;
    broker->config.tpm_usec = 300 * 1000;
    expect_given_up(broker, "refused tpm-unreachable");
}

static void test_request_is_given_up(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_with_hung_tpm();

    (void)state;
    broker->config.request_usec = 300 * 1000;
    expect_given_up(broker, "refused timeout");
}

/* Clients of a queued, the running and the last unsealing go: the running one is finished, the
 * others never begin. */
static void test_client_vanishes(void **state)
{
    static const char *const ids[] = {"a", "b", "c"};
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[COUNT(ids)];

    (void)state;
    for (unsigned i = 0; i < COUNT(ids); i++)
        broker_seal_with(broker, &(SealedFile){"web", ids[i], KIND_TPM, 31, NULL, 0}, i);
    broker->shared->tpm_msec = 60000;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(ids); i++)
        clients[i] = client_connect(broker, WEB, ids[i]);
    while (broker->shared->tpm_begun == 0)
        wait_msec(1);
    close(clients[1]);
    expect_records(broker, "abandoned", 1);
    close(clients[0]);
    expect_records(broker, "abandoned", 2);
    close(clients[2]);
    expect_records(broker, "abandoned", 3);
    assert_int_equal(broker->shared->tpm_begun, 1);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 1);
    assert_int_equal(client_ask(broker, "web", "b", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 2);
}

/* Programs that read more than the service manager get more zeros, from the next worker, too; but
 * no container does. */
static void test_size_of_a_refusal(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char byte;
    int fd;

    (void)state;
    broker_add_live(broker, "web");
    broker_start(broker);
    broker_wait_live("web");
    assert_int_equal(test_read_all(client_connect(broker, WEB, "missing")), LIMIT_REFUSAL_BYTES);
    assert_int_equal(test_read_all(client_connect(broker, NULL, "missing")),
                     LIMIT_FOREIGN_REFUSAL_BYTES);
    assert_int_equal(test_read_all(client_connect_live(broker, "web", WEB, "missing")),
                     LIMIT_REFUSAL_BYTES);
    assert_int_equal(test_read_all(client_connect_live(broker, "web", NULL, "missing")),
                     LIMIT_REFUSAL_BYTES);
    fd = client_connect(broker, NULL, "missing");
    assert_int_equal(read(fd, &byte, 1), 1);
    broker_kill_worker(broker, 0);
    assert_true(test_read_all(fd) >= LIMIT_FOREIGN_REFUSAL_BYTES);
}

/* Clients that disconnect in the middle of a secret and of a refusal. */
static void test_client_vanishes_while_it_reads(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[2];
    char bytes[1000];

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    broker_start(broker);
    clients[0] = client_connect(broker, WEB, "x");
    clients[1] = client_connect(broker, WEB, "missing");
    for (size_t i = 0; i < COUNT(clients); i++) {
        assert_int_equal(read(clients[i], bytes, sizeof(bytes)), sizeof(bytes));
        close(clients[i]);
    }
    expect_records(broker, "abandoned ok", 1);
    /* which is how the service manager takes a refusal */
    expect_records(broker, "refused not-found", 1);
    assert_int_equal(client_ask(broker, "web", "x", LIMIT_PLAINTEXT_BYTES), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

/* A client that stops reading still gets its answer later, and delays nobody. */
static void test_client_does_not_read(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int secret;
    int refusal;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "small", KIND_HOST, 31, NULL, 0});
    broker->config.request_usec = 50 * 1000;
    broker_start(broker);
    secret = client_connect(broker, WEB, "x");
    refusal = client_connect(broker, WEB, "missing");
    assert_int_equal(client_ask(broker, "web", "small", 31), ANSWER_RIGHT);
    /* the deadline is for the start of an answer */
    wait_msec(100);
    expect_records(broker, "", 1);
    assert_int_equal(client_read(secret, "web", "x", LIMIT_PLAINTEXT_BYTES), ANSWER_RIGHT);
    assert_int_equal(client_read(refusal, "web", "x", 31), ANSWER_REFUSED);
    expect_records(broker, "", 3);
}

/* Unread refusals and secrets delay nobody; only refusals are given up. */
static void test_stalled_clients(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int refusals[6], secrets[3];

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "large", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->config.connections_max = 4;
    broker->config.stalled_max = 8;
    broker->config.peer_stalled_max = 4;
    broker->config.stall_usec = 20 * 1000;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(secrets); i++)
        secrets[i] = client_connect(broker, WEB, "large");
    for (size_t i = 0; i < COUNT(refusals); i++)
        refusals[i] = client_connect(broker, WEB, "missing");
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    /* nine of one peer are five too many */
    expect_records(broker, "refused not-found", 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(client_read(refusals[i], "web", "x", 0), ANSWER_WRONG);
    assert_int_equal(client_read(refusals[5], "web", "x", 0), ANSWER_REFUSED);
    for (size_t i = 0; i < COUNT(secrets); i++)
        assert_int_equal(client_read(secrets[i], "web", "large", LIMIT_PLAINTEXT_BYTES),
                         ANSWER_RIGHT);
    expect_records(broker, "delivered ok", 4);
    assert_int_equal(broker->shared->workers, 1);
}

/* Reads METRICS from the broker. */
static double sample(const BrokerFixture *broker, const char *name)
{
    _cleanup_(json_object_putp) struct json_object *metrics = call(broker, "Metrics", NULL, 0);

    return sample_of(metrics, name, NULL);
}

/* Waits until this many peers have stalled. */
static void expect_stalled(const BrokerFixture *broker, unsigned count)
{
    for (unsigned i = 0; i < 20000 && sample(broker, "nspawn_creds_stalled") < count; i++)
        wait_msec(1);
    assert_int_equal(sample(broker, "nspawn_creds_stalled"), count);
}

/* Requests a missing credential twice, reads no answer, and waits to be killed. */
static pid_t start_stalled_peer(const BrokerFixture *broker)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (unsigned i = 0; i < 2; i++)
            client_connect(broker, WEB, "missing");
        for (;;)
            pause();
    }
    return pid;
}

/* Of several peers, none of which has too many, the oldest refusals are given up. */
static void test_too_many_stalled_refusals(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    pid_t peers[3];

    (void)state;
    broker->config.stalled_max = 4;
    broker->config.stall_usec = 20 * 1000;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(peers); i++)
        peers[i] = start_stalled_peer(broker);
    expect_records(broker, "refused not-found", 2);
    expect_stalled(broker, 4);
    for (size_t i = 0; i < COUNT(peers); i++) {
        kill(peers[i], SIGKILL);
        assert_int_equal(waitpid(peers[i], NULL, 0), peers[i]);
    }
    expect_records(broker, "refused not-found", 6);
    assert_int_equal(broker->shared->workers, 1);
}

/* Unread secrets count, too, when there are too many. */
static void test_too_many_stalled_secrets(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int secrets[4], waiting;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "large", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->config.connections_max = 2;
    broker->config.stalled_max = 2;
    broker->config.stall_usec = 20 * 1000;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(secrets); i++)
        secrets[i] = client_connect(broker, WEB, "large");
    waiting = client_connect(broker, WEB, "x");
    expect_stalled(broker, COUNT(secrets));
    /* which the broker must have noticed before it accepts more */
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(sample(broker, "nspawn_creds_connections_total"), COUNT(secrets));
    assert_true(is_silent(waiting, 0));
    assert_int_equal(client_read(secrets[0], "web", "large", LIMIT_PLAINTEXT_BYTES), ANSWER_RIGHT);
    assert_int_equal(client_read(waiting, "web", "x", 31), ANSWER_RIGHT);
    for (size_t i = 1; i < COUNT(secrets); i++)
        assert_int_equal(client_read(secrets[i], "web", "large", LIMIT_PLAINTEXT_BYTES),
                         ANSWER_RIGHT);
}

static void test_greedy_client(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int slow[2];

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->shared->tpm_msec = 60000;
    broker->config.peer_max = 2;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(slow); i++)
        slow[i] = client_connect(broker, WEB, "tpm");
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    expect_records(broker, "refused too-many", 1);
    close(slow[0]);
    expect_records(broker, "abandoned ok", 1);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    close(slow[1]);
}

static void test_connection_limit(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int slow[2];
    int waiting;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->shared->tpm_msec = 60000;
    broker->config.connections_max = 2;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(slow); i++)
        slow[i] = client_connect(broker, WEB, "tpm");
    waiting = client_connect(broker, WEB, "x");
    assert_true(is_silent(waiting, 200));
    close(slow[0]);
    assert_int_equal(client_read(waiting, "web", "x", 31), ANSWER_RIGHT);
    close(slow[1]);
}

/* Hundreds of requests at once, more than are served at the same time. */
static void test_burst(void **state)
{
    static int clients[2 * LIMIT_CONNECTIONS / 3];
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_HOST | KIND_TPM, 31, NULL, 0});
    broker_start(broker);
    for (size_t i = 0; i < COUNT(clients); i++)
        clients[i] = client_connect(broker, WEB, "tpm");
    for (size_t i = 0; i < COUNT(clients); i++)
        assert_int_equal(client_read(clients[i], "web", "tpm", 31), ANSWER_RIGHT);
    expect_records(broker, "delivered ok", COUNT(clients));
    assert_int_equal(broker->shared->workers, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_peer_is_not_trusted),
        cmocka_unit_test(test_store_appears_later),
        cmocka_unit_test(test_host_key_appears_later),
        cmocka_unit_test(test_host_key_is_replaced),
        cmocka_unit_test(test_next_broker_has_the_key),
        cmocka_unit_test(test_host_key_is_removed),
        cmocka_unit_test(test_host_key_is_unsafe),
        cmocka_unit_test(test_tpm_hangs),
        cmocka_unit_test(test_tpm_is_given_up),
        cmocka_unit_test(test_request_is_given_up),
        cmocka_unit_test(test_client_vanishes),
        cmocka_unit_test(test_size_of_a_refusal),
        cmocka_unit_test(test_client_vanishes_while_it_reads),
        cmocka_unit_test(test_client_does_not_read),
        cmocka_unit_test(test_stalled_clients),
        cmocka_unit_test(test_too_many_stalled_refusals),
        cmocka_unit_test(test_too_many_stalled_secrets),
        cmocka_unit_test(test_greedy_client),
        cmocka_unit_test(test_connection_limit),
        cmocka_unit_test(test_burst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
