/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of generated secrets on a whole broker: each is made once and stays the same, whoever asks
 * at the same time and whenever the broker is killed. Mirrors broker/request/generated_secret.c.
 */

#include "broker_asking.h"

#include "credential/format.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define WEB       "systemd-nspawn@web.service"

/* With these, the broker has a TPM and uses real randomness. */
#define GENERATED "{\"generate\": {\"type\": \"hex\", \"bytes\": 32}}"

static BrokerFixture *new_broker(bool has_tpm)
{
    BrokerFixture *broker = broker_new();
    Context context;

    assert_int_equal(context_system(&context), 0);
    broker->context.random = context.random;
    broker->config.tpm_device = has_tpm ? "fake:" : "/nowhere/tpm";
    return broker;
}

/* The kind of web's ID in the store. */
static const char *kind_of(const BrokerFixture *broker, const char *id)
{
    _cleanup_(bytes_done) Bytes file = test_read_file(broker_file(broker, "web", id));
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections sections;

    assert_int_equal(credential_decode(bytes_view(&file), NULL, &raw), 0);
    assert_int_equal(credential_parse(bytes_view(&raw), NULL, &sections), 0);
    return sections.kind->name;
}

static void test_made_once(void **state)
{
    static const struct {
        const char *id;
        size_t size;
    } rows[] = {{"password", 32}, {"token", 16}, {"uuid", 36}, {"x25519", 44}, {"base64", 44}};
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(false);
    Got values[COUNT(rows)];

    (void)state;
    write_policy(broker, "web",
                 "\"password\": {\"generate\": {\"type\": \"password\"}},"
                 "\"token\": {\"generate\": {\"type\": \"hex\", \"bytes\": 8}},"
                 "\"uuid\": {\"generate\": {\"type\": \"uuid\"}},"
                 "\"base64\": {\"generate\": {\"type\": \"base64\"}},"
                 "\"x25519\": {\"generate\": {\"type\": \"x25519\"}},"
                 "\"env\": {\"template\": \"A={{password}} {{token}}\"}");
    broker_start(broker);
    for (size_t i = 0; i < COUNT(rows); i++) {
        values[i] = got_ask(broker, "web", rows[i].id);
        assert_int_equal(values[i].size, rows[i].size);
    }
    assert_int_equal(broker_stop(broker), 0);
    broker_start(broker);
    for (size_t i = 0; i < COUNT(rows); i++) {
        Got again = got_ask(broker, "web", rows[i].id);

        assert_true(got_equal(&values[i], &again));
        assert_string_equal(kind_of(broker, rows[i].id), "host");
    }
    assert_int_equal(got_ask(broker, "web", "env").size, 2 + 32 + 1 + 16);
    assert_int_equal(broker->shared->tpm_sealed + broker->shared->tpm_begun, 0);
    assert_int_equal(broker->shared->workers, 2);
}

/* A value that the administrator stored is used. */
static void test_not_made_if_there(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "a", KIND_HOST, 31, NULL, 0});
    write_policy(broker, "web", "\"a\": " GENERATED);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_sealed, 0);
}

/* All secrets of a machine share one key, including those that are made later or by another
 * broker. */
static void test_one_key_for_all(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);
    char policy[2048] = "", id[16];
    int clients[24];

    (void)state;
    for (size_t i = 0; i < COUNT(clients) + 2; i++)
        sprintf(policy + strlen(policy), "%s\"s%zu\": " GENERATED, i ? "," : "", i);
    write_policy(broker, "web", policy);
    write_policy(broker, "db", policy);
    broker->shared->tpm_msec = 50;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(clients); i++) {
        sprintf(id, "s%zu", i);
        clients[i] = client_connect(broker, WEB, id);
    }
    for (size_t i = 0; i < COUNT(clients); i++)
        assert_int_equal(got_read(clients[i]).size, 64);
    assert_int_equal(broker->shared->tpm_sealed, 1);
    assert_int_equal(broker->shared->tpm_begun, 0);
    assert_string_equal(kind_of(broker, "s7"), "host+tpm2");
    assert_int_equal(got_ask(broker, "web", "s24").size, 64);
    assert_int_equal(broker->shared->tpm_sealed, 1);
    assert_int_equal(broker->shared->tpm_begun, 0);

    assert_int_equal(broker_stop(broker), 0);
    broker_start(broker);
    assert_int_equal(got_ask(broker, "web", "s25").size, 64);
    assert_int_equal(got_ask(broker, "web", "s3").size, 64);
    assert_int_equal(broker->shared->tpm_sealed, 1);
    assert_int_equal(broker->shared->tpm_begun, 1);
    /* and another machine another one */
    assert_int_equal(got_ask(broker, "db", "s0").size, 64);
    assert_int_equal(broker->shared->tpm_sealed, 2);
}

/* Secrets are sealed with what the host has. A key or TPM that should be there but does not work is
 * an error, and is not left out. */
static void test_keys_that_there_are(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);
    _cleanup_(freep) char *key = strdup(broker->config.host_key_path);
    _cleanup_(freep) char *hidden = NULL;

    (void)state;
    assert_true(asprintf(&hidden, "%s.hidden", key) > 0);
    write_policy(broker, "web", "\"a\": " GENERATED ", \"b\": " GENERATED ", \"c\": " GENERATED);
    broker->shared->seal_rc = OUTCOME_TPM_LOCKOUT;
    broker_start(broker);
    expect_refused(broker, "web", "a", "tpm-lockout the fake TPM says so");
    assert_int_equal(access(broker_file(broker, "web", "a"), F_OK), -1);
    broker->shared->seal_rc = 0;
    assert_int_equal(got_ask(broker, "web", "a").size, 64);
    assert_string_equal(kind_of(broker, "a"), "host+tpm2");
    assert_int_equal(broker_stop(broker), 0);

    assert_int_equal(rename(key, hidden), 0);
    broker_start(broker);
    assert_int_equal(got_ask(broker, "web", "b").size, 64);
    assert_string_equal(kind_of(broker, "b"), "tpm2");
    assert_int_equal(broker_wait(broker), 0); /* maybe for one with the key */

    broker->config.tpm_device = "/nowhere/tpm";
    broker_start(broker);
    expect_refused(broker, "web", "c", "host-key-missing ");
    assert_int_equal(broker_wait(broker), 0);
    assert_int_equal(rename(hidden, key), 0);
    broker_start(broker);
    assert_int_equal(got_ask(broker, "web", "c").size, 64);
    assert_string_equal(kind_of(broker, "c"), "host");
}

/* Sealed as the policy requires, or not at all. */
static void test_required_key_types(void **state)
{
    static const char *const types[] = {"host", "tpm2", "host+tpm2"};
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);
    char policy[512] = "";

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++)
        sprintf(policy + strlen(policy),
                "%s\"s%zu\": {\"generate\": {\"type\": \"uuid\"}, \"keyType\": \"%s\"}",
                i ? "," : "", i, types[i]);
    write_policy(broker, "web", policy);
    broker_start(broker);
    for (size_t i = 0; i < COUNT(types); i++) {
        char id[16];

        sprintf(id, "s%zu", i);
        assert_int_equal(got_ask(broker, "web", id).size, 36);
        assert_string_equal(kind_of(broker, id), types[i]);
    }
    assert_int_equal(broker_stop(broker), 0);

    /* no key of another type in its place */
    assert_int_equal(unlink(broker_file(broker, "web", "s2")), 0);
    assert_int_equal(unlink(broker->config.host_key_path), 0);
    broker_start(broker);
    expect_refused(broker, "web", "s2", "host-key-missing ");
}

/* The key of the others no longer opens, so a fresh one is made. */
static void test_shared_key_is_lost(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);

    (void)state;
    write_policy(broker, "web", "\"a\": " GENERATED ", \"b\": " GENERATED);
    broker_start(broker);
    assert_int_equal(got_ask(broker, "web", "a").size, 64);
    assert_int_equal(broker_stop(broker), 0);
    broker->shared->tpm_rc = OUTCOME_TPM_FOREIGN;
    broker_start(broker);
    assert_int_equal(got_ask(broker, "web", "b").size, 64);
    assert_int_equal(broker->shared->tpm_begun, 1);
    assert_int_equal(broker->shared->tpm_sealed, 2);
    expect_refused(broker, "web", "a", "tpm-foreign the fake TPM says so");
}

/* Waits until the file PATH contains EXPECTED. */
static void wait_for_file(const char *path, const Bytes *expected)
{
    for (unsigned i = 0;; i++) {
        _cleanup_(bytes_done) Bytes file = {0};

        if (access(path, F_OK) == 0)
            file = test_read_file(path);
        if (bytes_view_equal(bytes_view(&file), bytes_view(expected)))
            return;
        assert_true(i < 20000);
        wait_msec(1);
    }
}

static void test_public_halves(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(false);
    _cleanup_(freep) char *path = strdup(test_path(&broker->folder, "store/web/key.pub"));
    _cleanup_(bytes_done) Bytes first = {0};
    struct stat status;

    (void)state;
    write_policy(broker, "web", "\"key\": {\"generate\": {\"type\": \"ssh-ed25519\"}}");
    broker_start(broker);
    assert_true(got_ask(broker, "web", "key").size > 300);
    first = test_read_file(path);
    assert_memory_equal(first.data, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", 37);
    assert_memory_equal(first.data + first.size - 9, " web@key\n", 9);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);

    /* missing, or of another key: corrected when the private half is requested */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(unlink(path), 0);
        if (i == 1)
            test_write_file(path, test_view("ssh-ed25519 AAAA web@key\n"), 0644);
        assert_true(got_ask(broker, "web", "key").size > 300);
        wait_for_file(path, &first);
    }
    /* a new pair */
    assert_int_equal(unlink(broker_file(broker, "web", "key")), 0);
    assert_true(got_ask(broker, "web", "key").size > 300);
    {
        _cleanup_(bytes_done) Bytes other = test_read_file(path);

        assert_false(bytes_view_equal(bytes_view(&first), bytes_view(&other)));
    }
}

static void test_store_cannot_be_written(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(false);
    _cleanup_(freep) char *machine = strdup(test_path(&broker->folder, "store/web"));

    (void)state;
    write_policy(broker, "web", "\"a\": " GENERATED);
    test_write_file(machine, test_view(""), 0644);
    broker_start(broker);
    expect_refused(broker, "web", "a", "store-unsafe ");
    assert_int_equal(unlink(machine), 0);
    assert_int_equal(got_ask(broker, "web", "a").size, 64);
}

/* Another writer delays only requests for new secrets. */
static void test_waits_for_the_store_alone(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(false);
    _cleanup_(closep) int lock = -1;
    uint64_t begin;
    int fd;

    (void)state;
    write_policy(broker, "web", "\"a\": " GENERATED ", \"x\": {}");
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    lock = open(broker->config.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    fd = client_connect(broker, WEB, "a");
    begin = monotonic_usec();
    /* and not for as long as the broker waits for the lock */
    for (unsigned i = 0; i < 20 && monotonic_usec() - begin < LIMIT_LOCK_USEC / 4; i++)
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0), 0);
    assert_int_equal(flock(lock, LOCK_UN), 0);
    assert_int_equal(got_read(fd).size, 64);
    assert_int_equal(broker_records(broker, "stored ok"), 1);
}

/* --- searches for a key to share --- */

/* What the test and the broker's processes share. */
static struct Search {
    atomic_bool held;    /* a process that lists a machine's directory in the store waits */
    atomic_int searcher; /* the process that did so last */
    atomic_uint count;   /* how many directories were listed */
} * search;

struct dirent *__real_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory);

struct dirent *__wrap_readdir(DIR *directory)
{
    char link[64], path[256] = "";

    snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd(directory));
    if (search && telldir(directory) == 0 && readlink(link, path, sizeof(path) - 1) > 0 &&
        strstr(path, "/store/web")) {
        search->count++;
        search->searcher = getpid();
        /* not for ever, in case the test fails meanwhile */
        for (unsigned i = 0; search->held && i < 20000; i++)
            wait_msec(1);
    }
    return __real_readdir(directory);
}

/* A broker with web@x, which any client may request, and a search for web@a that is held up. */
static BrokerFixture *start_held_search(int *ret_client)
{
    BrokerFixture *broker = new_broker(true);

    search = mmap(NULL, sizeof(*search), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(search != MAP_FAILED);
    write_policy(broker, "web", "\"a\": " GENERATED ", \"b\": " GENERATED ", \"x\": {}");
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    search->held = true;
    search->count = 0;
    *ret_client = client_connect(broker, WEB, "a");
    for (unsigned i = 0; search->count == 0; i++) {
        assert_true(i < 20000);
        wait_msec(1);
    }
    return broker;
}

/* Only requests for new secrets wait for the search, all for the same one. */
static void test_search_waits_alone(void **state)
{
    int clients[2];
    _cleanup_(broker_freep) BrokerFixture *broker = start_held_search(&clients[0]);

    (void)state;
    clients[1] = client_connect(broker, WEB, "b");
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(search->count, 1);
    search->held = false;
    for (size_t i = 0; i < COUNT(clients); i++)
        assert_int_equal(got_read(clients[i]).size, 64);
    assert_int_equal(search->count, 1);
    assert_int_equal(broker->shared->tpm_sealed, 1);
    assert_int_equal(broker->shared->workers, 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* If the search fails, a fresh key is made. */
static void test_searcher_is_killed(void **state)
{
    int client;
    _cleanup_(broker_freep) BrokerFixture *broker = start_held_search(&client);

    (void)state;
    assert_int_not_equal(search->searcher, broker->shared->worker);
    assert_int_equal(kill(search->searcher, SIGKILL), 0);
    assert_int_equal(got_read(client).size, 64);
    assert_int_equal(broker->shared->tpm_sealed, 1);
    search->held = false;
    assert_int_equal(broker_stop(broker), 0);
}

/* When a client disconnects, its search ends. */
static void test_searcher_is_not_needed(void **state)
{
    int client;
    _cleanup_(broker_freep) BrokerFixture *broker = start_held_search(&client);

    (void)state;
    close(client);
    for (unsigned i = 0; kill(search->searcher, 0) == 0; i++) {
        assert_true(i < 20000);
        wait_msec(1);
    }
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    search->held = false;
    assert_int_equal(got_ask(broker, "web", "b").size, 64);
    assert_int_equal(broker_stop(broker), 0);
}

/* A search that hangs is not the TPM's fault. */
static void test_search_takes_too_long(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);

    (void)state;
    search = mmap(NULL, sizeof(*search), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(search != MAP_FAILED);
    write_policy(broker, "web", "\"a\": " GENERATED);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    broker->config.request_usec = 200 * 1000;
    broker_start(broker);
    search->held = true;
    expect_refused(broker, "web", "a", "timeout the store was not searched for a key within ");
    search->held = false;
    assert_int_equal(broker_stop(broker), 0);
}

/* A store that is locked for too long is not the TPM's fault. */
static void test_waits_so_long(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(false);
    _cleanup_(closep) int lock = -1;

    (void)state;
    write_policy(broker, "web", "\"a\": " GENERATED);
    broker->config.request_usec = 100 * 1000;
    broker_start(broker);
    lock = open(broker->config.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    expect_refused(broker, "web", "a", "timeout the generated secret was not stored within ");
    assert_int_equal(flock(lock, LOCK_UN), 0);
}

/* Many at once, of two containers: one value. */
static void test_many_at_once(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);
    int clients[64];
    Got first;

    (void)state;
    write_policy(broker, "web", "\"a\": " GENERATED);
    write_policy(broker, "db", "\"b\": {\"share\": \"web@a\"}");
    broker->shared->tpm_msec = 20;
    broker_start(broker);
    for (size_t i = 0; i < COUNT(clients); i++)
        clients[i] = i % 2 ? client_connect(broker, "systemd-nspawn@db.service", "b")
                           : client_connect(broker, WEB, "a");
    first = got_read(clients[0]);
    assert_int_equal(first.size, 64);
    for (size_t i = 1; i < COUNT(clients); i++) {
        Got next = got_read(clients[i]);

        assert_true(got_equal(&first, &next));
    }
    assert_int_equal(broker->shared->tpm_sealed, 1);
}

/* The worker is killed at every read of the clock, and at random moments, while values are made:
 * every client that gets a value gets the one that is stored in the end. */
static void test_killed_while_it_makes_them(void **state)
{
    enum { ROUNDS = 60, CLIENTS = 6 };
    _cleanup_(broker_freep) BrokerFixture *broker = new_broker(true);
    unsigned refused = 0, workers;

    (void)state;
    broker->shared->tpm_msec = 1;
    broker_start(broker);
    srand((unsigned)time(NULL));
    for (unsigned round = 0; round < ROUNDS; round++) {
        Got got[CLIENTS], final;
        int clients[CLIENTS];
        char id[16], policy[128];

        sprintf(id, "k%u", round);
        sprintf(policy, "\"%s\": " GENERATED, id);
        write_policy(broker, "web", policy);
        if (round % 2)
            broker->shared->poison = 1 + (unsigned)rand() % 2;
        for (size_t i = 0; i < CLIENTS; i++)
            clients[i] = client_connect(broker, WEB, id);
        if (round % 2 == 0) {
            struct timespec pause = {.tv_nsec = rand() % 20000000};

            nanosleep(&pause, NULL);
            kill(broker->shared->worker, SIGKILL);
        }
        for (size_t i = 0; i < CLIENTS; i++)
            got[i] = got_read(clients[i]);
        broker->shared->poison = 0;
        final = got_ask(broker, "web", id);
        assert_int_equal(final.size, 64);
        for (size_t i = 0; i < CLIENTS; i++) {
            refused += got_refused(&got[i]);
            assert_true(got_refused(&got[i]) || got_equal(&got[i], &final));
        }
    }
    workers = broker->shared->workers;
    print_message("%u workers, %u of %u refused\n", workers, refused, ROUNDS * CLIENTS);
    assert_true(workers > ROUNDS / 2);
    assert_true(refused < ROUNDS * CLIENTS / 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_once),
        cmocka_unit_test(test_not_made_if_there),
        cmocka_unit_test(test_one_key_for_all),
        cmocka_unit_test(test_keys_that_there_are),
        cmocka_unit_test(test_required_key_types),
        cmocka_unit_test(test_shared_key_is_lost),
        cmocka_unit_test(test_public_halves),
        cmocka_unit_test(test_store_cannot_be_written),
        cmocka_unit_test(test_waits_for_the_store_alone),
        cmocka_unit_test(test_waits_so_long),
        cmocka_unit_test(test_search_waits_alone),
        cmocka_unit_test(test_searcher_is_killed),
        cmocka_unit_test(test_searcher_is_not_needed),
        cmocka_unit_test(test_search_takes_too_long),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_killed_while_it_makes_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
