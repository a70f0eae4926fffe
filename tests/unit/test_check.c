/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the method Check (broker/control/check.c) of a whole broker: it says what a request
 * would get, changes nothing, and lets requests go first.
 */

#include "control_calls.h"

#include "base/limits.h"

#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define WEB "systemd-nspawn@web.service"

static int add_reply(void *userdata, struct json_object *reply)
{
    json_object_array_add(userdata, json_object_get(member(reply, "credential")));
    return 0;
}

/* The credentials of all replies. */
static struct json_object *check_with(const BrokerFixture *broker, struct json_object *parameters,
                                      int expected)
{
    _cleanup_(client_freep) Client *client = connect_to(broker);
    struct json_object *all = json_object_new_array();
    Reason reason = {0};
    int r = client_observe(client, "Check", parameters, add_reply, all, NULL, &reason);

    if (r != expected)
        fail_msg("Check: %d (%s)", r, reason.text);
    return all;
}

static void expect_outcome(struct json_object *checked, const char *outcome)
{
    if (strcmp(varlink_text(checked, "outcome"), outcome) != 0)
        fail_msg("not %s: %s", outcome, json_object_to_json_string(checked));
}

/* --- what it says --- */

static void test_policy(void **state)
{
    static const struct {
        const char *id, *delivery, *outcome;
        int size; /* -1: none */
        bool generated;
    } rows[] = {
        {"host", "boot", "ok", 31, false},
        {"tpm", "live", "ok", 33, false},
        {"made", "boot", "ok", 36, true},
        {"pair", "boot", "ok", -2, true},
        {"env", "boot", "ok", 31 + 1 + 36, true},
        {"gone", "boot", "not-found", -1, false},
        {"other", "native", "name-mismatch", -1, false},
        {"typed", "boot", "key-type", -1, false},
        {"old", "boot", "expired", -1, false},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *all = NULL, *metrics = NULL;
    int64_t total = 0;
    char record[128];

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "host", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_HOST | KIND_TPM, 33, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "other", KIND_HOST, 31, "db@other", 0});
    broker_seal(broker, &(SealedFile){"web", "typed", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "old", KIND_HOST, 31, NULL, 1});
    write_policy(broker, "web",
                 "{\"credentials\": {\"host\": {}, \"tpm\": {\"delivery\": \"live\","
                 "\"services\": [\"a.service\"]}, \"made\": {\"generate\": {\"type\": \"uuid\"}},"
                 "\"pair\": {\"generate\": {\"type\": \"ssh-ed25519\"}},"
                 "\"env\": {\"template\": \"{{host}}:{{made}}\"}, \"gone\": {},"
                 "\"other\": {\"delivery\": \"native\"}, \"typed\": {\"keyType\": \"tpm2\"},"
                 "\"old\": {}}}");

    all = check_with(broker, named("web", NULL), 0);
    assert_int_equal(json_object_array_length(all), COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_object *checked = json_object_array_get_idx(all, i), *size = NULL;

        expect_text(checked, "machine", "web");
        expect_text(checked, "credential", rows[i].id);
        expect_text(checked, "delivery", rows[i].delivery);
        expect_outcome(checked, rows[i].outcome);
        assert_int_equal(varlink_flag(checked, "willBeGenerated"), rows[i].generated);
        assert_int_equal(json_object_object_get_ex(checked, "size", &size), rows[i].size != -1);
        if (rows[i].size >= 0)
            expect_number(checked, "size", rows[i].size);
        if (size && strcmp(rows[i].delivery, "live") != 0) {
            total += json_object_get_int64(size) + (int64_t)strlen(rows[i].id);
            expect_number(checked, "total", total);
        }
        assert_int_equal(varlink_text(checked, "reason") != NULL,
                         strcmp(rows[i].outcome, "ok") != 0);
        snprintf(record, sizeof(record), "checked %s ", rows[i].outcome);
        assert_true(broker_records(broker, record) > 0);
    }
    assert_int_equal(broker_records(broker, "checked"), COUNT(rows));
    assert_int_equal(strlen(varlink_text(json_object_array_get_idx(all, 0), "hostKey")), 16);

    /* nothing has changed, and nobody has asked for anything */
    assert_int_equal(access(broker_file(broker, "web", "made"), F_OK), -1);
    assert_int_equal(access(broker_file(broker, "web", "pair"), F_OK), -1);
    assert_int_equal(broker_records(broker, "stored"), 0);
    assert_int_equal(broker->shared->tpm_sealed, 0);
    metrics = call(broker, "Metrics", NULL, 0);
    assert_true(sample_of(metrics, "nspawn_creds_requests_total", "delivered") == 0);
    assert_true(sample_of(metrics, "nspawn_creds_outcomes_total", "ok") == 0);

    /* what it says is what happens */
    assert_int_equal(client_ask(broker, "web", "host", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "gone", 31), ANSWER_REFUSED);
    assert_int_equal(broker_stop(broker), 0);
}

/* A generated secret that exists is opened, and its missing public half stays missing. */
static void test_changes_nothing(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *all = NULL;
    char public[256];
    int fd;

    (void)state;
    broker_start(broker);
    write_policy(broker, "web",
                 "{\"credentials\": {\"pair\": {\"generate\": {\"type\": \"x25519\"}}}}");
    fd = client_connect(broker, WEB, "pair");
    (void)client_read(fd, "web", "pair", 44);
    snprintf(public, sizeof(public), "%s", broker_file(broker, "web", "pair"));
    strcpy(strrchr(public, '.'), ".pub");
    assert_int_equal(unlink(public), 0);
    all = check_with(broker, named("web", NULL), 0);
    expect_outcome(json_object_array_get_idx(all, 0), "ok");
    assert_false(varlink_flag(json_object_array_get_idx(all, 0), "willBeGenerated"));
    assert_int_equal(broker_stop(broker), 0);
    assert_int_equal(access(public, F_OK), -1);
}

static void test_one(void **state)
{
    static const struct {
        const char *rule, *id, *unit, *outcome;
    } rows[] = {
        {"as its policy delivers it", "tpm", NULL, "ok"},
        {"to the unit in the policy", "tpm", "a.service", "ok"},
        {"to another unit", "tpm", "b.service", "not-in-policy"},
        {"live, though it is for boot", "host", "a.service", "not-in-policy"},
        {"not in the policy", "stray", NULL, "not-in-policy"},
        {"nowhere", "nothing", NULL, "not-in-policy"},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *without = NULL;

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "host", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "stray", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "x", KIND_HOST, 31, NULL, 0});
    write_policy(broker, "web",
                 "{\"credentials\": {\"host\": {}, \"tpm\": {\"delivery\": \"live\","
                 "\"services\": [\"a.service\"]}}}");
    write_policy(broker, "bad", "{");
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(json_object_putp) struct json_object *all = NULL;
        struct json_object *parameters = named("web", rows[i].id);

        if (rows[i].unit)
            json_add_text(parameters, "unit", rows[i].unit);
        all = check_with(broker, parameters, 0);
        if (json_object_array_length(all) != 1 ||
            strcmp(varlink_text(json_object_array_get_idx(all, 0), "outcome"), rows[i].outcome) !=
                0)
            fail_msg("%s: %s", rows[i].rule, json_object_to_json_string(all));
    }
    without = check_with(broker, named("db", "x"), 0);
    expect_outcome(json_object_array_get_idx(without, 0), "ok");
    json_object_put(check_with(broker, named("db", NULL), OUTCOME_NOT_FOUND));
    json_object_put(check_with(broker, named("bad", NULL), OUTCOME_BAD_POLICY));
    json_object_put(check_with(broker, named("a/b", NULL), OUTCOME_INVALID_NAME));
    assert_int_equal(broker_stop(broker), 0);
}

static void test_sizes(void **state)
{
    static const struct {
        const char *policy;
        const char *outcomes[3];
    } rows[] = {
        {"{\"credentials\": {\"a\": {}, \"b\": {}}}", {"ok", "too-large"}},
        {"{\"credentials\": {\"a\": {}, \"c\": {}}}", {"ok", "ok"}},
        {"{\"credentials\": {\"a\": {}, \"b\": {\"delivery\": \"live\"}}}", {"ok", "ok"}},
        {"{\"credentials\": {\"all\": {}}}", {"too-large"}},
        {"{\"credentials\": {\"all\": {\"delivery\": \"live\"}}}", {"too-large"}},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "a", KIND_HOST, 600000, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "b", KIND_HOST, 448575, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "c", KIND_HOST, 448574, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "all", KIND_HOST, LIMIT_PLAINTEXT_BYTES, NULL, 0});
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(json_object_putp) struct json_object *all = NULL;

        write_policy(broker, "web", rows[i].policy);
        all = check_with(broker, named("web", NULL), 0);
        for (size_t j = 0; rows[i].outcomes[j]; j++)
            expect_outcome(json_object_array_get_idx(all, j), rows[i].outcomes[j]);
    }
    assert_int_equal(broker_stop(broker), 0);
}

static void test_candidate(void **state)
{
    static const struct {
        const char *rule, *id;
        unsigned key_types;
        const char *name, *outcome;
    } rows[] = {
        {"not stored yet", "new", KIND_HOST, NULL, "ok"},
        {"with the TPM", "tpm", KIND_TPM, NULL, "ok"},
        {"not in the policy", "stray", KIND_HOST, NULL, "ok"},
        {"for another machine", "new", KIND_HOST, "db@new", "name-mismatch"},
        {"another key type", "typed", KIND_HOST, NULL, "key-type"},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    broker_start(broker);
    write_policy(
        broker, "web",
        "{\"credentials\": {\"new\": {}, \"tpm\": {}, \"typed\": {\"keyType\": \"tpm2\"}}}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(json_object_putp) struct json_object *all = NULL;
        const char *path = broker_file(broker, "web", rows[i].id);
        struct json_object *parameters;

        broker_seal(broker,
                    &(SealedFile){"web", rows[i].id, rows[i].key_types, 31, rows[i].name, 0});
        parameters = with_file(rows[i].id, path);
        assert_int_equal(unlink(path), 0);
        all = check_with(broker, parameters, 0);
        if (strcmp(varlink_text(json_object_array_get_idx(all, 0), "outcome"), rows[i].outcome) !=
            0)
            fail_msg("%s: %s", rows[i].rule, json_object_to_json_string(all));
    }
    assert_int_equal(broker_stop(broker), 0);
}

/* --- requests go first --- */

static void wait_for_tpm(const BrokerFixture *broker, unsigned count)
{
    while (broker->shared->tpm_begun < count)
        wait_msec(1);
}

#define CHECK_WEB                                                                                  \
    "{\"method\":\"io.nspawn-creds.Broker.Check\",\"parameters\":{\"machine\":\"web\"},"           \
    "\"more\":true}"

/* Begins to check web, and returns when the broker has read its credential ID, which needs the TPM.
 * Before it looks at anything else, the broker queues the unsealing. */
static int start_check(const BrokerFixture *broker, const char *id)
{
    int fd = client_connect_control(broker), watch = inotify_init1(IN_CLOEXEC);
    struct inotify_event event;

    assert_true(inotify_add_watch(watch, broker_file(broker, "web", id), IN_CLOSE_NOWRITE) > 0);
    assert_int_equal(send(fd, CHECK_WEB, sizeof(CHECK_WEB), 0), sizeof(CHECK_WEB));
    assert_int_equal(read(watch, &event, sizeof(event)), sizeof(event));
    close(watch);
    return fd;
}

/* The line of the first record that begins with WORDS; 0 if there is none. */
static size_t line_of(const BrokerFixture *broker, const char *words)
{
    _cleanup_(bytes_done) Bytes text = test_read_file(test_path(&broker->folder, "audit"));
    const char *found = memmem(text.data, text.size, words, strlen(words));
    size_t line = 1;

    for (const char *at = (const char *)text.data; at < found; at++)
        line += *at == '\n';
    return found ? line : 0;
}

static void test_requests_go_first(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int checker, running, later;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "first", KIND_HOST, 31, NULL, 0});
    broker_seal_with(broker, &(SealedFile){"web", "checked", KIND_TPM, 31, NULL, 0}, 1);
    broker_seal_with(broker, &(SealedFile){"db", "running", KIND_TPM, 31, NULL, 0}, 2);
    broker_seal_with(broker, &(SealedFile){"db", "later", KIND_TPM, 31, NULL, 0}, 3);
    write_policy(broker, "web", "{\"credentials\": {\"first\": {}, \"checked\": {}}}");
    broker->shared->tpm_msec = 60000;
    broker_start(broker);
    running = client_connect(broker, "systemd-nspawn@db.service", "running");
    wait_for_tpm(broker, 1);
    checker = start_check(broker, "checked");
    later = client_connect(broker, "systemd-nspawn@db.service", "later");
    for (int64_t waiting = 0; waiting < 2;) {
        _cleanup_(json_object_putp) struct json_object *status = call(broker, "Status", NULL, 0);

        waiting = json_object_get_int64(member(status, "waiting"));
    }
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(running, "db", "running", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(later, "db", "later", 31), ANSWER_RIGHT);
    while (broker_records(broker, "checked") < 2 || broker_records(broker, "delivered") < 2)
        wait_msec(1);
    assert_true(line_of(broker, "db@later") < line_of(broker, "web@checked"));
    close(checker);
    assert_int_equal(broker_stop(broker), 0);
}

/* A request that needs the key which a check waits for does not wait like the check. */
static void test_request_joins(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int checker, running, same;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "first", KIND_HOST, 31, NULL, 0});
    broker_seal_with(broker, &(SealedFile){"web", "checked", KIND_TPM, 31, NULL, 0}, 1);
    broker_seal_with(broker, &(SealedFile){"db", "running", KIND_TPM, 31, NULL, 0}, 2);
    write_policy(broker, "web", "{\"credentials\": {\"first\": {}, \"checked\": {}}}");
    broker->shared->tpm_msec = 60000;
    broker_start(broker);
    running = client_connect(broker, "systemd-nspawn@db.service", "running");
    wait_for_tpm(broker, 1);
    checker = start_check(broker, "checked");
    same = client_connect(broker, WEB, "checked");
    close(checker);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(running, "db", "running", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(same, "web", "checked", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 2);
    assert_int_equal(broker_stop(broker), 0);
}

/* An unsealing that runs is finished, though whoever wanted to check has gone. */
static void test_client_vanishes(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int checker;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "first", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "tpm", KIND_TPM, 31, NULL, 0});
    write_policy(broker, "web", "{\"credentials\": {\"first\": {}, \"tpm\": {}}}");
    broker->shared->tpm_msec = 60000;
    broker_start(broker);
    checker = start_check(broker, "tpm");
    wait_for_tpm(broker, 1);
    close(checker);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_ask(broker, "web", "tpm", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->tpm_begun, 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* While the journal takes no entries, nothing is checked. */
static void test_full_journal(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *status = NULL;
    int fd;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "a", KIND_HOST, 31, NULL, 0});
    write_policy(broker, "web", "{\"credentials\": {\"a\": {}}}");
    broker->shared->audit_full = true;
    broker_start(broker);
    fd = client_connect_control(broker);
    assert_int_equal(send(fd, CHECK_WEB, sizeof(CHECK_WEB), 0), sizeof(CHECK_WEB));
    status = call(broker, "Status", NULL, 0);
    assert_int_equal(broker_records(broker, "checked"), 0);
    broker->shared->audit_full = false;
    while (broker_records(broker, "checked ok") < 1)
        wait_msec(1);
    close(fd);
    assert_int_equal(broker_stop(broker), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy),        cmocka_unit_test(test_changes_nothing),
        cmocka_unit_test(test_one),           cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_candidate),     cmocka_unit_test(test_requests_go_first),
        cmocka_unit_test(test_request_joins), cmocka_unit_test(test_client_vanishes),
        cmocka_unit_test(test_full_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
