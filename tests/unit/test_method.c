/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/control/method_list.c and broker/request/commit*.c, through the control socket of
 * a whole broker: listing and changing what policies and the store contain.
 */

#include "control_calls.h"

#include "base/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- listing --- */

static int on_unexpected(void *userdata, struct json_object *reply)
{
    (void)userdata;
    fail_msg("%s", json_object_to_json_string(reply));
    return -1;
}

static void test_list_and_describe(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *all = NULL, *one = NULL, *web = NULL;
    _cleanup_(client_freep) Client *client = NULL;
    Reason reason = {0};

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST | KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "y", KIND_HOST, 31, NULL, 0});
    test_write_file(test_path(&broker->folder, "store/web/bad.cred"), test_view("AAAA"), 0640);
    all = list_of(broker, NULL);
    assert_int_equal(json_object_array_length(all), 3);
    expect_text(json_object_array_get_idx(all, 0), "machine", "db");

    web = list_of(broker, "web");
    assert_int_equal(json_object_array_length(web), 2);
    json_object_put(list_of(broker, "nobody"));
    client = connect_to(broker);
    assert_int_equal(
        client_observe(client, "List", named("..", NULL), on_unexpected, NULL, NULL, &reason),
        OUTCOME_INVALID_NAME);
    /* without "more" */
    assert_int_equal(client_call(client, "List", NULL, NULL, &reason, &one), -EPROTO);
    assert_non_null(strstr(reason.text, "ExpectedMore"));

    one = call(broker, "Describe", named("web", "x"), 0);
    expect_text(member(one, "credential"), "kind", "host+tpm2");
    json_object_put(TAKE_PTR(one));
    one = call(broker, "Describe", named("web", "bad"), 0);
    expect_text(member(one, "credential"), "problem", "malformed");
    call(broker, "Describe", named("web", "z"), OUTCOME_NOT_FOUND);
    assert_int_equal(broker_stop(broker), 0);
}

/* The list says what is wrong with what is not in the store, too. */
static void test_list_of_other_sources(void **state)
{
    static const struct {
        const char *id, *problem, *reason;
    } rows[] = {
        {"file", "file-missing", "/nowhere/x"},
        {"sealed", "file-missing", "/nowhere/y"},
        {"share", "not-found", "db@gone: the store does not have it"},
        {"stranger", "not-in-policy", NULL},
        {"text", "file-missing", "web@file: /nowhere/x"},
        {"key", "key-type", "db@h: it is sealed with host, but its policy requires tpm2"},
        {"fine", NULL, NULL},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    write_policy(broker, "web",
                 "{\"credentials\": {\"file\": {\"file\": \"/nowhere/x\"},"
                 " \"sealed\": {\"sealed\": \"/nowhere/y\"}, \"share\": {\"share\": \"db@gone\"},"
                 " \"stranger\": {\"share\": \"db@none\"}, \"text\": {\"template\": \"{{file}}\"},"
                 " \"key\": {\"share\": \"db@h\"}, \"fine\": {\"share\": \"db@y\"}}}");
    write_policy(broker, "db",
                 "{\"credentials\": {\"gone\": {}, \"y\": {}, \"h\": {\"keyType\": \"tpm2\"}}}");
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"db", "y", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "h", KIND_HOST, 31, NULL, 0});
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(json_object_putp) struct json_object *one =
            call(broker, "Describe", named("web", rows[i].id), 0);

        if (!rows[i].problem) {
            assert_null(json_object_object_get(member(one, "credential"), "problem"));
            continue;
        }
        expect_text(member(one, "credential"), "problem", rows[i].problem);
        if (rows[i].reason)
            expect_text(member(one, "credential"), "reason", rows[i].reason);
    }
    assert_int_equal(broker_stop(broker), 0);
}

/* Returns LIST's entry for MACHINE and ID. */
static struct json_object *entry_of(struct json_object *list, const char *machine, const char *id)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *entry = json_object_array_get_idx(list, i);

        if (strcmp(varlink_text(entry, "machine"), machine) == 0 &&
            strcmp(varlink_text(entry, "credential"), id) == 0)
            return entry;
    }
    fail_msg("no %s@%s in %s", machine, id, json_object_to_json_string(list));
    return NULL;
}

static void test_policies_are_told(void **state)
{
    static const struct {
        const char *rule, *machine, *id;
        /* NULL: not given */
        const char *source, *on_change, *kind, *problem;
    } rows[] = {
        {"stored", "web", "x", "store", "restart", "host+tpm2", NULL},
        {"generated, not yet", "web", "made", "generate", "none", NULL, NULL},
        {"to be stored, not yet", "web", "gone", "store", "none", NULL, "not-found"},
        {"a sealed file", "web", "elsewhere", "sealed", "none", "host", NULL},
        {"a sealed file that is not there", "web", "nowhere", "sealed", "none", NULL,
         "file-missing"},
        {"a template", "web", "env", "template", "none", NULL, NULL},
        {"in the store, not in the policy", "web", "stray", NULL, NULL, "host", "not-in-policy"},
        {"no policy", "db", "y", NULL, NULL, "host", NULL},
        {"a bad policy", "bad", "z", NULL, NULL, "host", "bad-policy"},
        {"another key type", "web", "typed", "store", "none", "host", "key-type"},
        {"nothing in the store", "new", "a", "share", "none", NULL, NULL},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *all = NULL;
    char text[1024];

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST | KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "stray", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "typed", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"db", "y", KIND_HOST, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"bad", "z", KIND_HOST, 31, NULL, 0});
    snprintf(
        text, sizeof(text),
        "{\"credentials\": {\"x\": {\"delivery\": \"live\", \"services\": [\"a.service\"],"
        "\"onChange\": \"restart\"}, \"made\": {\"generate\": {\"type\": \"uuid\"}},"
        "\"typed\": {\"keyType\": \"tpm2\"}, \"gone\": {}, \"elsewhere\": {\"sealed\": \"%s\"},"
        "\"nowhere\": {\"sealed\": \"/nowhere\"}, \"env\": {\"template\": \"{{x}}\"}}}",
        broker_file(broker, "web", "stray"));
    write_policy(broker, "web", text);
    write_policy(broker, "bad", "{");
    write_policy(broker, "new", "{\"credentials\": {\"a\": {\"share\": \"web@x\"}}}");

    all = list_of(broker, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(json_object_putp) struct json_object *one =
            call(broker, "Describe", named(rows[i].machine, rows[i].id), 0);
        struct json_object *entry = entry_of(all, rows[i].machine, rows[i].id);
        const char *const expected[][2] = {{"source", rows[i].source},
                                           {"onChange", rows[i].on_change},
                                           {"kind", rows[i].kind},
                                           {"problem", rows[i].problem}};

        assert_true(json_object_equal(entry, member(one, "credential")));
        for (size_t j = 0; j < COUNT(expected); j++) {
            const char *value = varlink_text(entry, expected[j][0]);

            if (!value != !expected[j][1] || (value && strcmp(value, expected[j][1]) != 0))
                fail_msg("%s: %s", rows[i].rule, json_object_to_json_string(entry));
        }
    }
    expect_text(entry_of(all, "web", "x"), "delivery", "live");
    expect_text(entry_of(all, "web", "typed"), "keyType", "tpm2");
    assert_string_equal(
        json_object_to_json_string_ext(member(entry_of(all, "web", "x"), "services"), 0),
        "[\"a.service\"]");
    call(broker, "Describe", named("web", "other"), OUTCOME_NOT_FOUND);
    call(broker, "Describe", named("nobody", "x"), OUTCOME_NOT_FOUND);
    assert_int_equal(broker_stop(broker), 0);
}

/* --- committing --- */

/* Seals SIZE bytes as web@ID, and removes the file from the store. */
static void seal_elsewhere(BrokerFixture *broker, const char *id, size_t size, char path[128])
{
    broker_seal(broker, &(SealedFile){"web", id, KIND_HOST, size, NULL, 0});
    snprintf(path, 128, "%s", test_path(&broker->folder, id));
    assert_int_equal(rename(broker_file(broker, "web", id), path), 0);
}

static void add_member(struct json_object *parameters, const char *name, const char *value)
{
    assert_true(json_add(parameters, name, json_object_new_string(value)));
}

static void digest_of(const BrokerFixture *broker, const char *id, char text[DIGEST_TEXT_BYTES])
{
    _cleanup_(bytes_done) Bytes file = test_read_file(broker_file(broker, "web", id));

    digest_format(bytes_view(&file), text);
}

/* NULL: there is none. */
static void expect_public(const BrokerFixture *broker, const char *expected)
{
    const char *path = test_path(&broker->folder, "store/web/x.pub");

    if (expected) {
        _cleanup_(bytes_done) Bytes file = test_read_file(path);

        assert_true(bytes_view_equal(bytes_view(&file), test_view(expected)));
    } else {
        assert_int_equal(access(path, F_OK), -1);
    }
}

static struct json_object *change_of(const char *id, const char *path)
{
    return path ? with_file(id, path) : named("web", id);
}

static struct json_object *with_member(struct json_object *object, const char *name,
                                       const char *value)
{
    add_member(object, name, value);
    return object;
}

static void test_commit(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct json_object *parameters, *change;
    char new_x[128], new_y[128], digest[DIGEST_TEXT_BYTES];

    (void)state;
    broker_start(broker);
    seal_elsewhere(broker, "x", 47, new_x);
    seal_elsewhere(broker, "y", 48, new_y);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    digest_of(broker, "x", digest);

    /* one is impossible, so none is made */
    parameters = committing("set", with_member(change_of("x", new_x), "precondition", "absent"));
    assert_int_equal(json_object_array_add(member(parameters, "changes"), change_of("y", new_y)),
                     0);
    call(broker, "Commit", parameters, OUTCOME_EXISTS);
    assert_int_equal(access(broker_file(broker, "web", "y"), F_OK), -1);
    change = with_member(change_of("x", new_x), "precondition", "digest");
    parameters = committing("reseal", with_member(change, "digest", "0"));
    assert_int_equal(json_object_array_add(member(parameters, "changes"), change_of("y", new_y)),
                     0);
    call(broker, "Commit", parameters, OUTCOME_CHANGED);
    assert_int_equal(access(broker_file(broker, "web", "y"), F_OK), -1);
    change = change_of("z", NULL);
    assert_true(json_add(change, "remove", json_object_new_boolean(true)));
    call(broker, "Commit", committing("remove", change), OUTCOME_NOT_FOUND);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);

    /* not as the interface defines it */
    call(broker, "Commit", committing("Set", change_of("x", new_x)), OUTCOME_USAGE);
    call(broker, "Commit", committing("set", change_of("x", NULL)), OUTCOME_USAGE);
    call(broker, "Commit", committing("set", with_member(change_of("x", new_x), "odd", "0")),
         OUTCOME_USAGE);
    call(broker, "Commit", committing("set", json_object_new_string("x")), OUTCOME_USAGE);
    parameters = committing("set", change_of("x", new_x));
    assert_int_equal(json_object_array_add(member(parameters, "changes"), change_of("x", new_x)),
                     0);
    call(broker, "Commit", parameters, OUTCOME_USAGE);
    call(broker, "Commit",
         committing("set", with_member(change_of("x", new_x), "precondition", "odd")),
         OUTCOME_USAGE);
    call(broker, "Commit", committing("set", with_member(change_of("x", new_x), "digest", "0")),
         OUTCOME_USAGE);
    call(broker, "Commit", committing("set", with_member(change_of("x", new_x), "history", "odd")),
         OUTCOME_USAGE);
    call(broker, "Commit",
         committing("set", with_member(change_of("x", new_x), "history", "replace")),
         OUTCOME_MALFORMED);
    call(broker, "Commit",
         committing("set", with_member(change_of("x", NULL), "sealed", "hunter2")),
         OUTCOME_MALFORMED);
    call(broker, "Commit", committing("set", change_of("../x", new_x)), OUTCOME_INVALID_NAME);
    broker_seal(broker, &(SealedFile){"web", "null", 0, 31, NULL, 0});
    call(broker, "Commit", committing("set", change_of("x", broker_file(broker, "web", "null"))),
         OUTCOME_UNPROTECTED);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(broker_records(broker, "stored"), 0);
    assert_int_equal(broker_records(broker, "resealed"), 0);

    /* two, one of which has a public half */
    change = with_member(change_of("x", new_x), "precondition", "digest");
    change = with_member(with_member(change, "digest", digest), "public", "new half");
    parameters = committing("reseal", change);
    assert_int_equal(json_object_array_add(member(parameters, "changes"), change_of("y", new_y)),
                     0);
    json_object_put(call(broker, "Commit", parameters, 0));
    assert_int_equal(client_ask(broker, "web", "x", 47), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "y", 48), ANSWER_RIGHT);
    expect_public(broker, "new half");
    assert_int_equal(broker_records(broker, "resealed ok"), 2);

    change = change_of("x", NULL);
    assert_true(json_add(change, "remove", json_object_new_boolean(true)));
    json_object_put(call(broker, "Commit", committing("set", change), 0));
    expect_public(broker, NULL);
    assert_int_equal(broker_records(broker, "removed ok"), 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* A value whose source is outside the store cannot be rotated; nor can one that the policy does not
 * list. */
static void test_rotate(void **state)
{
    static const struct {
        const char *id;
        int outcome;
    } rows[] = {
        {"x", 0},
        {"shared", OUTCOME_NOT_STORED},
        {"env", OUTCOME_NOT_STORED},
        {"generated", 0}, /* not generated yet */
        {"other", OUTCOME_NOT_IN_POLICY},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char new[128], digest[DIGEST_TEXT_BYTES];
    struct json_object *change;

    (void)state;
    broker_start(broker);
    seal_elsewhere(broker, "x", 47, new);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    test_write_file(test_path(&broker->folder, "store/web/x.pub"), test_view("old half"), 0644);
    digest_of(broker, "x", digest);

    /* without a policy; the old public half goes */
    change = with_member(change_of("x", new), "precondition", "digest");
    json_object_put(
        call(broker, "Commit", committing("rotate", with_member(change, "digest", digest)), 0));
    assert_int_equal(client_ask(broker, "web", "x", 47), ANSWER_RIGHT);
    expect_public(broker, NULL);

    write_policy(broker, "web",
                 "{\"credentials\": {\"x\": {}, \"generated\": {\"generate\": {\"type\": \"hex\"}},"
                 "\"shared\": {\"share\": \"db@y\"}, \"env\": {\"template\": \"{{x}}\"}}}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_object *reply = call(
            broker, "Commit", committing("rotate", change_of(rows[i].id, new)), rows[i].outcome);

        json_object_put(reply);
        assert_int_equal(access(broker_file(broker, "web", rows[i].id), F_OK) == 0,
                         rows[i].outcome == 0);
    }
    write_policy(broker, "web", "{");
    call(broker, "Commit", committing("rotate", change_of("x", new)), OUTCOME_BAD_POLICY);
    assert_int_equal(broker_records(broker, "rotated ok"), 3);
    assert_int_equal(broker_stop(broker), 0);
}

/* A memfd that can still change is refused, and so is a call without its file. */
static void test_commit_with_memfd(void **state)
{
    static const struct {
        const char *rule;
        int seals;
        int64_t offset;
        int outcome;
    } rows[] = {
        {"not sealed", 0, 7, OUTCOME_USAGE},
        {"may be written to", F_SEAL_SHRINK | F_SEAL_GROW, 7, OUTCOME_USAGE},
        {"may shrink", F_SEAL_WRITE | F_SEAL_GROW, 7, OUTCOME_USAGE},
        {"beyond its end", F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW, 8, OUTCOME_USAGE},
        {"sealed", F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW, 7, 0},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(bytes_done) Bytes file = {0};
    char new_x[128];
    size_t descriptors;

    (void)state;
    broker_start(broker);
    seal_elsewhere(broker, "x", 47, new_x);
    assert_int_equal(client_ask(broker, "web", "x", 47), ANSWER_REFUSED);
    descriptors = broker_descriptors(broker);
    file = test_read_file(new_x);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(client_freep) Client *client = connect_to(broker);
        _cleanup_(json_object_putp) struct json_object *reply = NULL;
        _cleanup_(closep) int fd = memfd_create("commit", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        struct json_object *change = change_of("x", NULL);
        Reason reason = {0};
        int r;

        assert_int_equal(pwrite(fd, file.data, file.size, 7), (ssize_t)file.size);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, rows[i].seals), 0);
        assert_true(json_add(change, "offset", json_object_new_int64(rows[i].offset)));
        assert_true(json_add(change, "size", json_object_new_int64((int64_t)file.size)));
        r = client_commit(client, committing("set", change), fd, NULL, &reason, &reply);
        if (r != rows[i].outcome)
            fail_msg("%s: %d (%s)", rows[i].rule, r, reason.text);
    }
    assert_int_equal(client_ask(broker, "web", "x", 47), ANSWER_RIGHT);
    for (unsigned i = 0; broker_descriptors(broker) > descriptors; i++) {
        assert_true(i < 20000);
        wait_msec(1);
    }
    assert_int_equal(broker_stop(broker), 0);
}

/* Another writer delays only the commit. */
static void test_commit_waits_alone(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(closep) int lock = -1;
    char new_y[128];
    uint64_t begin;
    pid_t caller;
    int status;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    seal_elsewhere(broker, "y", 48, new_y);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    lock = open(broker->config.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    caller = fork();
    if (caller == 0) {
        json_object_put(call(broker, "Commit", committing("set", change_of("y", new_y)), 0));
        _exit(EXIT_SUCCESS);
    }
    begin = monotonic_usec();
    /* and not for as long as the commit waits for the lock */
    for (unsigned i = 0; i < 20 && monotonic_usec() - begin < LIMIT_LOCK_USEC / 4; i++)
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(waitpid(caller, &status, WNOHANG), 0);
    assert_int_equal(access(broker_file(broker, "web", "y"), F_OK), -1);
    assert_int_equal(flock(lock, LOCK_UN), 0);
    assert_int_equal(waitpid(caller, &status, 0), caller);
    assert_int_equal(status, 0);
    assert_int_equal(client_ask(broker, "web", "y", 48), ANSWER_RIGHT);
    assert_int_equal(broker_records(broker, "stored ok"), 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* A full journal delays new requests, and a commit at its first entry, but no other call. When it
 * has room, all go on. */
static void test_audit_is_full(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct json_object *parameters;
    char files[2][128];
    int status, client;
    pid_t caller;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    seal_elsewhere(broker, "k0", 40, files[0]);
    seal_elsewhere(broker, "k1", 41, files[1]);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    broker->shared->audit_full = true;
    client = client_connect(broker, "systemd-nspawn@web.service", "x");
    parameters = committing("set", change_of("k0", files[0]));
    assert_int_equal(
        json_object_array_add(member(parameters, "changes"), change_of("k1", files[1])), 0);
    caller = fork();
    if (caller == 0) {
        json_object_put(call(broker, "Commit", parameters, 0));
        _exit(EXIT_SUCCESS);
    }
    json_object_put(parameters);
    for (unsigned i = 0; broker_records(broker, "stored ok") == 0; i++) {
        assert_true(i < 20000);
        json_object_put(call(broker, "Status", NULL, 0));
    }
    for (unsigned i = 0; i < 20; i++)
        json_object_put(call(broker, "Describe", named("web", "x"), 0));
    assert_int_equal(poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 0), 0);
    assert_int_equal(waitpid(caller, &status, WNOHANG), 0);
    assert_int_equal(broker_records(broker, "stored ok"), 1);

    broker->shared->audit_full = false;
    assert_int_equal(client_read(client, "web", "x", 31), ANSWER_RIGHT);
    assert_int_equal(waitpid(caller, &status, 0), caller);
    assert_int_equal(status, 0);
    assert_int_equal(broker_records(broker, "stored ok"), 2);
    assert_int_equal(broker->shared->workers, 1);
    assert_int_equal(broker_stop(broker), 0);
}

/* The worker is killed right before and right after each audit entry of a commit: the next worker
 * completes the commit, at most one entry is missing, and none is doubled. */
static void test_killed_at_every_entry(void **state)
{
    enum { CHANGES = 4 };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char files[CHANGES][128], id[8];
    unsigned expected = 0;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "first", KIND_HOST, 31, NULL, 0});
    for (size_t i = 0; i < CHANGES; i++) {
        snprintf(id, sizeof(id), "k%zu", i);
        seal_elsewhere(broker, id, 40 + i, files[i]);
    }
    broker_start(broker);
    for (int entry = 1; entry <= CHANGES; entry++)
        for (int sign = -1; sign <= 1; sign += 2) {
            _cleanup_(client_freep) Client *client = connect_to(broker);
            struct json_object *parameters = committing("set", change_of("k0", files[0]));
            struct json_object *reply = NULL;

            for (size_t i = 1; i < CHANGES; i++) {
                snprintf(id, sizeof(id), "k%zu", i);
                json_object_array_add(member(parameters, "changes"), change_of(id, files[i]));
            }
            broker->shared->audit_poison = sign * entry;
            assert_int_equal(client_call(client, "Commit", parameters, NULL, NULL, &reply),
                             OUTCOME_BROKER_UNREACHABLE);
            /* answered after the recovery */
            assert_int_equal(client_ask(broker, "web", "first", 31), ANSWER_RIGHT);
            expected += CHANGES - (sign > 0 ? 1U : 0U);
            assert_int_equal(broker_records(broker, "stored ok"), expected);
            for (size_t i = 0; i < CHANGES; i++) {
                snprintf(id, sizeof(id), "k%zu", i);
                assert_int_equal(client_ask(broker, "web", id, 40 + i), ANSWER_RIGHT);
                assert_int_equal(unlink(broker_file(broker, "web", id)), 0);
            }
        }
    assert_int_equal(broker_stop(broker), 0);
}

/* A stored credential is delivered at once, and a removed one no longer. */
static void test_store_and_remove(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    struct json_object *removal;
    char elsewhere[128];

    (void)state;
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    snprintf(elsewhere, sizeof(elsewhere), "%s", test_path(&broker->folder, "elsewhere"));
    assert_int_equal(rename(broker_file(broker, "web", "x"), elsewhere), 0);
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    for (int i = 0; i < 2; i++) {
        json_object_put(call(broker, "Commit", committing("set", with_file("x", elsewhere)), 0));
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    }
    for (int i = 0; i < 2; i++) {
        removal = named("web", "x");
        assert_true(json_add(removal, "remove", json_object_new_boolean(true)));
        json_object_put(
            call(broker, "Commit", committing("remove", removal), i == 0 ? 0 : OUTCOME_NOT_FOUND));
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    }
    removal = named("nobody", "x");
    assert_true(json_add(removal, "remove", json_object_new_boolean(true)));
    call(broker, "Commit", committing("remove", removal), OUTCOME_NOT_FOUND);
    call(broker, "Describe", named("web", "x"), OUTCOME_NOT_FOUND);
    assert_int_equal(broker_records(broker, "stored ok"), 2);
    assert_int_equal(broker_records(broker, "removed ok"), 1);
    assert_int_equal(broker_stop(broker), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_and_describe),
        cmocka_unit_test(test_list_of_other_sources),
        cmocka_unit_test(test_store_and_remove),
        cmocka_unit_test(test_policies_are_told),
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_rotate),
        cmocka_unit_test(test_commit_with_memfd),
        cmocka_unit_test(test_commit_waits_alone),
        cmocka_unit_test(test_audit_is_full),
        cmocka_unit_test(test_killed_at_every_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
