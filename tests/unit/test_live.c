/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/live/live.c on a whole broker: who gets what over a live socket, kills,
 * directories that are added and removed, and machines that take all the connections they can get.
 */

#include "broker_asking.h"

#include "base/json.h"
#include "protocol/client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define APP      "app.service"
#define HOST_WEB "systemd-nspawn@web.service"

/* More connections than one machine may have, and more machines than the total limit allows. */
#define GREEDY   (LIMIT_LIVE_OF_MACHINE * 4)
#define FULL     (LIMIT_LIVE_CONNECTIONS / LIMIT_LIVE_OF_MACHINE)
#define MACHINES (FULL + 4)

static const char *const policy =
    "\"a\": {\"delivery\": \"live\", \"services\": [\"app.service\"]},"
    "\"tpm\": {\"delivery\": \"live\"}, \"any\": {\"delivery\": \"live\"},"
    "\"boot\": {}, \"native\": {\"delivery\": \"native\"}";

/* A broker with web, which has all of that, and db, which has a live "a" of its own. */
static BrokerFixture *new_broker_with(unsigned requests, unsigned window_msec)
{
    static const char *const ids[] = {"a", "any", "boot", "native"};
    BrokerFixture *broker = broker_new();

    broker->config.live_requests = requests;
    broker->config.live_window_usec = (uint64_t)window_msec * 1000;
    for (size_t i = 0; i < COUNT(ids); i++)
        broker_seal(broker, &(SealedFile){"web", ids[i], KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "a", KIND_HOST, 31, NULL, 0});
    write_policy(broker, "web", policy);
    write_policy(broker, "db", "\"a\": {\"delivery\": \"live\"}");
    broker_add_live(broker, "web");
    broker_start(broker);
    broker_wait_live("web");
    broker_add_live(broker, "db");
    return broker;
}

static BrokerFixture *new_broker(void)
{
    return new_broker_with(LIMIT_LIVE_REQUESTS, LIMIT_LIVE_WINDOW_USEC / 1000);
}

/* Returns what MACHINE gets as UNIT, if its socket is its own. */
static Answer ask(const BrokerFixture *broker, const char *machine, const char *unit,
                  const char *id)
{
    return client_read(client_connect_live(broker, machine, unit, id), machine, id, 31);
}

static void test_who_gets_what(void **state)
{
    static const struct {
        const char *machine;
        const char *unit;
        const char *id;
        Answer answer;
        const char *rule;
    } rows[] = {
        {"web", APP, "a", ANSWER_RIGHT, "a service that is named"},
        {"web", "other.service", "a", ANSWER_REFUSED, "a service that is not"},
        {"web", HOST_WEB, "a", ANSWER_REFUSED, "the machine's own unit is none of its services"},
        {"web", "other.service", "any", ANSWER_RIGHT, "no service is named"},
        {"web", "other.service", "tpm", ANSWER_RIGHT, "from the TPM"},
        {"web", APP, "boot", ANSWER_REFUSED, "for boot alone"},
        {"web", APP, "native", ANSWER_REFUSED, "for the service manager alone"},
        {"web", APP, "gone", ANSWER_REFUSED, "not in the policy"},
        {"web", NULL, NULL, ANSWER_REFUSED, "without an address"},
        {"db", APP, "a", ANSWER_RIGHT, "another machine's has its own, of the same name"},
        {"db", HOST_WEB, "any", ANSWER_REFUSED, "a unit that is another machine's"},
        {"none", APP, "a", ANSWER_REFUSED, "a machine without a policy"},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();

    (void)state;
    broker_seal(broker, &(SealedFile){"none", "a", KIND_HOST, 31, NULL, 0});
    broker_add_live(broker, "none");
    for (size_t i = 0; i < COUNT(rows); i++)
        if (ask(broker, rows[i].machine, rows[i].unit, rows[i].id ? rows[i].id : "") !=
            rows[i].answer)
            fail_msg("%s", rows[i].rule);
    /* and the host's service manager gets none of it, because it is outside the machine */
    expect_refused(broker, "web", "a", "not-in-policy the policy of web (");
    assert_int_equal(client_ask(broker, "web", "boot", 31), ANSWER_RIGHT);

    write_policy(broker, "web", "\"a\": 1");
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_REFUSED);
    write_policy(broker, "web", "\"a\": {\"delivery\": \"live\", \"services\": [\"b.service\"]}");
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_REFUSED);
    assert_int_equal(ask(broker, "web", "b.service", "a"), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* The next worker has the accepted connection and the waiting one. It refuses the one that was
 * being answered. */
static void test_worker_is_killed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    unsigned answers[_ANSWER_MAX] = {0};
    pid_t last = 0;

    (void)state;
    broker->shared->tpm_msec = 30;
    for (unsigned i = 0; i < 20; i++) {
        int accepted = client_connect_live(broker, "web", APP, "tpm");
        int waiting;

        wait_msec((unsigned)random() % 10);
        while (broker->shared->worker == last)
            wait_msec(1);
        kill(broker->shared->worker, SIGSTOP);
        waiting = client_connect_live(broker, "db", APP, "a");
        last = broker_kill_worker(broker, last);
        answers[client_read(accepted, "web", "tpm", 31)]++;
        answers[client_read(waiting, "db", "a", 31)]++;
    }
    assert_int_equal(answers[ANSWER_RIGHT] + answers[ANSWER_REFUSED], 40);
    assert_true(answers[ANSWER_RIGHT] > 30);
    assert_int_equal(broker_stop(broker), 0);
    assert_int_equal(broker_records(broker, "refused"),
                     broker_records(broker, "refused interrupted"));
}

static bool is_reset(int fd)
{
    char byte;
    bool reset = read(fd, &byte, 1) < 0 && errno == ECONNRESET;

    close(fd);
    return reset;
}

/* Accepted connections are answered. Without a service manager that keeps the socket, waiting ones
 * get an error, not an end of file that could be taken for an empty answer. */
static ino_t inode_of(const BrokerFixture *broker, const char *file)
{
    struct stat status;

    return stat(test_path(&broker->folder, file), &status) == 0 ? status.st_ino : 0;
}

static void test_supervisor_is_killed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    int accepted, waiting;
    ino_t web, db;

    (void)state;
    broker->shared->tpm_msec = 60000;
    accepted = client_connect_live(broker, "web", APP, "tpm");
    while (broker->shared->tpm_begun == 0)
        wait_msec(1);
    broker_stop_worker(broker);
    waiting = client_connect_live(broker, "db", APP, "a");
    kill(broker->supervisor, SIGKILL);
    assert_int_equal(broker_wait(broker), -SIGKILL);
    kill(broker->shared->worker, SIGCONT);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(accepted, "web", "tpm", 31), ANSWER_RIGHT);
    assert_true(is_reset(waiting));

    /* the dead broker's sockets stay until the next broker replaces them */
    web = inode_of(broker, "live/web/socket");
    db = inode_of(broker, "live/db/socket");
    broker_start(broker);
    while (inode_of(broker, "live/web/socket") == web || inode_of(broker, "live/db/socket") == db)
        wait_msec(1);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(ask(broker, "db", APP, "a"), ANSWER_RIGHT);
}

static int try_reload(const BrokerFixture *broker, Reason *reason)
{
    _cleanup_(client_freep) Client *client = NULL;
    struct json_object *reply = NULL;
    int r;

    assert_int_equal(client_new(test_path(&broker->folder, "control"), NULL, &client), 0);
    r = client_call(client, "Reload", NULL, NULL, reason, &reply);
    json_object_put(reply);
    return r;
}

static void reload(const BrokerFixture *broker)
{
    Reason reason = {0};

    if (try_reload(broker, &reason) != 0)
        fail_msg("%s", reason.text);
}

/* As soon as the one that was just closed is gone. */
static void expect_descriptors(const BrokerFixture *broker, size_t count)
{
    for (unsigned i = 0; i < 20000 && broker_descriptors(broker) != count; i++)
        wait_msec(1);
    assert_int_equal(broker_descriptors(broker), count);
}

static void test_folders(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    struct stat status;
    size_t before;
    int waiting;

    (void)state;
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    broker_wait_idle(broker); /* until the peer has closed the connection, too */
    before = broker_descriptors(broker);
    assert_int_equal(stat(test_path(&broker->folder, "live/web/socket"), &status), 0);
    assert_int_equal(status.st_mode, S_IFSOCK | 0600);

    /* not a machine's directory */
    assert_int_equal(mkdir(test_path(&broker->folder, "live/-no"), 0700), 0);
    assert_int_equal(symlink("web", test_path(&broker->folder, "live/link")), 0);
    test_write_file(test_path(&broker->folder, "live/file"), test_view("x"), 0600);
    reload(broker);
    expect_descriptors(broker, before);
    assert_int_equal(access(test_path(&broker->folder, "live/-no/socket"), F_OK), -1);

    /* a socket that was removed is made anew, in the same directory */
    assert_int_equal(unlink(test_path(&broker->folder, "live/web/socket")), 0);
    reload(broker);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    expect_descriptors(broker, before);

    /* without its directory it is closed */
    kill(broker->shared->worker, SIGSTOP);
    waiting = client_connect_live(broker, "db", APP, "a");
    assert_int_equal(unlink(test_path(&broker->folder, "live/db/socket")), 0);
    assert_int_equal(rmdir(test_path(&broker->folder, "live/db")), 0);
    kill(broker->shared->worker, SIGCONT);
    expect_descriptors(broker, before - 1);
    /* accepted before, or reset */
    if (!is_reset(waiting)) {
        broker_wait_idle(broker);
        assert_int_equal(broker_records(broker, "delivered"), 3);
    }
    broker_add_live(broker, "db");
    assert_int_equal(ask(broker, "db", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

/* How many directory entries all processes can read before a read fails; negative: all of them. */
static atomic_int *readable;

struct dirent *__real_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory);

struct dirent *__wrap_readdir(DIR *directory)
{
    if (*readable == 0) {
        errno = EIO;
        return NULL;
    }
    if (*readable > 0)
        --*readable;
    return __real_readdir(directory);
}

/* A socket is closed when its directory is gone, but not when its directory could not be read. */
static void test_unreadable_entries(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();

    (void)state;
    for (int i = 0; i <= 4; i++) {
        Reason reason = {0};

        *readable = i; /* of ".", "..", "db", "web", and the end */
        assert_true(try_reload(broker, &reason) != 0);
        assert_non_null(strstr(reason.text, "cannot list the directory"));
        *readable = -1;
        assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
        assert_int_equal(ask(broker, "db", APP, "a"), ANSWER_RIGHT);
    }
    reload(broker);
    assert_int_equal(broker->shared->workers, 1);
}

static void expect_waiting(const BrokerFixture *broker, unsigned count)
{
    for (unsigned i = 0; i < 20000 && broker_waiting(broker) != count; i++)
        wait_msec(1);
    assert_int_equal(broker_waiting(broker), count);
}

/* The broker serves COUNT connections that never end, and no more, although it is idle between the
 * host's requests. */
static void expect_served(const BrokerFixture *broker, unsigned count)
{
    for (unsigned i = 0; i < 20000 && broker_waiting(broker) < count; i++)
        wait_msec(1);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(client_ask(broker, "web", "boot", 31), ANSWER_RIGHT);
    assert_int_equal(broker_waiting(broker), count);
}

/* Connections that never read use up their own machine's limit only. */
static void test_greedy_machine(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    int greedy[GREEDY];

    (void)state;
    for (size_t i = 0; i < GREEDY; i++)
        greedy[i] = client_connect_live(broker, "db", "evil.service", "none");
    expect_served(broker, LIMIT_LIVE_OF_MACHINE);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "boot", 31), ANSWER_RIGHT);
    assert_int_equal(broker_records(broker, "refused"), 0);
    /* the next worker has them as well */
    broker_kill_worker(broker, 0);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    for (size_t i = 0; i < GREEDY; i++)
        assert_int_equal(client_read(greedy[i], "db", "none", 0), ANSWER_REFUSED);
    assert_int_equal(ask(broker, "db", APP, "a"), ANSWER_RIGHT);
}

/* Even all of them together leave the host's service manager its share. */
static void test_greedy_machines(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    static int greedy[MACHINES][LIMIT_LIVE_OF_MACHINE];

    (void)state;
    for (size_t i = 0; i < MACHINES; i++) {
        char machine[16];

        snprintf(machine, sizeof(machine), "m%zu", i);
        broker_add_live(broker, machine);
        for (size_t j = 0; j < LIMIT_LIVE_OF_MACHINE; j++)
            greedy[i][j] = client_connect_live(broker, machine, "evil.service", "none");
        if (i + 1 == FULL)
            expect_served(broker, LIMIT_LIVE_CONNECTIONS);
    }
    /* each machine has one place that the others cannot take */
    expect_served(broker, LIMIT_LIVE_CONNECTIONS + MACHINES - FULL);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    for (size_t i = 0; i < MACHINES; i++)
        for (size_t j = 0; j < LIMIT_LIVE_OF_MACHINE; j++)
            close(greedy[i][j]);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* The bytes that came before the end or the first zero after them; closes FD. TOTAL is all. */
static void read_unread(int fd, size_t *ret_nonzero, size_t *ret_total)
{
    static uint8_t bytes[65536];
    ssize_t n;

    *ret_nonzero = *ret_total = 0;
    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != 0 && ++*ret_total)
                *ret_nonzero = *ret_total;
            else
                ++*ret_total;
    assert_int_equal(n, 0);
    close(fd);
}

/* How many of COUNT live connections got their whole secret; the others got more than a unit may
 * have, and the oldest are the others. */
static size_t expect_oldest_gave_way(const int *fds, size_t count)
{
    size_t whole = 0;

    for (size_t i = 0; i < count; i++) {
        size_t nonzero, total;

        read_unread(fds[i], &nonzero, &total);
        if (total == LIMIT_PLAINTEXT_BYTES) {
            whole++;
        } else {
            assert_int_equal(total, LIMIT_REFUSAL_BYTES);
            assert_true(nonzero < LIMIT_PLAINTEXT_BYTES);
            assert_int_equal(whole, 0);
        }
    }
    return whole;
}

/* All of them are in locked memory. Root may lock as much as it likes. */
static bool may_lock(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool locked = memory != MAP_FAILED && mlock(memory, size) == 0;

    return munmap(memory, size) == 0 && locked;
}

/* Secrets that nobody reads: those of a machine, and of all machines, occupy so much memory and no
 * more. The host's are not among them. */
static void test_unread_secrets(void **state)
{
    enum {
        OF_MACHINE = LIMIT_UNREAD_MACHINE / LIMIT_PLAINTEXT_BYTES,
        ALL = LIMIT_UNREAD_BYTES / LIMIT_PLAINTEXT_BYTES,
        GREEDY_MACHINES = ALL / OF_MACHINE + 1,
    };
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    int host, one[LIMIT_LIVE_OF_MACHINE], all[GREEDY_MACHINES * OF_MACHINE];

    (void)state;
    if (!may_lock(LIMIT_UNREAD_BYTES + 4 * LIMIT_PLAINTEXT_BYTES))
        test_skip("a process may not lock that much memory");
    broker_seal(broker, &(SealedFile){"web", "boot", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    for (size_t i = 0; i < GREEDY_MACHINES; i++) {
        char machine[16];

        snprintf(machine, sizeof(machine), "m%zu", i);
        broker_seal(broker, &(SealedFile){machine, "a", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
        write_policy(broker, machine, "\"a\": {\"delivery\": \"live\"}");
        broker_add_live(broker, machine);
    }
    host = client_connect(broker, HOST_WEB, "boot");
    expect_waiting(broker, 1);
    for (unsigned i = 0; i < LIMIT_LIVE_OF_MACHINE; i++) {
        one[i] = client_connect_live(broker, "m0", APP, "a");
        expect_waiting(broker, 2 + i);
    }
    assert_int_equal(expect_oldest_gave_way(one, COUNT(one)), OF_MACHINE);
    expect_waiting(broker, 1);
    for (unsigned i = 0; i < COUNT(all); i++) {
        char machine[16];

        snprintf(machine, sizeof(machine), "m%u", i / OF_MACHINE);
        all[i] = client_connect_live(broker, machine, APP, "a");
        expect_waiting(broker, 2 + i);
    }
    assert_int_equal(expect_oldest_gave_way(all, COUNT(all)), ALL);
    assert_int_equal(client_read(host, "web", "boot", LIMIT_PLAINTEXT_BYTES), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

/* The socket survives a restart, which offers it again: if the service manager took it at first,
 * and if it did not. */
static void check_restart(bool taken)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    ino_t inode;

    broker_seal(broker, &(SealedFile){"web", "a", KIND_HOST, 31, NULL, 0});
    write_policy(broker, "web", policy);
    broker_add_live(broker, "web");
    broker->store_full = !taken;
    broker_manage(broker);
    broker_start(broker);
    broker_wait_live("web");
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    broker_serve_store(broker);
    broker->store_full = false;
    inode = inode_of(broker, "live/web/socket");
    broker_restart(broker);
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(inode_of(broker, "live/web/socket"), inode);
}

static void test_restart(void **state)
{
    (void)state;
    check_restart(false);
    check_restart(true);
}

/* As long as the broker can open nothing, it pauses between attempts, which do not count as many
 * requests. Afterwards everybody is served at once. */
static void test_no_descriptors(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker_with(20, 60000);
    struct rlimit before, none;
    int live, host;

    (void)state;
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(prlimit(broker->shared->worker, RLIMIT_NOFILE, NULL, &before), 0);
    none = (struct rlimit){3, before.rlim_max};
    assert_int_equal(prlimit(broker->shared->worker, RLIMIT_NOFILE, &none, NULL), 0);
    live = client_connect_live(broker, "web", APP, "a");
    wait_msec(500);
    host = client_connect(broker, HOST_WEB, "boot");
    assert_int_equal(prlimit(broker->shared->worker, RLIMIT_NOFILE, &before, NULL), 0);
    assert_int_equal(client_read(host, "web", "boot", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(live, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

/* A machine's requests beyond its rate wait for the next period; no other machine's do. False if
 * that begins before all is checked. */
static bool check_flood(unsigned window_msec)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker_with(20, window_msec);
    uint64_t begin = monotonic_usec();
    bool silent;
    int waiting;

    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(ask(broker, "db", APP, "a"), ANSWER_RIGHT);
    waiting = client_connect_live(broker, "db", APP, "a");
    assert_int_equal(ask(broker, "web", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "boot", 31), ANSWER_RIGHT);
    silent = poll(&(struct pollfd){.fd = waiting, .events = POLLIN}, 1, 300) == 0;
    if (!silent && monotonic_usec() - begin >= (uint64_t)window_msec * 1000) {
        close(waiting);
        return false;
    }
    assert_true(silent);
    assert_int_equal(client_read(waiting, "db", "a", 31), ANSWER_RIGHT);
    assert_int_equal(ask(broker, "db", APP, "a"), ANSWER_RIGHT);
    assert_int_equal(broker_stop(broker), 0);
    assert_int_equal(broker_records(broker, "delivered"), 24);
    return true;
}

static void test_machine_that_floods(void **state)
{
    (void)state;
    if (!check_flood(5000)) /* a machine that is so slow */
        assert_true(check_flood(50000));
}

/* With more containers than sockets allowed, one that goes makes room for another. */
static void test_too_many_machines(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct rlimit files = {2 * LIMIT_LIVE_SOCKETS, 2 * LIMIT_LIVE_SOCKETS};
    size_t sockets = 0;
    Reason reason = {0};
    char name[64];

    (void)state;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        test_skip("a process may not open that many files");
    for (size_t i = 0; i <= LIMIT_LIVE_SOCKETS; i++) {
        snprintf(name, sizeof(name), "live/m%zu", i);
        assert_int_equal(mkdir(test_path(&broker->folder, name), 0700), 0);
    }
    broker_start(broker);
    assert_true(try_reload(broker, &reason) != 0);
    assert_non_null(strstr(reason.text, "there are too many machines"));
    for (size_t i = 0; i <= LIMIT_LIVE_SOCKETS; i++) {
        snprintf(name, sizeof(name), "live/m%zu/socket", i);
        sockets += access(test_path(&broker->folder, name), F_OK) == 0;
    }
    assert_int_equal(sockets, LIMIT_LIVE_SOCKETS);
    assert_int_equal(unlink(test_path(&broker->folder, "live/m7/socket")), 0);
    assert_int_equal(rmdir(test_path(&broker->folder, "live/m7")), 0);
    /* the scan that closes the one may come before the one that makes the other */
    (void)try_reload(broker, &reason);
    reload(broker);
    assert_int_equal(broker->shared->workers, 1);
}

/* The number of waiting connections is bounded for each machine, too. */
static void test_backlog(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int waiting[4 * LIMIT_LIVE_BACKLOG], count = 0;

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s",
             test_path(&broker->folder, "live/db/socket"));
    broker_stop_worker(broker);
    for (; count < (int)COUNT(waiting); count++) {
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(waiting[count], (struct sockaddr *)&address, sizeof(address)) < 0)
            break;
    }
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(count, LIMIT_LIVE_BACKLOG + 1); /* for the kernel, 0 is one */
    for (; count >= 0; count--)
        close(waiting[count]);
    kill(broker->shared->worker, SIGCONT);
}

/* The first of the MORE records after the first COUNT is the host's request. */
static void expect_host_first(const BrokerFixture *broker, unsigned count, unsigned more)
{
    unsigned seen = 0;
    char line[512];
    FILE *file;

    for (unsigned i = 0; i < 20000 && broker_records(broker, "") < count + more; i++)
        wait_msec(1);
    file = fopen(test_path(&broker->folder, "audit"), "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (++seen > count)
            assert_true((strstr(line, "web@boot") != NULL) == (seen == count + 1));
    fclose(file);
    assert_int_equal(seen, count + more);
}

/* Whatever containers do, the host's service manager is served first: before new connections, and
 * before those under way. */
static void test_host_comes_first(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker();
    unsigned records;
    int live[2], host;

    (void)state;
    expect_served(broker, 0);
    records = broker_records(broker, "");
    broker_stop_worker(broker);
    live[0] = client_connect_live(broker, "web", APP, "a");
    host = client_connect(broker, HOST_WEB, "boot");
    live[1] = client_connect_live(broker, "db", APP, "a");
    kill(broker->shared->worker, SIGCONT);
    assert_int_equal(client_read(live[0], "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(live[1], "db", "a", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(host, "web", "boot", 31), ANSWER_RIGHT);
    expect_host_first(broker, records, 3);

    for (size_t i = 0; i < COUNT(live); i++)
        live[i] = client_connect_live(broker, "web", APP, "none");
    expect_served(broker, COUNT(live));
    records = broker_records(broker, "");
    broker_stop_worker(broker);
    close(live[0]);
    host = client_connect(broker, HOST_WEB, "boot");
    close(live[1]);
    kill(broker->shared->worker, SIGCONT);
    assert_int_equal(client_read(host, "web", "boot", 31), ANSWER_RIGHT);
    expect_host_first(broker, records, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_gets_what),
        cmocka_unit_test(test_worker_is_killed),
        cmocka_unit_test(test_supervisor_is_killed),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_greedy_machine),
        cmocka_unit_test(test_greedy_machines),
        cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_machine_that_floods),
        cmocka_unit_test(test_unreadable_entries),
        cmocka_unit_test(test_too_many_machines),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_host_comes_first),
        cmocka_unit_test(test_unread_secrets),
        cmocka_unit_test(test_restart),
    };

    srandom((unsigned)getpid());
    readable =
        mmap(NULL, sizeof(*readable), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (readable == MAP_FAILED)
        return EXIT_FAILURE;
    *readable = -1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
