/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/client/store_client.c with a whole broker, without one, and with one that loses its
 * replies: a commit is made once, and leaves one audit entry for each credential.
 */

#include "broker_fixture.h"
#include "store_put.h"

#include "client/store_client.h"
#include "store/history.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { CHANGES = 3 };

/* Entries that the client itself writes. */
static unsigned own_entries;

static void count_entry(AuditSink *sink, const AuditRecord *record)
{
    (void)sink;
    (void)record;
    own_entries++;
}

static AuditSink own_sink = {.write = count_entry};

static StoreClient client_of(const BrokerFixture *broker)
{
    static char control[128];
    StoreClient store = {.path = broker->config.store_path, .control = control, .audit = &own_sink};

    own_entries = 0;
    snprintf(control, sizeof(control), "%s", test_path(&broker->folder, "control"));
    assert_int_equal(store_new(broker->config.store_path, NULL, &store.store), 0);
    return store;
}

/* Files for web@k0, web@k1 and so on, which are not in the store. */
static void seal_changes(BrokerFixture *broker, Bytes files[CHANGES], StoreChange changes[CHANGES])
{
    char id[8];

    for (size_t i = 0; i < CHANGES; i++) {
        snprintf(id, sizeof(id), "k%zu", i);
        broker_seal(broker, &(SealedFile){"web", id, KIND_HOST, 40 + i, NULL, 0});
        files[i] = test_read_file(broker_file(broker, "web", id));
        assert_int_equal(unlink(broker_file(broker, "web", id)), 0);
        changes[i] = (StoreChange){.sealed = bytes_view(&files[i])};
        assert_int_equal(credential_name_new("web", id, NULL, &changes[i].name), 0);
    }
}

static void expect_all_delivered(const BrokerFixture *broker)
{
    char id[8];

    for (size_t i = 0; i < CHANGES; i++) {
        snprintf(id, sizeof(id), "k%zu", i);
        assert_int_equal(client_ask(broker, "web", id, 40 + i), ANSWER_RIGHT);
    }
}

static void files_done(Bytes files[CHANGES])
{
    for (size_t i = 0; i < CHANGES; i++)
        bytes_done(&files[i]);
}

static void test_by_the_broker_and_without(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(store_client_done) StoreClient store = client_of(broker);
    StoreChange changes[CHANGES];
    Bytes files[CHANGES];

    (void)state;
    seal_changes(broker, files, changes);
    broker_start(broker);
    assert_int_equal(store_client_commit(&store, changes, CHANGES, "set", NULL), 0);
    expect_all_delivered(broker);
    assert_int_equal(broker_records(broker, "stored ok"), CHANGES);
    assert_int_equal(own_entries, 0);
    /* a commit that the broker refuses is not made without it */
    changes[0].precondition = STORE_ABSENT;
    assert_int_equal(store_client_commit(&store, changes, 1, "set", NULL), OUTCOME_EXISTS);
    assert_int_equal(own_entries, 0);

    /* one that uses another store is not asked */
    store.path = "/another/store";
    assert_int_equal(store_client_commit(&store, changes, 1, "set", NULL), OUTCOME_EXISTS);
    assert_int_equal(store_client_commit(&store, changes + 1, 1, "set", NULL), 0);
    assert_int_equal(own_entries, 1);
    own_entries = 0;

    store.path = broker->config.store_path;
    store.control = "/nowhere/control";
    changes[0] = (StoreChange){.name = changes[0].name, .remove = true};
    assert_int_equal(store_client_commit(&store, changes, 1, "remove", NULL), 0);
    assert_int_equal(own_entries, 1);
    assert_int_equal(client_ask(broker, "web", "k0", 40), ANSWER_REFUSED);
    files_done(files);
    assert_int_equal(broker_stop(broker), 0);
}

static void expect_history(const StoreClient *store, const CredentialName *name, const char *verb,
                           size_t count, BytesView newest)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    _cleanup_(bytes_done) Bytes left = {0}, right = {0};

    assert_int_equal(store_read_history(store->store, name, NULL, &history), 0);
    assert_int_equal(history.count, count);
    if (count > 0) {
        assert_string_equal(history.values[0].verb, verb);
        assert_int_equal(credential_decode(bytes_view(&history.values[1].sealed), NULL, &left), 0);
        assert_int_equal(credential_decode(newest, NULL, &right), 0);
        assert_true(bytes_view_equal(bytes_view(&left), bytes_view(&right)));
    }
}

/* By the broker, and then without it, which counts by itself. */
static void test_history(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(store_client_done) StoreClient store = client_of(broker);
    _cleanup_(store_history_done) StoreHistory history = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    StoreChange changes[CHANGES];
    Bytes files[CHANGES];

    (void)state;
    broker->config.history = 2;
    seal_changes(broker, files, changes);
    broker_start(broker);
    for (size_t i = 0; i < CHANGES; i++)
        changes[i].keep_old = true;
    assert_int_equal(store_client_commit(&store, changes, CHANGES, "set", NULL), 0);
    /* each gets another one's file, under its own name: nothing here opens them */
    for (size_t i = 0; i < CHANGES; i++)
        changes[i].sealed = bytes_view(&files[(i + 1) % CHANGES]);
    assert_int_equal(store_client_commit(&store, changes, CHANGES, "rotate", NULL), 0);
    for (size_t i = 0; i < CHANGES; i++)
        expect_history(&store, &changes[i].name, "rotate", 2, bytes_view(&files[i]));

    assert_int_equal(store_read_history(store.store, &changes[0].name, NULL, &history), 0);
    assert_int_equal(store_history_format(&history, &text), 0);
    for (size_t i = 0; i < CHANGES; i++) {
        changes[i].sealed = bytes_view(&files[(i + 2) % CHANGES]);
        changes[i].keep_old = false;
        changes[i].history = i > 0 ? bytes_view(&text) : (BytesView){0};
    }
    assert_int_equal(store_client_commit(&store, changes, CHANGES, "reseal", NULL), 0);
    expect_history(&store, &changes[0].name, NULL, 0, (BytesView){0});
    for (size_t i = 1; i < CHANGES; i++)
        expect_history(&store, &changes[i].name, "rotate", 2, bytes_view(&files[0]));
    changes[1].history = test_view("[{}]");
    assert_int_equal(store_client_commit(&store, changes, CHANGES, "reseal", NULL),
                     OUTCOME_MALFORMED);

    store.control = "/nowhere/control";
    store.history = 1;
    changes[0].keep_old = true;
    changes[0].sealed = bytes_view(&files[0]);
    assert_int_equal(store_client_commit(&store, changes, 1, "edit", NULL), 0);
    expect_history(&store, &changes[0].name, "edit", 2, bytes_view(&files[2]));
    files_done(files);
    assert_int_equal(broker_stop(broker), 0);
}

/* The worker dies right before or right after each entry. */
static void test_worker_dies_at_each_entry(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(store_client_done) StoreClient store = client_of(broker);
    StoreChange changes[CHANGES];
    Bytes files[CHANGES];
    unsigned entries = 0;

    (void)state;
    seal_changes(broker, files, changes);
    broker_start(broker);
    for (int entry = 1; entry <= CHANGES; entry++)
        for (int sign = -1; sign <= 1; sign += 2) {
            unsigned before = entries;

            broker->shared->audit_poison = sign * entry;
            assert_int_equal(store_client_commit(&store, changes, CHANGES, "set", NULL), 0);
            expect_all_delivered(broker);
            entries = broker_records(broker, "stored ok");
            assert_in_range(entries - before, CHANGES - (sign > 0), CHANGES);
            assert_int_equal(own_entries, 0);
            for (size_t i = 0; i < CHANGES; i++)
                assert_int_equal(unlink(broker_file(broker, "web", changes[i].name.id)), 0);
        }
    files_done(files);
    assert_int_equal(broker_stop(broker), 0);
}

/* Waits until the worker has a child. */
static void wait_for_child(const BrokerFixture *broker)
{
    int worker = broker->shared->worker, child;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", worker, worker);
    for (unsigned i = 0;; i++) {
        FILE *file = fopen(path, "re");
        int found;

        assert_non_null(file);
        found = fscanf(file, "%d", &child);
        fclose(file);
        if (found == 1)
            return;
        assert_true(i < 20000);
        wait_msec(1);
    }
}

/* The worker dies while the commit waits for another writer. */
static void test_worker_dies_before_the_commit(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(store_client_done) StoreClient store = client_of(broker);
    _cleanup_(closep) int lock = open(broker->config.store_path, O_RDONLY | O_DIRECTORY);
    StoreChange changes[CHANGES];
    Bytes files[CHANGES];
    int status;
    pid_t pid;

    (void)state;
    seal_changes(broker, files, changes);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "k0", 40), ANSWER_REFUSED);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    pid = fork();
    if (pid == 0)
        _exit(store_client_commit(&store, changes, CHANGES, "set", NULL) == 0 && own_entries == 0
                  ? EXIT_SUCCESS
                  : EXIT_FAILURE);
    wait_for_child(broker);
    broker_kill_worker(broker, 0);
    assert_int_equal(flock(lock, LOCK_UN), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    expect_all_delivered(broker);
    /* the child may have got the lock just when it died with its worker: then the entry that it was
     * about to report is missing */
    assert_in_range(broker_records(broker, "stored ok"), CHANGES - 1, CHANGES);
    files_done(files);
    assert_int_equal(broker_stop(broker), 0);
}

/* --- a broker that loses its replies --- */

/* Accepts two calls and answers neither. Meanwhile web@k0 becomes WRITTEN, as if the first call or
 * another process were late. */
static pid_t start_forgetful(const BrokerFixture *broker, const StoreChange *change,
                             BytesView written)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (unsigned i = 0; i < 2; i++) {
        struct pollfd caller = {.fd = broker->control, .events = POLLIN};
        char byte = 'x';
        int fd;

        poll(&caller, 1, 20000);
        fd = accept(broker->control, NULL, NULL);
        while (recv(fd, &byte, 1, 0) == 1 && byte != '\0')
            ;
        if (i == 1) {
            Store *store;

            if (store_new(broker->config.store_path, NULL, &store) != 0 ||
                store_put(store, &change->name, written) != 0)
                _exit(EXIT_FAILURE);
            store_free(store);
        }
        close(fd);
    }
    _exit(EXIT_SUCCESS);
}

static void test_reply_is_lost(void **state)
{
    static const struct {
        const char *rule;
        bool exists, same;
        int outcome;
    } rows[] = {
        {"the first attempt was late", false, true, 0},
        {"the first attempt was late, and replaced a file", true, true, 0},
        {"somebody else was faster", false, false, OUTCOME_EXISTS},
        {"somebody else changed it", true, false, OUTCOME_CHANGED},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
        _cleanup_(store_client_done) StoreClient store = client_of(broker);
        _cleanup_(bytes_done) Bytes now = {0};
        StoreChange changes[CHANGES];
        Bytes files[CHANGES];
        BytesView written;
        Reason reason = {0};
        int status, r;
        pid_t pid;

        seal_changes(broker, files, changes);
        written = rows[i].same ? changes[0].sealed : changes[1].sealed;
        if (rows[i].exists)
            assert_int_equal(store_put(store.store, &changes[0].name, changes[2].sealed), 0);
        pid = start_forgetful(broker, changes, written);
        r = store_client_commit(&store, changes, 1, "set", &reason);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        if (r != rows[i].outcome)
            fail_msg("%s: %d (%s)", rows[i].rule, r, reason.text);
        assert_int_equal(own_entries, 0);
        assert_int_equal(store_read(store.store, &changes[0].name, NULL, &now), 0);
        assert_true(bytes_view_equal(bytes_view(&now), written));
        files_done(files);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_the_broker_and_without),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_worker_dies_at_each_entry),
        cmocka_unit_test(test_worker_dies_before_the_commit),
        cmocka_unit_test(test_reply_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
