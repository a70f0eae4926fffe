/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of a whole broker that obeys policies: requests for unlisted credentials are refused, every
 * source works, and a change takes effect at once. Mirrors broker/request/resolution.c, request.c
 * and external_file.c.
 */

#include "broker_asking.h"
#include "fleet_put.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define WEB "systemd-nspawn@web.service"

static void expect_text(const BrokerFixture *broker, const char *machine, const char *id,
                        const char *text)
{
    Got got = got_ask(broker, machine, id);

    assert_int_equal(got.size, strlen(text));
    assert_memory_equal(got.data, text, got.size);
}

static void seal(BrokerFixture *broker, const char *machine, const char *id, unsigned key_types)
{
    broker_seal(broker, &(SealedFile){machine, id, key_types, 31, NULL, 0});
}

static void test_policy_is_obeyed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(freep) char *path = strdup(test_path(&broker->folder, "etc/nspawn-creds/web.json"));
    char words[256];
    int waiting;

    (void)state;
    seal(broker, "web", "a", KIND_HOST);
    seal(broker, "web", "b", KIND_HOST);
    seal(broker, "web", "tpm", KIND_TPM);
    seal(broker, "db", "a", KIND_HOST);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);

    write_policy(broker, "web", "\"a\": {}, \"gone\": {\"store\": true}, \"tpm\": {}");
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    expect_refused(broker, "web", "b", "not-in-policy the policy of web (");
    expect_refused(broker, "web", "gone", "not-found the store has no web/gone.cred");
    assert_int_equal(client_ask(broker, "db", "a", 31), ANSWER_RIGHT);

    /* a change applies from the next request on */
    broker->shared->tpm_msec = 60000;
    waiting = client_connect(broker, WEB, "tpm");
    while (broker->shared->tpm_begun == 0)
        wait_msec(1);
    write_policy(broker, "web",
                 "\"b\": {\"delivery\": \"native\"}, \"a\": {\"delivery\": \"live\"}");
    assert_int_equal(client_ask(broker, "web", "b", 31), ANSWER_RIGHT);
    expect_refused(broker, "web", "a", "not-in-policy the policy of web (");
    expect_refused(broker, "web", "tpm", "not-in-policy");
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(waiting, "web", "tpm", 31), ANSWER_RIGHT);

    /* an invalid policy refuses its own machine only; the error has its position */
    write_policy(broker, "web", "\"b\": {},\n \"a\": {\"delivery\": \"life\"}");
    snprintf(words, sizeof(words), "bad-policy %s:3:8: the value must be", path);
    expect_refused(broker, "web", "b", words);
    assert_int_equal(chmod(path, 0666), 0);
    snprintf(words, sizeof(words), "bad-policy %s: everyone may write to it", path);
    expect_refused(broker, "web", "b", words);
    assert_int_equal(client_ask(broker, "db", "a", 31), ANSWER_RIGHT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(broker->shared->workers, 1);
}

/* A sealed file anywhere: the name inside it counts, not the file's name. */
static void test_sealed_files(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(freep) char *elsewhere = strdup(test_path(&broker->folder, "elsewhere"));
    _cleanup_(bytes_done) Bytes file = {0};
    char text[512];

    (void)state;
    seal(broker, "web", "a", KIND_HOST);
    file = test_read_file(broker_file(broker, "web", "a"));
    unlink(broker_file(broker, "web", "a"));
    test_write_file(elsewhere, bytes_view(&file), 0444);
    snprintf(text, sizeof(text), "\"a\": {\"sealed\": \"%s\"}, \"b\": {\"sealed\": \"%s\"}",
             elsewhere, elsewhere);
    write_policy(broker, "web", text);
    broker_start(broker);
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    expect_refused(broker, "web", "b", "name-mismatch it is sealed as \"web@a\", not as \"web@b\"");

    /* as in the Nix store: another name, a link */
    assert_int_equal(link(elsewhere, test_path(&broker->folder, "twin")), 0);
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(unlink(elsewhere), 0);
    assert_int_equal(symlink("twin", elsewhere), 0);
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);

    assert_int_equal(chmod(elsewhere, 0446), 0);
    expect_refused(broker, "web", "a", "file-unsafe everybody may write to ");
    assert_int_equal(unlink(elsewhere), 0);
    expect_refused(broker, "web", "a", "file-missing /");
    assert_int_equal(mkfifo(elsewhere, 0600), 0);
    expect_refused(broker, "web", "a", "file-unsafe ");
}

/* Whoever can seal for the TPM cannot seal for both. */
static void test_key_types(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    write_policy(
        broker, "web",
        "\"a\": {\"keyType\": \"host+tpm2\"}, \"t\": {\"template\": \"{{a}}\"}, \"b\": {}");
    write_policy(broker, "db", "\"shared\": {\"share\": \"web@a\"}");
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "a", KIND_HOST | KIND_TPM, 31, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "b", KIND_TPM, 31, NULL, 0});
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(broker, "web", "b", 31), ANSWER_RIGHT);
    broker_seal(broker, &(SealedFile){"web", "a", KIND_TPM, 31, NULL, 0});
    expect_refused(broker, "web", "a",
                   "key-type it is sealed with tpm2, but its policy requires host+tpm2");
    expect_refused(broker, "web", "t", "key-type web@a: it is sealed with tpm2");
    expect_refused(broker, "db", "shared", "key-type web@a: it is sealed with tpm2");
    broker_seal(broker, &(SealedFile){"web", "a", KIND_HOST, 31, NULL, 0});
    expect_refused(broker, "web", "a", "key-type it is sealed with host");
}

static void test_plaintext_files(void **state)
{
    static const struct {
        const char *text;
        unsigned mode;
        const char *words; /* NULL if it is accepted */
    } rows[] = {
        {"value\n", 0600, NULL},
        {"value\n", 0640, NULL},
        {"value\n", 0440, NULL},
        {"value\n", 0644, "file-unsafe "},
        {"value\n", 0660, "file-unsafe "},
        {"value\n", 0601, "file-unsafe "},
        {"", 0600, "empty "},
    };
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(freep) char *path = strdup(test_path(&broker->folder, "plain"));
    char text[512];

    (void)state;
    snprintf(text, sizeof(text), "\"a\": {\"file\": \"%s\"}", path);
    write_policy(broker, "web", text);
    broker_start(broker);
    expect_refused(broker, "web", "a", "file-missing /");
    for (size_t i = 0; i < COUNT(rows); i++) {
        unlink(path); /* only root may open the one before for writing */
        test_write_file(path, test_view(rows[i].text), rows[i].mode);
        if (rows[i].words)
            expect_refused(broker, "web", "a", rows[i].words);
        else
            expect_text(broker, "web", "a", rows[i].text);
    }
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused(broker, "web", "a", "file-unsafe ");
    assert_int_equal(rmdir(path), 0);
    if (geteuid() == 0) {
        test_write_file(path, test_view("value"), 0600);
        assert_int_equal(chown(path, 1, 0), 0);
        expect_refused(broker, "web", "a", "file-unsafe ");
    }
}

static void test_shares(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char words[256];

    (void)state;
    seal(broker, "db", "p", KIND_HOST);
    seal(broker, "web", "p", KIND_HOST);
    seal(broker, "mail", "p", KIND_HOST);
    write_policy(broker, "web",
                 "\"q\": {\"share\": \"db@p\"}, \"none\": {\"share\": \"db@none\"},"
                 "\"own\": {\"share\": \"web@p\"}, \"p\": {\"delivery\": \"live\"}");
    broker_start(broker);
    assert_int_equal(client_read(client_connect(broker, WEB, "q"), "db", "p", 31), ANSWER_RIGHT);
    assert_int_equal(client_read(client_connect(broker, WEB, "own"), "web", "p", 31), ANSWER_RIGHT);
    expect_refused(broker, "web", "none",
                   "not-found db@none has no value. Give it one: nspawn-creds set db@none");

    /* from then on db's policy decides: what db has, and its source */
    write_policy(broker, "db", "\"p\": {\"share\": \"mail@p\", \"delivery\": \"live\"}");
    assert_int_equal(client_read(client_connect(broker, WEB, "q"), "mail", "p", 31), ANSWER_RIGHT);
    expect_refused(broker, "web", "none", "not-in-policy the policy of db (");
    write_policy(broker, "db", "\"p\": {\"share\": \"web@q\"}");
    expect_refused(broker, "web", "q", "bad-policy it contains itself");
    assert_true(got_ask(broker, "db", "p").size > LIMIT_PLAINTEXT_BYTES);
    write_policy(broker, "db", "\"p\": 1");
    snprintf(words, sizeof(words), "bad-policy %s", broker->folder.path);
    expect_refused(broker, "web", "q", words);
    assert_int_equal(broker->shared->workers, 1);
}

/* A template in web of three in db, which have COUNT ingredients together. */
static void write_wide_policies(const BrokerFixture *broker, unsigned count)
{
    char text[2048];
    size_t used = 0;

    write_policy(broker, "web",
                 "\"t\": {\"template\": \"{{a}}{{b}}{{c}}\"}, \"a\": {\"share\": \"db@a\"},"
                 "\"b\": {\"share\": \"db@b\"}, \"c\": {\"share\": \"db@c\"}");
    for (unsigned i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, "\"c%u\":{},", i);
    for (unsigned i = 0; i < 3; i++) {
        used += (size_t)sprintf(text + used, "%s\"%c\":{\"template\":\"", i ? "," : "", 'a' + i);
        for (unsigned j = i; j < count; j += 3)
            used += (size_t)sprintf(text + used, "{{c%u}}", j);
        used += (size_t)sprintf(text + used, "\"}");
    }
    write_policy(broker, "db", text);
}

/* Limits that no single policy shows: a request across several machines has limits, too. */
/* A fleet's credential comes from its accepted set alone, whatever the store has. */
static void test_fleets(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(bytes_done) Bytes sealed = {0};
    FleetFile files[] = {{.name = "web@a"}, {.name = "web@c"}};

    (void)state;
    seal(broker, "web", "a", KIND_HOST);
    write_policy(broker, "web",
                 "\"a\": {\"fleet\": \"prod\"}, \"b\": {\"template\": \"<{{a}}>\"},"
                 "\"c\": {\"fleet\": \"prod\"}, \"d\": {\"fleet\": \"prod\"}");
    write_policy(broker, "db", "\"a\": {\"share\": \"web@a\"}");
    broker_start(broker);
    expect_refused(broker, "web", "a", "no-set this host has not accepted anything from the fleet");
    expect_refused(broker, "web", "b", "no-set web@a: this host has not accepted anything");

    sealed = test_read_file(broker_file(broker, "web", "a"));
    files[0].content = files[1].content = (const char *)sealed.data;
    files[0].size = files[1].size = sealed.size;
    fleet_put(broker->config.store_path, "prod", 7, files, COUNT(files));
    unlink(broker_file(broker, "web", "a"));
    assert_int_equal(client_ask(broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(got_ask(broker, "web", "b").size, 33);
    assert_int_equal(got_ask(broker, "db", "a").size, 31);
    /* the name is compared as everywhere */
    expect_refused(broker, "web", "c", "name-mismatch");
    expect_refused(broker, "web", "d", "no-set sequence 7 of the fleet prod does not have web@d");

    /* it opens, but nobody signed it */
    seal(broker, "web", "a", KIND_HOST | KIND_TPM);
    assert_int_equal(rename(broker_file(broker, "web", "a"),
                            test_path(&broker->folder, "fleet/prod/web/a.cred")),
                     0);
    expect_refused(broker, "web", "a",
                   "not-signed somebody replaced the file of web@a in the fleet");
    assert_int_equal(broker->shared->tpm_begun, 0);
}

static void test_wide_requests(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    broker_start(broker);
    write_wide_policies(broker, LIMIT_REQUEST_INGREDIENTS - 4); /* and the four templates */
    expect_refused(broker, "web", "t", "not-found db@c0 has no value. ");
    write_wide_policies(broker, LIMIT_REQUEST_INGREDIENTS - 3);
    expect_refused(broker, "web", "t", "bad-policy it has more than 64 ingredients");
}

/* Ingredients may have different keys; the TPM unseals each once. */
static void test_templates(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char expected[4096];
    size_t size = 0;
    Got got;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char id[] = {(char)('a' + i), '\0'};

        broker_seal_with(broker, &(SealedFile){"web", id, KIND_TPM, 31, NULL, 0}, i);
    }
    seal(broker, "web", "h", KIND_HOST);
    seal(broker, "db", "p", KIND_HOST | KIND_TPM);
    write_policy(broker, "web",
                 "\"a\": {}, \"b\": {\"delivery\": \"live\"}, \"c\": {}, \"h\": {},"
                 "\"p\": {\"share\": \"db@p\"},"
                 "\"inner\": {\"template\": \"<{{h}}{{p}}>\"},"
                 "\"all\": {\"template\": \"{{a}}|{{b}}|{{c}}|{{a}}|{{inner}}|{{inner}}\\n{{{{\"}");
    broker->shared->tpm_msec = 20;
    broker_start(broker);
    got = got_ask(broker, "web", "all");
    /* a, b and c have a key each, and db's p has that of a */
    assert_int_equal(broker->shared->tpm_begun, 3);
    for (const char *id = "a|b|c|a|<hp>|<hp>\n{{"; *id; id++) {
        char name[] = {*id, '\0'};
        Got part = {.data = {(uint8_t)*id}, .size = 1};

        if (strchr("abchp", *id))
            part = *id == 'b' ? (Got){.size = 0} : got_ask(broker, *id == 'p' ? "db" : "web", name);
        if (*id == 'b') {
            /* which nobody gets at boot, but which may be an ingredient */
            part.size = 31;
            memcpy(part.data, got.data + size, 31);
        }
        assert_int_equal(part.size, strchr("abchp", *id) ? 31 : 1);
        memcpy(expected + size, part.data, part.size);
        size += part.size;
    }
    assert_int_equal(got.size, size);
    assert_memory_equal(got.data, expected, size);
    expect_refused(broker, "web", "b", "not-in-policy");
    assert_int_equal(broker->shared->tpm_begun, 3);
    assert_int_equal(broker_stop(broker), 0);
}

/* An error in an ingredient refuses the whole and names the ingredient; the TPM is not used if the
 * refusal is certain. */
static void test_templates_fail(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();

    (void)state;
    seal(broker, "web", "tpm", KIND_TPM);
    seal(broker, "web", "h", KIND_HOST);
    broker_seal(broker, &(SealedFile){"web", "large", KIND_HOST, 600 * 1024, NULL, 0});
    broker_seal(broker, &(SealedFile){"web", "old", KIND_HOST, 31, NULL, TEST_NOW - 1});
    write_policy(broker, "web",
                 "\"tpm\": {}, \"h\": {}, \"large\": {}, \"old\": {}, \"gone\": {},"
                 "\"has-gone\": {\"template\": \"{{tpm}}{{gone}}\"},"
                 "\"has-old\": {\"template\": \"{{h}}{{old}}\"},"
                 "\"twice\": {\"template\": \"{{large}}{{large}}\"},"
                 "\"has-tpm\": {\"template\": \"{{h}}{{tpm}}\"}");
    broker_start(broker);
    expect_refused(broker, "web", "has-gone",
                   "not-found web@gone has no value. Give it one: nspawn-creds set web@gone");
    expect_refused(broker, "web", "has-old", "expired web@old: it was valid until ");
    expect_refused(broker, "web", "twice", "too-large the filled template has 1228800 bytes");
    assert_int_equal(broker->shared->tpm_begun, 0);
    broker->shared->tpm_rc = OUTCOME_TPM_LOCKOUT;
    expect_refused(broker, "web", "has-tpm", "tpm-lockout web@tpm: the fake TPM says so");
    broker->shared->tpm_rc = 0;
    assert_int_equal(got_ask(broker, "web", "has-tpm").size, 62);
}

/* Together the unsealings take longer than a request waits for an answer of the TPM. None does, by
 * far, so that a busy machine may delay it. */
#define KEYS         50
#define KEY_MSEC     70
#define REQUEST_USEC (UINT64_C(3) * 1000 * 1000)
_Static_assert(KEYS *KEY_MSEC * 1000 > REQUEST_USEC, "the request waits for longer");

/* Many keys take many TPM operations; the request waits as long as the TPM answers at all. */
static void test_template_of_many_keys(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    char members[KEYS * sizeof("\"k00\": {}, ")] = "";
    char template[KEYS * sizeof("{{k00}}")] = "";
    char policy[sizeof(members) + sizeof(template) + 100];

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        char id[16];

        snprintf(id, sizeof(id), "k%02u", i);
        broker_seal_with(broker, &(SealedFile){"web", id, KIND_TPM, 31, NULL, 0}, i);
        sprintf(members + strlen(members), "\"%s\": {}, ", id);
        sprintf(template + strlen(template), "{{%s}}", id);
    }
    snprintf(policy, sizeof(policy), "%s\"all\": {\"template\": \"%s\"}", members, template);
    write_policy(broker, "web", policy);
    broker->config.request_usec = REQUEST_USEC;
    broker->shared->tpm_msec = KEY_MSEC;
    broker_start(broker);
    assert_int_equal(got_ask(broker, "web", "all").size, KEYS * 31);
    broker_seal_with(broker, &(SealedFile){"web", "k00", KIND_TPM, 31, NULL, 0}, KEYS);
    broker->shared->tpm_msec = 60000;
    expect_refused(broker, "web", "all", "timeout ");
    assert_int_equal(broker->shared->workers, 1);
}

/* When a worker is killed while it waits for the second key, the next worker starts again. */
static void test_template_survives(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int client;

    (void)state;
    broker_seal_with(broker, &(SealedFile){"web", "a", KIND_TPM, 31, NULL, 0}, 0);
    broker_seal_with(broker, &(SealedFile){"web", "b", KIND_TPM, 31, NULL, 0}, 1);
    write_policy(broker, "web", "\"a\": {}, \"b\": {}, \"all\": {\"template\": \"{{a}}{{b}}\"}");
    broker->shared->tpm_answered = 1;
    broker_start(broker);
    client = client_connect(broker, WEB, "all");
    while (broker->shared->tpm_begun < 2)
        wait_msec(1);
    broker_kill_worker(broker, 0);
    broker->shared->tpm_answered = 0;
    {
        uint8_t bytes[100];

        assert_int_equal(recv(client, bytes, sizeof(bytes), MSG_WAITALL), 62);
        close(client);
    }
    assert_int_equal(broker->shared->workers, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_is_obeyed),
        cmocka_unit_test(test_sealed_files),
        cmocka_unit_test(test_plaintext_files),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_wide_requests),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_templates_fail),
        cmocka_unit_test(test_template_of_many_keys),
        cmocka_unit_test(test_template_survives),
        cmocka_unit_test(test_key_types),
        cmocka_unit_test(test_fleets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
