/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/request/rollback_guard.c, in a whole broker: what it notices at its start, what
 * it then delivers, and how often it increments the TPM's counter, which is shared memory here.
 */

#include "broker_fixture.h"
#include "control_calls.h"

#include "rollback/rollback_check.h"
#include "tpm/counter.h"

#include <assert.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef struct Counter {
    atomic_ullong value;
    atomic_uint reads;
    atomic_int rc; /* what reading returns */
    atomic_int increment_rc;
} Counter;

static Counter *counter;

static int read_counter(const char *device, uint32_t index, Reason *reason, uint64_t *ret)
{
    (void)device;
    assert_int_equal(index, TPM_COUNTER_DEFAULT);
    counter->reads++;
    *ret = counter->value;
    return counter->rc == 0 ? 0 : reason_set(reason, counter->rc, "as the test wants");
}

static int increment(const char *device, uint32_t index, Reason *reason)
{
    (void)device;
    (void)index;
    if (counter->increment_rc != 0)
        return reason_set(reason, counter->increment_rc, "as the test wants");
    counter->value++;
    return 0;
}

/* A broker with protection, and a secret of web's; the last increment was long ago. */
static BrokerFixture *begin(bool refuse)
{
    BrokerFixture *broker = broker_new();
    const struct group *group = getgrnam(BROKER_USER);
    const char *store = broker->config.store_path;

    *counter = (Counter){.value = 5};
    broker->config.counter_read = read_counter;
    broker->config.counter_increment = increment;
    broker->config.rollback_refuse = refuse;
    broker->config.rollback_usec = 1000 * 1000;
    broker->config.rollback_retry_usec = 50 * 1000;
    if (geteuid() == 0 && group) {
        assert_int_equal(chown(store, (uid_t)-1, group->gr_gid), 0);
        assert_int_equal(chmod(store, 0770), 0);
    }
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 20, NULL, 0});
    assert_int_equal(rollback_make(&broker->context, store, NULL), 0);
    assert_int_equal(rollback_take(store, TPM_COUNTER_DEFAULT, 5, 0, NULL), 0);
    return broker;
}

/* Waits for CONDITION, at most 20 s. */
#define wait_for(condition)                                                                        \
    do {                                                                                           \
        for (unsigned tries = 0; !(condition); tries++) {                                          \
            assert_in_range(tries, 0, 4000);                                                       \
            wait_msec(5);                                                                          \
        }                                                                                          \
    } while (0)

static struct json_object *status_of(const BrokerFixture *broker)
{
    return call(broker, "Status", NULL, 0);
}

static void expect_state(const BrokerFixture *broker, const char *state, const char *words)
{
    _cleanup_(json_object_putp) struct json_object *status = status_of(broker);
    struct json_object *rollback = member(status, "rollback");

    expect_text(rollback, "protection", "counter");
    expect_text(rollback, "state", state);
    if (words)
        assert_non_null(strstr(varlink_text(rollback, "reason"), words));
}

/* WORDS are in the reason; NULL: whatever that is. */
static bool is_state(const BrokerFixture *broker, const char *state, const char *words)
{
    _cleanup_(json_object_putp) struct json_object *status = status_of(broker);
    struct json_object *rollback = member(status, "rollback");
    const char *now = varlink_text(rollback, "state"), *reason = varlink_text(rollback, "reason");

    return now && strcmp(now, state) == 0 && (!words || (reason && strstr(reason, words)));
}

static void wait_for_state(const BrokerFixture *broker, const char *state)
{
    wait_for(is_state(broker, state, NULL));
}

static void wait_for_value(uint64_t value)
{
    wait_for(counter->value >= value);
    assert_int_equal(counter->value, value);
}

static void change(BrokerFixture *broker, const char *id)
{
    json_object_put(call(broker, "Commit",
                         committing("set", with_file(id, broker_file(broker, "web", "x"))), 0));
}

static void test_well(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(true);

    (void)state;
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_RIGHT);
    expect_state(broker, "well", NULL);
    /* the one that the state asks for */
    wait_for_value(6);
    assert_int_equal(broker_records(broker, "rolled-back"), 0);
    assert_int_equal(broker_stop(broker), 0);
    /* the next one finds it so */
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_RIGHT);
    expect_state(broker, "well", NULL);
    assert_int_equal(counter->value, 6);
}

static void test_off(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(true);
    _cleanup_(json_object_putp) struct json_object *status = NULL;

    (void)state;
    assert_int_equal(rollback_remove(broker->config.store_path, NULL), 0);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_RIGHT);
    status = status_of(broker);
    expect_text(member(status, "rollback"), "protection", "none");
    assert_int_equal(counter->reads, 0);
}

/* While the store is not recovered, nothing is claimed about it. */
static void test_starts(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(false);
    _cleanup_(closep) int lock =
        open(broker->config.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(json_object_putp) struct json_object *status = NULL, *metrics = NULL;

    (void)state;
    assert_int_equal(flock(lock, LOCK_EX), 0);
    broker_start(broker);
    status = status_of(broker);
    expect_text(member(status, "rollback"), "protection", "unknown");
    assert_null(varlink_text(member(status, "rollback"), "state"));
    metrics = call(broker, "Metrics", NULL, 0);
    assert_int_equal(sample_of(metrics, "nspawn_creds_rollback_protected", NULL), 0);
    assert_int_equal(flock(lock, LOCK_UN), 0);
    wait_for_state(broker, "well");
}

static void expect_noticed(bool refuse, int rc, uint64_t value, const char *words)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(refuse);
    _cleanup_(json_object_putp) struct json_object *metrics = NULL;

    counter->value = value;
    counter->rc = rc;
    broker_start(broker);
    if (!refuse)
        wait_for_state(broker, "noticed");
    assert_int_equal(client_ask(broker, "web", "x", 20), refuse ? ANSWER_REFUSED : ANSWER_RIGHT);
    expect_state(broker, "noticed", words);
    assert_int_equal(broker_records(broker, "rolled-back rolled-back"), 1);
    assert_int_equal(broker_records(broker, "refused rolled-back"), refuse);
    metrics = call(broker, "Metrics", NULL, 0);
    assert_int_equal(sample_of(metrics, "nspawn_creds_rollback_noticed", NULL), 1);
    assert_int_equal(sample_of(metrics, "nspawn_creds_rollback_protected", NULL), 1);
    /* nothing is counted any more, whatever changes */
    change(broker, "y");
    wait_msec(100);
    assert_int_equal(counter->value, value);
    expect_state(broker, "noticed", words);
}

static void test_noticed(void **state)
{
    (void)state;
    expect_noticed(false, 0, 6, "an older copy");
    expect_noticed(true, 0, 6, "an older copy");
    expect_noticed(false, OUTCOME_TPM_NO_COUNTER, 5, "as the test wants");
    expect_noticed(true, OUTCOME_TPM_NV_TAKEN, 5, "as the test wants");
}

static void test_other_store(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(true);

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 20, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "y", KIND_HOST, 20, NULL, 0});
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_REFUSED);
    expect_state(broker, "noticed", "not as this program has left it");
    assert_int_equal(counter->reads, 0);
}

/* A TPM that cannot say is asked again; meanwhile the configuration decides. */
static void test_unchecked(void **state)
{
    (void)state;
    for (int refuse = 0; refuse < 2; refuse++) {
        _cleanup_(broker_freep) BrokerFixture *broker = begin(refuse);

        counter->rc = OUTCOME_TPM_BUSY;
        broker_start(broker);
        if (!refuse)
            wait_for_state(broker, "unchecked");
        assert_int_equal(client_ask(broker, "web", "x", 20),
                         refuse ? ANSWER_REFUSED : ANSWER_RIGHT);
        /* a request may come before the first answer, while there is no reason */
        wait_for(is_state(broker, "unchecked", "as the test wants"));
        wait_for(counter->reads >= 3);
        /* said once */
        assert_int_equal(broker_records(broker, "rolled-back tpm-busy"), 1);
        counter->rc = 0;
        wait_for_state(broker, "well");
        assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_RIGHT);
        wait_for_value(6);
    }
}

/* Many changes share an increment, and all are covered in the end. */
static void test_load(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(false);
    uint64_t begun, seconds, value;
    unsigned changes = 0;
    RollbackState ret;

    (void)state;
    broker_start(broker);
    wait_for_value(6);
    begun = monotonic_usec();
    while (monotonic_usec() - begun < 2500 * 1000 || changes <= 10 || counter->value < 7)
        change(broker, ++changes % 2 ? "a" : "b");
    value = counter->value;
    seconds = (monotonic_usec() - begun) / 1000000 + 1;
    assert_in_range(value, 7, 6 + seconds);
    do {
        wait_msec(20);
        assert_int_equal(rollback_check(broker->config.store_path, false, NULL, &ret), 0);
    } while (ret.changed || ret.value != counter->value);
    assert_in_range(counter->value, 7, 7 + seconds);
    print_message("%u changes in %u s, %u increments\n", changes, (unsigned)seconds,
                  (unsigned)counter->value - 6);
    /* and a restart does not hasten the next one */
    change(broker, "a");
    assert_int_equal(broker_stop(broker), 0);
}

/* The last increment is in the future: the clock was set back since. The pause is that of one that
 * was made now, and not an hour. */
static void test_clock_set_back(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(false);
    uint64_t now = broker->context.now(&broker->context), begun;

    (void)state;
    broker_start(broker);
    wait_for_value(6);
    assert_int_equal(broker_stop(broker), 0);
    assert_int_equal(rollback_take(broker->config.store_path, TPM_COUNTER_DEFAULT, 6,
                                   now + UINT64_C(3600) * 1000 * 1000, NULL),
                     0);
    begun = monotonic_usec();
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_RIGHT);
    /* the one that the state asks for */
    wait_for_value(7);
    assert_true(monotonic_usec() - begun >= broker->config.rollback_usec);
}

/* An increment that failed is made later, and nothing is noticed. */
static void test_increment_fails(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(true);

    (void)state;
    counter->increment_rc = OUTCOME_TPM_BUSY;
    broker_start(broker);
    wait_for(counter->reads >= 3);
    counter->increment_rc = 0;
    wait_for_value(6);
    wait_for_state(broker, "well");
    assert_int_equal(broker_records(broker, "rolled-back rolled-back"), 0);
    assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_RIGHT);
}

/* A worker that is killed leaves the rest to the next one. */
static void test_killed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = begin(true);
    pid_t last = 0;

    (void)state;
    broker_start(broker);
    for (unsigned i = 0; i < 5; i++) {
        change(broker, i % 2 ? "a" : "b");
        last = broker_kill_worker(broker, last);
        assert_int_equal(client_ask(broker, "web", "x", 20), ANSWER_RIGHT);
    }
    wait_for_state(broker, "well");
    assert_int_equal(broker_records(broker, "rolled-back rolled-back"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well),        cmocka_unit_test(test_off),
        cmocka_unit_test(test_starts),      cmocka_unit_test(test_noticed),
        cmocka_unit_test(test_other_store), cmocka_unit_test(test_unchecked),
        cmocka_unit_test(test_load),        cmocka_unit_test(test_increment_fails),
        cmocka_unit_test(test_killed),      cmocka_unit_test(test_clock_set_back),
    };

    counter =
        mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(counter != MAP_FAILED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
