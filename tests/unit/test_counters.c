/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/control/counters.c, through the control socket of a whole broker: Status,
 * Metrics, and the events of Subscribe.
 */

#include "control_calls.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_and_keys),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_next_expiry),
        cmocka_unit_test(test_subscribe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
