/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/request/tpm_job.c on a whole broker: how often the TPM is used, and that requests
 * that share an unsealing get the right secrets.
 */

#include "broker_fixture.h"
#include "tpm_fixture.h"

#include "credential/format.h"
#include "request/tpm_job.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define WEB      "systemd-nspawn@web.service"
#define COUNT_24 24
#define MACHINES 64

static const char *id_of(unsigned number)
{
    static char ids[4][16];
    static unsigned next;
    char *id = ids[next++ % COUNT(ids)];

    snprintf(id, sizeof(ids[0]), "secret-%02u", number);
    return id;
}

/* 24 credentials of web with one sealed key, of both kinds with a TPM. */
static void seal_24(BrokerFixture *broker)
{
    for (unsigned i = 0; i < COUNT_24; i++)
        broker_seal(broker, &(SealedFile){"web", id_of(i), KIND_TPM | (i % 2 ? KIND_HOST : 0U),
                                          10 + i, NULL, 0});
}

static void connect_24(BrokerFixture *broker, int clients[COUNT_24])
{
    for (unsigned i = 0; i < COUNT_24; i++)
        clients[i] = client_connect(broker, WEB, id_of(i));
}

static void expect_24(const int clients[COUNT_24], Answer answer)
{
    for (unsigned i = 0; i < COUNT_24; i++)
        if (clients[i] >= 0)
            assert_int_equal(client_read(clients[i], "web", id_of(i), 10 + i), answer);
}

/* Waits until the worker has begun to serve the requests: until the TPM has been used, or this many
 * times already. */
static void wait_for_tpm(const BrokerFixture *broker, unsigned begun)
{
    for (unsigned i = 0; i < 20000 && broker->shared->tpm_begun < begun; i++)
        wait_msec(1);
    assert_int_equal(broker->shared->tpm_begun, begun);
}

/* Waits until the broker has accepted all 24: a request that it has not accepted waits for no
 * unsealing. */
static void wait_for_24(const BrokerFixture *broker)
{
    for (unsigned i = 0; i < 20000 && broker_waiting(broker) < COUNT_24; i++)
        wait_msec(1);
    assert_int_equal(broker_waiting(broker), COUNT_24);
}

/* The record is written after the connection has ended. */
static void expect_records(const BrokerFixture *broker, const char *words, unsigned count)
{
    for (unsigned i = 0; i < 20000 && broker_records(broker, words) < count; i++)
        wait_msec(1);
    assert_int_equal(broker_records(broker, words), count);
}

static void test_one_unsealing(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[COUNT_24];

    (void)state;
    seal_24(broker);
    broker->shared->tpm_msec = 100;
    broker_start(broker);
    connect_24(broker, clients);
    expect_24(clients, ANSWER_RIGHT);
    /* and one after the other */
    for (unsigned i = 0; i < COUNT_24; i++)
        assert_int_equal(client_ask(broker, "web", id_of(i), 10 + i), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 1);
    assert_int_equal(broker_stop(broker), 0);
}

static void test_asked_again_when_expired(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    seal_24(broker);
    broker->config.key_idle_usec = 100 * 1000;
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", id_of(0), 10), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 1);
    wait_msec(150);
    assert_int_equal(client_ask(broker, "web", id_of(1), 11), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 2);
}

/* One bit of the sealed key in web's credential. */
static void flip_blob(const BrokerFixture *broker, const char *id)
{
    const char *path = broker_file(broker, "web", id);
    _cleanup_(bytes_done) Bytes file = test_read_file(path);
    CredentialSections sections;

    assert_int_equal(credential_parse(bytes_view(&file), NULL, &sections), 0);
    file.data[(size_t)(sections.tpm.blob.data - file.data) + 5] ^= 1;
    test_write_file(path, bytes_view(&file), 0640);
}

static void test_keys_are_told_apart(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[3];

    (void)state;
    for (unsigned i = 0; i < COUNT(clients); i++)
        broker_seal_with(broker, &(SealedFile){"web", id_of(i), KIND_TPM, 31, NULL, 0}, i);
    broker->shared->tpm_msec = 20;
    broker_start(broker);
    for (unsigned i = 0; i < COUNT(clients); i++)
        clients[i] = client_connect(broker, WEB, id_of(i));
    for (unsigned i = 0; i < COUNT(clients); i++)
        assert_int_equal(client_read(clients[i], "web", id_of(i), 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 3);

    flip_blob(broker, id_of(0));
    assert_int_equal(client_ask(broker, "web", id_of(0), 31), ANSWER_REFUSED);
    assert_int_equal(broker->shared->tpm_begun, 4);
    flip_blob(broker, id_of(0));
    assert_int_equal(client_ask(broker, "web", id_of(0), 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 4);
}

/* A failure is for the requests that waited, and not for later ones. */
static void test_failure_is_not_kept(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[COUNT_24];

    (void)state;
    seal_24(broker);
    broker->shared->tpm_msec = 60000;
    broker->shared->tpm_rc = OUTCOME_TPM_BUSY;
    broker_start(broker);
    connect_24(broker, clients);
    wait_for_24(broker);
    broker->shared->tpm_msec = 0;
    expect_24(clients, ANSWER_REFUSED);
    assert_int_equal(broker->shared->tpm_begun, 1);
    expect_records(broker, "refused tpm-busy", COUNT_24);
    broker->shared->tpm_rc = 0;
    assert_int_equal(client_ask(broker, "web", id_of(0), 10), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 2);
}

/* Whichever client disconnects, even the first: the others get their answers from the same
 * unsealing. */
static void test_vanishing_does_not_cancel(void **state)
{
    static const unsigned gone[] = {0, 1, 7, 22, 23};
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[COUNT_24];

    (void)state;
    seal_24(broker);
    broker->shared->tpm_msec = 60000;
    broker_start(broker);
    connect_24(broker, clients);
    wait_for_tpm(broker, 1);
    wait_for_24(broker);
    for (size_t i = 0; i < COUNT(gone); i++) {
        close(clients[gone[i]]);
        clients[gone[i]] = -1;
    }
    expect_records(broker, "abandoned", COUNT(gone));
    broker->shared->tpm_msec = 0;
    expect_24(clients, ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 1);
}

/* The unsealing is finished for later requests. */
static void test_all_vanish(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[COUNT_24];

    (void)state;
    seal_24(broker);
    broker->shared->tpm_msec = 60000;
    broker_start(broker);
    connect_24(broker, clients);
    wait_for_tpm(broker, 1);
    wait_for_24(broker);
    for (unsigned i = 0; i < COUNT_24; i++)
        close(clients[i]);
    expect_records(broker, "abandoned", COUNT_24);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_ask(broker, "web", id_of(0), 10), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 1);
}

/* A TPM that hangs is given up, whether or not a request waits, and the next request gets another
 * unsealing. */
static void test_all_vanish_from_a_hung_tpm(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[COUNT_24];

    (void)state;
    seal_24(broker);
    broker_seal_with(broker, &(SealedFile){"web", "other", KIND_TPM, 31, NULL, 0}, 1);
    broker->shared->tpm_msec = 60000;
    broker->config.tpm_usec = 5000 * 1000;
    broker_start(broker);
    connect_24(broker, clients);
    wait_for_tpm(broker, 1);
    wait_for_24(broker);
    for (unsigned i = 0; i < COUNT_24; i++)
        close(clients[i]);
    clients[0] = client_connect(broker, WEB, "other");
    wait_for_tpm(broker, 2);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(clients[0], "web", "other", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", id_of(0), 10), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 3);
}

/* Requests COUNT credentials of web at once, each with a key of its own. */
static void connect_each(BrokerFixture *broker, int *clients, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        broker_seal_with(broker, &(SealedFile){"web", id_of(i), KIND_TPM, 10 + i, NULL, 0}, i);
    broker_start(broker);
    for (unsigned i = 0; i < count; i++)
        clients[i] = client_connect(broker, WEB, id_of(i));
}

/* All of so many unsealings take longer than a request waits for an answer of the TPM. None does,
 * by far, so that a busy machine may delay it. */
#define SLOW_COUNT        50
#define SLOW_MSEC         70
#define SLOW_REQUEST_USEC (UINT64_C(3) * 1000 * 1000)
_Static_assert(SLOW_COUNT *SLOW_MSEC * 1000 > SLOW_REQUEST_USEC, "the last one waits for longer");

/* The wait in the queue may be longer than the TPM's deadline. */
static void test_slow_tpm_is_waited_for(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[SLOW_COUNT];

    (void)state;
    broker->shared->tpm_msec = SLOW_MSEC;
    broker->config.request_usec = SLOW_REQUEST_USEC;
    connect_each(broker, clients, COUNT(clients));
    for (unsigned i = 0; i < COUNT(clients); i++)
        assert_int_equal(client_read(clients[i], "web", id_of(i), 10 + i), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, COUNT(clients));
}

/* A TPM that refuses is not a TPM that hangs. */
static void test_slow_tpm_that_says_no(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[SLOW_COUNT];

    (void)state;
    broker->shared->tpm_msec = SLOW_MSEC;
    broker->shared->tpm_rc = OUTCOME_TPM_FOREIGN;
    broker->config.request_usec = SLOW_REQUEST_USEC;
    connect_each(broker, clients, COUNT(clients));
    for (unsigned i = 0; i < COUNT(clients); i++)
        assert_int_equal(client_read(clients[i], "web", id_of(i), 10 + i), ANSWER_REFUSED);
    expect_records(broker, "refused tpm-foreign", COUNT(clients));
}

/* If the TPM stops answering in the middle, all remaining requests are given up. */
static void test_tpm_falls_silent(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[8];

    (void)state;
    broker->shared->tpm_answered = 3;
    broker->config.request_usec = SLOW_REQUEST_USEC;
    connect_each(broker, clients, COUNT(clients));
    for (unsigned i = 0; i < COUNT(clients); i++)
        assert_int_equal(client_read(clients[i], "web", id_of(i), 10 + i),
                         i < 3 ? ANSWER_RIGHT : ANSWER_REFUSED);
    expect_records(broker, "refused timeout", COUNT(clients) - 3);
    broker->shared->tpm_answered = 0;
    assert_int_equal(client_ask(broker, "web", id_of(7), 17), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

/* The worker's cached keys die with it; the next worker uses the TPM, once. */
static void test_worker_is_killed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int clients[COUNT_24];
    pid_t last;

    (void)state;
    seal_24(broker);
    broker->shared->tpm_msec = 60000;
    broker_start(broker);
    connect_24(broker, clients);
    wait_for_tpm(broker, 1);
    last = broker_kill_worker(broker, 0);
    broker->shared->tpm_msec = 0;
    expect_24(clients, ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 2);
    /* also with a cached key */
    broker_kill_worker(broker, last);
    assert_int_equal(client_ask(broker, "web", id_of(0), 10), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 3);
    assert_int_equal(broker->shared->workers, 3);
}

/* A host's boot: 64 containers that start at once, each with 24 credentials under a key of its own,
 * and a slow TPM. */
static void test_boot(void **state)
{
    static int clients[MACHINES][COUNT_24];
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct rlimit files = {4096, 4096};
    char machine[16], unit[64];
    struct timespec begin, end;
    unsigned right = 0;

    (void)state;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        test_skip("a process may not open that many files");
    broker->shared->tpm_msec = 40;
    /* a slow machine needs longer than keys are kept */
    broker->config.key_idle_usec = broker->config.key_usec = UINT64_C(3600) * 1000 * 1000;
    /* one process stands in for all containers */
    broker->config.peer_max = broker->config.connections_max;
    for (unsigned m = 0; m < MACHINES; m++)
        for (unsigned i = 0; i < COUNT_24; i++) {
            snprintf(machine, sizeof(machine), "web%u", m);
            broker_seal_with(broker, &(SealedFile){machine, id_of(i), KIND_TPM, 31, NULL, 0}, m);
        }
    broker_start(broker);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (unsigned i = 0; i < COUNT_24; i++)
        for (unsigned m = 0; m < MACHINES; m++) {
            snprintf(unit, sizeof(unit), "systemd-nspawn@web%u.service", m);
            clients[m][i] = client_connect(broker, unit, id_of(i));
        }
    for (unsigned i = 0; i < COUNT_24; i++)
        for (unsigned m = 0; m < MACHINES; m++) {
            snprintf(machine, sizeof(machine), "web%u", m);
            right += client_read(clients[m][i], machine, id_of(i), 31) == ANSWER_RIGHT;
        }
    clock_gettime(CLOCK_MONOTONIC, &end);
    print_message("%d containers with %d credentials each: %u right, %u unsealings, %.1f s\n",
                  MACHINES, COUNT_24, right, broker->shared->tpm_begun,
                  (double)(end.tv_sec - begin.tv_sec) +
                      (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    assert_int_equal(right, MACHINES * COUNT_24);
    assert_int_equal(broker->shared->tpm_begun, MACHINES);
    assert_int_equal(broker->shared->workers, 1);
}

/* --- the queue by itself --- */

#define WAITERS 4

typedef struct Waiter {
    Job *job;
    unsigned told;
    struct Waiter *victim; /* whose job it frees in its callback; NULL: none */
    sd_event *event;       /* the loop that it ends; NULL: none */
    int rc;
} Waiter;

static int fail_unsealing(const char *device, const TpmSealedView *sealed, Reason *reason,
                          Secret **ret_key)
{
    (void)device;
    (void)sealed;
    (void)ret_key;
    return reason_set(reason, OUTCOME_TPM_BUSY, "it is a test");
}

static void on_told(void *userdata, const JobResult *result)
{
    Waiter *waiter = userdata;

    assert_null(result->key);
    waiter->rc = result->rc;
    waiter->told++;
    waiter->job = job_free(waiter->job);
    if (waiter->victim)
        waiter->victim->job = job_free(waiter->victim->job);
    if (waiter->event)
        sd_event_exit(waiter->event, 0);
}

static void queue_new(sd_event *event, const ServerConfig *config, TpmQueue *ret)
{
    *ret = (TpmQueue){.event = event, .config = config};
    assert_int_equal(children_new(event, config, &ret->children), 0);
    assert_int_equal(key_cache_new(event, config, &ret->cache), 0);
}

static void queue_free(TpmQueue *queue)
{
    children_free(queue->children);
    key_cache_free(queue->cache);
}

/* The first waiter frees the job of the last one, which waits for the same unsealing or for the
 * next one. All others get their callbacks, and nothing is freed twice. */
static void test_told_frees_another(void **state)
{
    static uint8_t blobs[2] = {1, 2};
    Context context;

    (void)state;
    assert_int_equal(context_system(&context), 0); /* guarded memory needs it */
    signal(SIGCHLD, SIG_IGN);
    for (size_t victim = 1; victim < WAITERS; victim++) {
        Waiter waiters[WAITERS] = {0};
        ServerConfig config = {.unseal = fail_unsealing, .tpm_usec = LIMIT_TPM_USEC};
        sd_event *event;
        TpmQueue queue;

        assert_true(sd_event_new(&event) >= 0);
        queue_new(event, &config, &queue);
        for (size_t i = 0; i <= victim; i++) {
            TpmSealedView sealed = {.blob = {&blobs[i == WAITERS - 1], 1}};

            assert_int_equal(
                tpm_job_new(&queue, &sealed, NULL, on_told, &waiters[i], &waiters[i].job), 0);
        }
        waiters[0].victim = &waiters[victim];
        waiters[victim - 1].event = event;
        assert_true(sd_event_loop(event) >= 0);
        for (size_t i = 0; i < WAITERS; i++)
            assert_int_equal(waiters[i].rc, waiters[i].told ? OUTCOME_TPM_BUSY : 0);
        for (size_t i = 0; i < WAITERS; i++)
            assert_int_equal(waiters[i].told, i < victim);
        queue_free(&queue);
        sd_event_unref(event);
    }
    signal(SIGCHLD, SIG_DFL);
}

static int unseal_nothing(const char *device, const TpmSealedView *sealed, Reason *reason,
                          Secret **ret_key)
{
    (void)device;
    (void)sealed;
    (void)reason;
    (void)ret_key;
    return 0;
}

/* Success without a key is a failure. */
static void test_no_key(void **state)
{
    static uint8_t blob = 1;
    TpmSealedView sealed = {.blob = {&blob, 1}};
    ServerConfig config = {.unseal = unseal_nothing, .tpm_usec = LIMIT_TPM_USEC};
    Waiter waiter = {0};
    Context context;
    TpmQueue queue;

    (void)state;
    assert_int_equal(context_system(&context), 0);
    signal(SIGCHLD, SIG_IGN);
    assert_true(sd_event_new(&waiter.event) >= 0);
    queue_new(waiter.event, &config, &queue);
    assert_int_equal(tpm_job_new(&queue, &sealed, NULL, on_told, &waiter, &waiter.job), 0);
    assert_true(sd_event_loop(waiter.event) >= 0);
    assert_int_equal(waiter.rc, OUTCOME_TPM_FAILED);
    queue_free(&queue);
    sd_event_unref(waiter.event);
    signal(SIGCHLD, SIG_DFL);
}

/* --- with a software TPM, which has no resource manager --- */

/* What the test and the queue's child share. */
typedef struct Halfway {
    atomic_uint loaded; /* how many children have loaded their object */
    atomic_uint go_on;  /* how many may unseal it */
} Halfway;

static Halfway *halfway;
static const Swtpm *swtpm;

static void stop_halfway(uint32_t command, void *data)
{
    unsigned number;

    (void)data;
    if (command != TPM2_CC_Unseal)
        return;
    number = ++halfway->loaded;
    while (halfway->go_on < number)
        wait_msec(1);
}

static int unseal_slowly(const char *device, const TpmSealedView *sealed, Reason *reason,
                         Secret **ret_key)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r = tap_open(swtpm, &tpm);

    (void)device;
    tap.before = stop_halfway;
    return r != 0 ? r : tpm_unseal(tpm, sealed, reason, ret_key);
}

/* Each is abandoned while its object is in the TPM. The TPM has room for three objects. */
static void test_abandoned_leave_nothing_in_the_tpm(void **state)
{
    ServerConfig config = {.unseal = unseal_slowly,
                           .tpm_usec = LIMIT_TPM_USEC,
                           .key_idle_usec = LIMIT_KEY_USEC,
                           .key_usec = LIMIT_KEY_USEC,
                           .keys_max = LIMIT_KEYS};
    Fixture *fixture = *state;
    sd_event *event;
    TpmQueue queue;

    swtpm = fixture->swtpm;
    halfway =
        mmap(NULL, sizeof(*halfway), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(halfway != MAP_FAILED);
    signal(SIGCHLD, SIG_IGN);
    assert_true(sd_event_new(&event) >= 0);
    queue_new(event, &config, &queue);
    for (unsigned i = 0; i < 5; i++) {
        _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
        _cleanup_(secret_freep) Secret *key = NULL;
        TpmSealedView view;
        Job *job;

        seal(fixture, 0, &sealed, &key);
        view = tpm_sealed_view(&sealed);
        assert_int_equal(tpm_job_new(&queue, &view, NULL, on_told, NULL, &job), 0);
        while (halfway->loaded <= i)
            assert_true(sd_event_run(event, 1000) >= 0);
        job_free(job);
        halfway->go_on++;
        while (children_count(queue.children, CHILD_TPM) > 0)
            assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        assert_nothing_left(fixture);
        assert_true(secret_equal(tpm_queue_key(&queue, &view), key));
    }
    queue_free(&queue);
    sd_event_unref(event);
    signal(SIGCHLD, SIG_DFL);
    munmap(halfway, sizeof(*halfway));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_unsealing),
        cmocka_unit_test(test_asked_again_when_expired),
        cmocka_unit_test(test_keys_are_told_apart),
        cmocka_unit_test(test_failure_is_not_kept),
        cmocka_unit_test(test_vanishing_does_not_cancel),
        cmocka_unit_test(test_all_vanish),
        cmocka_unit_test(test_all_vanish_from_a_hung_tpm),
        cmocka_unit_test(test_slow_tpm_is_waited_for),
        cmocka_unit_test(test_slow_tpm_that_says_no),
        cmocka_unit_test(test_tpm_falls_silent),
        cmocka_unit_test(test_worker_is_killed),
        cmocka_unit_test(test_boot),
        cmocka_unit_test(test_told_frees_another),
        cmocka_unit_test(test_no_key),
    };
    static const struct CMUnitTest with_swtpm[] = {
        with_tpm(test_abandoned_leave_nothing_in_the_tpm),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed ? failed : run_with_swtpm(with_swtpm);
}
