/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/process/supervisor.c and handover.c on a whole broker: whichever process is
 * killed, no client gets an empty, truncated or foreign answer.
 */

#include "broker_asking.h"
#include "lingering.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define WEB     "systemd-nspawn@web.service"
#define CLIENTS 8
#define KILLS   200

/* What the clients of a stress test request in turn: each takes another path through the broker. */
static const SealedFile wanted[] = {
    {"web", "small", KIND_HOST, 31, NULL, 0},
    {"mail", "page", KIND_HOST, 4096, NULL, 0},
    {"web", "large", KIND_HOST, 300000, NULL, 0}, /* more than a socket holds */
    {"mail", "tpm", KIND_HOST | KIND_TPM, 100, NULL, 0},
    {"web", "small", KIND_HOST, 31, NULL, 0},
    {"web", "tpm", KIND_TPM, 200000, NULL, 0},
};

typedef struct Tally {
    atomic_bool stop;
    atomic_uint answers[_ANSWER_MAX];
    atomic_uint refused_rightly; /* requested, but does not exist */
} Tally;

typedef struct Stress {
    BrokerFixture *broker;
    Tally *tally;
    pid_t clients[CLIENTS];
} Stress;

static void run_client(const BrokerFixture *broker, Tally *tally, unsigned number)
{
    for (unsigned i = number; !tally->stop; i++) {
        const SealedFile *file = &wanted[i % COUNT(wanted)];

        tally->answers[client_ask(broker, file->machine, file->id, file->size)]++;
        if (i % 16 == 0 && client_ask(broker, "web", "missing", 1) == ANSWER_REFUSED)
            tally->refused_rightly++;
    }
}

static void stress_begin(Stress *stress)
{
    *stress = (Stress){.broker = broker_new()};
    stress->tally =
        mmap(NULL, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(stress->tally != MAP_FAILED);
    for (size_t i = 0; i < COUNT(wanted); i++)
        broker_seal(stress->broker, &wanted[i]);
    stress->broker->shared->tpm_msec = 2;
    broker_start(stress->broker);
    for (unsigned i = 0; i < CLIENTS; i++) {
        stress->clients[i] = fork();
        assert_true(stress->clients[i] >= 0);
        if (stress->clients[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            run_client(stress->broker, stress->tally, i);
            _exit(EXIT_SUCCESS);
        }
    }
}

/* Ends the clients and checks what they got. */
static void stress_end(Stress *stress, const char *what)
{
    atomic_uint *answers = stress->tally->answers;

    stress->tally->stop = true;
    for (unsigned i = 0; i < CLIENTS; i++) {
        int status;

        assert_int_equal(waitpid(stress->clients[i], &status, 0), stress->clients[i]);
        assert_int_equal(status, 0);
    }
    print_message("%s: %u right, %u refused, %u empty, %u wrong, %u without an end\n", what,
                  answers[ANSWER_RIGHT], answers[ANSWER_REFUSED], answers[ANSWER_EMPTY],
                  answers[ANSWER_WRONG], answers[ANSWER_NONE]);
    assert_int_equal(answers[ANSWER_EMPTY], 0);
    assert_int_equal(answers[ANSWER_WRONG], 0);
    assert_int_equal(answers[ANSWER_NONE], 0);
    assert_true(answers[ANSWER_RIGHT] > 0);
    assert_true(stress->tally->refused_rightly > 0);
    for (size_t i = 0; i < COUNT(wanted); i++)
        assert_int_equal(
            client_ask(stress->broker, wanted[i].machine, wanted[i].id, wanted[i].size),
            ANSWER_RIGHT);
    munmap(stress->tally, sizeof(Tally));
    broker_free(stress->broker);
}

static void wait_usec(unsigned usec)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)usec * 1000}, NULL);
}

/* Before a kill. Every other time a client must get its secret, however slow the machine is. */
static void let_it_work(const Stress *stress, unsigned kill)
{
    const atomic_uint *right = &stress->tally->answers[ANSWER_RIGHT];
    unsigned before = *right;

    wait_usec((unsigned)random() % 20000);
    while (kill % 2 && *right == before)
        wait_msec(1);
}

static void test_worker_is_killed(void **state)
{
    Stress stress;
    pid_t last = 0;

    (void)state;
    stress_begin(&stress);
    for (unsigned i = 0; i < KILLS; i++) {
        let_it_work(&stress, i);
        last = broker_kill_worker(stress.broker, last);
    }
    stress_end(&stress, "worker killed");
}

static void test_supervisor_is_killed(void **state)
{
    Stress stress;

    (void)state;
    stress_begin(&stress);
    for (unsigned i = 0; i < KILLS; i++) {
        let_it_work(&stress, i);
        broker_kill_supervisor(stress.broker);
        broker_start(stress.broker);
    }
    stress_end(&stress, "supervisor killed");
}

/* As by `systemctl stop` and `start`, and the worker killed in the middle of it. */
static void test_stop(void **state)
{
    Stress stress;

    (void)state;
    stress_begin(&stress);
    for (unsigned i = 0; i < KILLS / 2; i++) {
        let_it_work(&stress, i);
        kill(stress.broker->supervisor, SIGTERM);
        if (i % 4 > 1)
            kill(stress.broker->shared->worker, SIGKILL);
        assert_int_equal(broker_wait(stress.broker), 0);
        broker_start(stress.broker);
    }
    stress_end(&stress, "stopped");
}

/* Both are killed, one right after the other: the standby answers. */
static void test_both_are_killed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
        unsigned workers;
        int waiting, status;

        broker_seal(broker, &(SealedFile){"web", "x", KIND_TPM, 31, NULL, 0});
        /* so long that only the next worker's unsealing finishes */
        broker->shared->tpm_msec = 60000;
        broker_start(broker);
        waiting = client_connect(broker, WEB, "x");
        while (broker->shared->tpm_begun == 0)
            wait_msec(1);
        workers = broker->shared->workers;
        kill(broker->shared->worker, SIGKILL);
        broker->shared->tpm_msec = 10;
        if (i % 2)
            wait_usec((unsigned)random() % 3000);
        kill(broker->supervisor, SIGKILL);
        assert_int_equal(broker_wait(broker), -SIGKILL);
        assert_int_equal(client_read(waiting, "web", "x", 31), ANSWER_RIGHT);
        assert_true(broker->shared->workers > workers);
        /* it ends when that is done */
        assert_int_equal(waitpid(broker->shared->worker, &status, 0), broker->shared->worker);
        assert_int_equal(status, 0);
    }
}

/* A request that crashes the worker harms only itself. */
static void test_poison(void **state)
{
    static const int signals[] = {SIGKILL, SIGABRT};

    (void)state;
    for (size_t i = 0; i < COUNT(signals); i++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

        broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
        broker->shared->poison_signal = signals[i];
        broker_start(broker);
        broker->shared->poison = 1000;
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
        assert_int_equal(broker->shared->workers, 1 + LIMIT_HANDOVERS);
        assert_int_equal(broker->shared->poison, 1000 - LIMIT_HANDOVERS);
        broker->shared->poison = 0;
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        assert_int_equal(broker_records(broker, "refused interrupted"), 1);
    }
}

/* Requests that wait meanwhile are served normally. */
static void test_poison_among_others(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int others[20];
    int poisoned;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "page", KIND_HOST, 4096, NULL, 0});
    broker_start(broker);
    broker_stop_worker(broker);
    broker->shared->poison = LIMIT_HANDOVERS;
    poisoned = client_connect(broker, WEB, "x");
    for (size_t i = 0; i < COUNT(others); i++)
        others[i] = client_connect(broker, WEB, "page");
    kill(broker->shared->worker, SIGCONT);
    assert_int_equal(client_read(poisoned, "web", "x", 31), ANSWER_REFUSED);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(client_read(others[i], "web", "page", 4096), ANSWER_RIGHT);
}

static void wait_for_first_byte(int fd)
{
    struct pollfd answer = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&answer, 1, 20000), 1);
}

/* Killed between the first and the last byte: the rest is a refusal, whatever the first bytes
 * were. (Otherwise a part of a short secret and the whole of it would together be less than a
 * refusal.) */
static void test_killed_while_it_answers(void **state)
{
    static const size_t sizes[] = {300000, LIMIT_PLAINTEXT_BYTES};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
        int secret, refusal;

        broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, sizes[i], NULL, 0});
        broker_start(broker);
        secret = client_connect(broker, WEB, "x");
        refusal = client_connect(broker, WEB, "missing");
        wait_for_first_byte(secret);
        wait_for_first_byte(refusal);
        broker_kill_worker(broker, 0);
        assert_int_equal(client_read(secret, "web", "x", sizes[i]), ANSWER_REFUSED);
        assert_int_equal(client_read(refusal, "web", "missing", 0), ANSWER_REFUSED);
        assert_int_equal(client_ask(broker, "web", "x", sizes[i]), ANSWER_RIGHT);
    }
}

/* When the broker is stopped, requests that wait for the TPM are finished by whichever process is
 * left. */
static void test_drains(void **state)
{
    enum { TERM, TERM_AND_KILL, KILL_SUPERVISOR, _WAYS_MAX };

    (void)state;
    for (int way = 0; way < _WAYS_MAX; way++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
        int client;
        int late;

        broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
        broker->shared->tpm_msec = 60000;
        broker_start(broker);
        client = client_connect(broker, WEB, "tpm");
        while (broker->shared->tpm_begun == 0)
            wait_msec(1);
        kill(broker->supervisor, way == KILL_SUPERVISOR ? SIGKILL : SIGTERM);
        broker_wait_draining(broker);
        if (way == TERM_AND_KILL)
            broker_kill_worker(broker, 0);
        /* comes too late, and waits for the next broker */
        late = client_connect(broker, WEB, "tpm");
        broker->shared->tpm_msec = 0;
        assert_int_equal(client_read(client, "web", "tpm", 31), ANSWER_RIGHT);
        assert_int_equal(broker_wait(broker), way == KILL_SUPERVISOR ? -SIGKILL : 0);
        if (way == KILL_SUPERVISOR)
            assert_int_equal(waitpid(broker->shared->worker, NULL, 0), broker->shared->worker);
        assert_int_equal(broker_records(broker, "delivered"), 1);
        broker_start(broker);
        assert_int_equal(client_read(late, "web", "tpm", 31), ANSWER_RIGHT);
    }
}

static void test_drain_has_an_end(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int client;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker->shared->tpm_msec = 60000;
    broker->config.drain_usec = 200 * 1000;
    broker_start(broker);
    client = client_connect(broker, WEB, "tpm");
    while (broker->shared->tpm_begun == 0)
        wait_msec(1);
    assert_int_equal(kill(broker->supervisor, SIGTERM), 0);
    assert_int_equal(client_read(client, "web", "tpm", 31), ANSWER_REFUSED);
    assert_int_equal(broker_wait(broker), 0);
    assert_int_equal(broker_records(broker, "refused timeout"), 1);
}

/* Until its unsealing has begun. */
static int connect_waiting(const BrokerFixture *broker, const char *id)
{
    unsigned begun = broker->shared->tpm_begun;
    int client = client_connect(broker, WEB, id);

    while (broker->shared->tpm_begun == begun)
        wait_msec(1);
    return client;
}

/* Before a restart, what waits for the TPM goes to the next broker, however often; and so does what
 * nobody reads, and is refused there. */
static void test_restart(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int waiting, unread, refused;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "large", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    broker->shared->tpm_msec = 60000;
    broker->config.stall_usec = broker->config.restart_usec = 50 * 1000;
    broker_manage(broker);
    broker_start(broker);
    unread = client_connect(broker, WEB, "large");
    refused = client_connect(broker, WEB, "missing");
    wait_for_first_byte(unread);
    wait_for_first_byte(refused);
    waiting = connect_waiting(broker, "tpm");
    for (unsigned i = 0; i < 2 * LIMIT_HANDOVERS; i++) {
        unsigned begun = broker->shared->tpm_begun;

        broker_restart(broker);
        for (unsigned k = 0; broker->shared->tpm_begun == begun; k++) {
            assert_true(k < 20000);
            wait_msec(1);
        }
    }
    broker->shared->tpm_msec = 0;
    broker_restart(broker);
    assert_int_equal(client_read(waiting, "web", "tpm", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(unread, "web", "large", LIMIT_PLAINTEXT_BYTES), ANSWER_REFUSED);
    assert_int_equal(client_read(refused, "web", "missing", 0), ANSWER_REFUSED);
    assert_int_equal(broker_records(broker, "refused timeout"), 0);
}

/* All three at the same moment, and before the supervisor, which is stopped, could tell the service
 * manager anything. The next broker answers those that wait, and refuses those that were half sent.
 */
static void test_all_are_killed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int waiting, live, unread, refused;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "large", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "tpm", KIND_TPM, 31, NULL, 0});
    write_policy(broker, "db", "\"tpm\": {\"delivery\": \"live\"}");
    broker->shared->tpm_msec = 60000;
    broker_add_live(broker, "db");
    broker_manage(broker);
    broker_start(broker);
    broker_wait_live("db");
    unread = client_connect(broker, WEB, "large");
    refused = client_connect(broker, WEB, "missing");
    wait_for_first_byte(unread);
    wait_for_first_byte(refused);
    broker_serve_store(broker);
    kill(broker->supervisor, SIGSTOP);
    waiting = connect_waiting(broker, "tpm");
    live = client_connect_live(broker, "db", "app.service", "tpm");
    while (broker_waiting(broker) < 4)
        wait_msec(1);
    for (unsigned i = 0; i < LIMIT_HANDOVERS - 1; i++) {
        broker_kill_all(broker);
        broker_start(broker);
    }
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(waiting, "web", "tpm", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(live, "db", "tpm", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(unread, "web", "large", LIMIT_PLAINTEXT_BYTES), ANSWER_REFUSED);
    assert_int_equal(client_read(refused, "web", "missing", 0), ANSWER_REFUSED);
    broker_stop(broker);
}

/* Waits until those that are left when the supervisor is dead are gone. PID 1 sends them a signal,
 * but they end without one, too. */
static void end_orphans(BrokerFixture *broker, int signal)
{
    char path[64];
    FILE *file;
    int pid;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    file = fopen(path, "re");
    assert_non_null(file);
    while (fscanf(file, "%d", &pid) == 1)
        kill(pid, signal);
    fclose(file);
    for (unsigned i = 0; (pid = waitpid(-1, NULL, WNOHANG)) >= 0; i++) {
        broker_serve_store(broker);
        wait_msec(1);
        assert_true(i < 20000);
    }
}

/* The service manager listens to the supervisor alone. When that is dead, also during a restart,
 * the others answer what they can, refuse the rest, and are gone in time although a peer does not
 * read. */
static void test_supervisor_is_gone(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
        int waiting, unread;

        broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
        broker->shared->tpm_msec = 60000;
        broker->config.restart_usec = broker->config.drain_usec = 200 * 1000;
        broker_manage(broker);
        broker_start(broker);
        unread = client_connect(broker, WEB, "missing");
        wait_for_first_byte(unread);
        waiting = connect_waiting(broker, "tpm");
        if (restarts)
            kill(broker->shared->worker, SIGINT);
        kill(broker->supervisor, SIGKILL);
        assert_int_equal(broker_wait(broker), -SIGKILL);
        assert_int_equal(client_read(waiting, "web", "tpm", 31), ANSWER_REFUSED);
        end_orphans(broker, restarts ? 0 : SIGTERM);
        close(unread);
        broker->shared->tpm_msec = 0;
        broker_start(broker);
        assert_int_equal(client_ask(broker, "web", "tpm", 31), ANSWER_RIGHT);
    }
}

/* As long as the service manager may not have a connection, the broker stays and answers it. */
static void test_restart_without_store(void **state)
{
    enum { FULL, SMALL, SLOW, _WAYS_MAX };

    (void)state;
    for (int way = 0; way < _WAYS_MAX; way++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
        int waiting, unread;

        broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
        broker->shared->tpm_msec = 60000;
        broker->config.stall_usec = broker->config.restart_usec = 50 * 1000;
        broker->manager_msec = way == SLOW ? 20 : broker->manager_msec;
        broker->store_full = way == FULL;
        broker->store_slow = way == SLOW;
        broker_manage(broker);
        if (way == SMALL)
            setenv("FDSTORE", "2", 1); /* both connections, and not one more */
        broker_start(broker);
        unread = client_connect(broker, WEB, "missing");
        wait_for_first_byte(unread);
        waiting = connect_waiting(broker, "tpm");
        kill(broker->supervisor, SIGINT);
        /* until the next worker is to answer it */
        for (unsigned i = 0; i < 20000 && broker->shared->workers == 1; i++) {
            broker_serve_store(broker);
            wait_msec(1);
        }
        broker->shared->tpm_msec = 0;
        assert_int_equal(client_read(waiting, "web", "tpm", 31), ANSWER_RIGHT);
        assert_int_equal(waitpid(broker->supervisor, NULL, WNOHANG), 0);
        assert_int_equal(client_read(unread, "web", "missing", 0), ANSWER_REFUSED);
        assert_int_equal(broker_wait(broker), 0);
    }
}

/* Nothing waits for ever for a service manager that reads no messages. */
static void test_manager_is_busy(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_(closep) int full = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_manage(broker);
    broker->manager_busy = true;
    broker->manager_msec = 20;
    strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
    assert_int_equal(connect(full, (struct sockaddr *)&address, sizeof(address)), 0);
    while (send(full, "X=1", 3, 0) > 0)
        ;
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    broker_kill_worker(broker, 0);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
}

/* The epoll instances, timers and pipes of dead workers do not accumulate. */
static void test_nothing_is_left_open(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    size_t before;
    pid_t last = 0;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    broker_wait_idle(broker);
    before = broker_descriptors(broker);
    for (unsigned i = 0; i < 10; i++) {
        int client;

        broker->shared->tpm_msec = 60000;
        client = connect_waiting(broker, "tpm");
        last = broker_kill_worker(broker, last);
        broker->shared->tpm_msec = 0;
        assert_int_equal(client_read(client, "web", "tpm", 31), ANSWER_RIGHT);
        last = broker_kill_worker(broker, last); /* and with it the cached key */
    }
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    for (unsigned i = 0; i < 20000 && broker_descriptors(broker) > before; i++)
        wait_msec(1);
    assert_in_range(broker_descriptors(broker), 1, before);
}

/* A peer can pass descriptors that take long to close. Nobody else waits for that: neither when the
 * connection ends, nor when the one before it in the shelter does, nor at the start of the next
 * broker. */
static void test_descriptors_that_linger(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int peers[2];

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->shared->tpm_msec = 60000;
    broker_manage(broker);
    broker_start(broker);
    for (size_t i = 0; i < COUNT(peers); i++) {
        int before = i == 0 ? connect_waiting(broker, "tpm") : -1;
        int fd = lingering_new(&peers[i]);
        int evil = client_connect_open(broker, WEB, "tpm");
        uint64_t begin;

        pass_fds(evil, &fd, 1);
        close(fd);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT); /* evil is accepted */
        if (i == 1)
            broker_kill_all(broker);
        close(evil);
        begin = monotonic_usec();
        if (i == 1)
            broker_start(broker);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        while (broker_records(broker, "abandoned") == 0)
            wait_msec(1);
        wait_msec(300); /* until its child is gone */
        close(before);
        wait_msec(20);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        assert_true(monotonic_usec() - begin < (LINGER_SECONDS - 5) * UINT64_C(1000000));
    }
    close(peers[0]);
    close(peers[1]);
    broker_stop(broker);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_is_killed),
        cmocka_unit_test(test_supervisor_is_killed),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_both_are_killed),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_poison_among_others),
        cmocka_unit_test(test_killed_while_it_answers),
        cmocka_unit_test(test_drains),
        cmocka_unit_test(test_drain_has_an_end),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_all_are_killed),
        cmocka_unit_test(test_supervisor_is_gone),
        cmocka_unit_test(test_restart_without_store),
        cmocka_unit_test(test_manager_is_busy),
        cmocka_unit_test(test_nothing_is_left_open),
        cmocka_unit_test(test_descriptors_that_linger),
    };

    srandom((unsigned)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
