/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/fleet/fleet_file.c: which files are read, where a mistake is, and what matches. */

#include "support.h"

#include "fleet/fleet_file.h"

#include <stdio.h>
#include <string.h>

#define FILE_OF(rest)   "{\"version\":1,\"fleet\":\"prod\"," rest "}"
#define SECRET(members) FILE_OF("\"secrets\":{\"db\":{" members "}}")
#define REQUIRED        "\"credential\":\"app@db\",\"hosts\":[\"web1\"]"

static void test_read(void **state)
{
    static const char text[] =
        FILE_OF("\"secrets\":{\"z\":{" REQUIRED ",\"pending\":true},"
                "\"a\":{\"credential\":\"app@db\",\"hosts\":[\"@web\",\"w?b*\"],"
                "\"generate\":\"hex:16\",\"pcrs\":[0,7],\"pcrPolicy\":[11]}},"
                "\"groups\":{\"web\":[\"web-*\"],\"all\":[\"*\"]},\"requireProof\":true");
    _cleanup_(fleet_file_done) FleetFile file = {0}, again = {0};
    _cleanup_(bytes_done) Bytes first = {0}, second = {0};
    const FleetSecret *secret;

    (void)state;
    assert_int_equal(fleet_file_parse(test_view(text), NULL, &file), 0);
    assert_string_equal(file.fleet, "prod");
    assert_int_equal(file.secret_count, 2);
    assert_string_equal(file.secrets[0].name, "a");
    assert_string_equal(file.groups[0].name, "all");
    secret = fleet_file_secret(&file, "a");
    assert_string_equal(secret->credential.machine, "app");
    assert_string_equal(secret->hosts[1], "w?b*");
    assert_null(secret->hosts[2]);
    assert_true(secret->generated && secret->recipe.type == RECIPE_HEX);
    assert_int_equal(secret->pcrs, 0x81);
    assert_int_equal(secret->policy_pcrs, 0x800);
    assert_false(secret->pending);
    assert_true(fleet_file_secret(&file, "z")->pending);
    assert_null(fleet_file_secret(&file, "b"));
    assert_string_equal(fleet_file_group(&file, "web")->hosts[0], "web-*");
    /* what is written is read as the same */
    assert_int_equal(fleet_file_format(&file, &first), 0);
    assert_int_equal(fleet_file_parse(bytes_view(&first), NULL, &again), 0);
    assert_int_equal(fleet_file_format(&again, &second), 0);
    assert_true(bytes_view_equal(bytes_view(&first), bytes_view(&second)));
    assert_true(file.require_proof && again.require_proof);
}

static void test_add(void **state)
{
    _cleanup_(fleet_file_done) FleetFile file = {0};
    FleetSecret secret = {.name = strdup("a")};

    (void)state;
    assert_int_equal(fleet_file_parse(test_view(SECRET(REQUIRED)), NULL, &file), 0);
    assert_int_equal(fleet_file_add_secret(&file, &secret), 0);
    assert_null(secret.name);
    assert_string_equal(file.secrets[0].name, "a");
    assert_string_equal(fleet_file_secret(&file, "db")->name, "db");
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "1:1: it is empty"},
        {"[]", "1:1: the file must be an object"},
        {"{\"version\":1,\n \"fleet\":\"prod\"}", "1:1: the file has no member \"secrets\""},
        {"{\"version\":2,\"fleet\":\"prod\",\"secrets\":{}}", "1:2: \"version\" must be 1"},
        {"{\"version\":1,\"fleet\":\"Prod\",\"secrets\":{}}", "1:14: \"fleet\" must be a name"},
        {FILE_OF("\"secrets\":{},\"secret\":{}"), "unknown member \"secret\"; did you mean"},
        {FILE_OF("\"secrets\":{},\"\x01\":{}"), ""},
        {FILE_OF("\"secrets\":[]"), "\"secrets\" must be an object"},
        {FILE_OF("\"secrets\":{},\"secrets\":{}"), "1:"},
        {FILE_OF("\"secrets\":{\"\":{" REQUIRED "}}"), "the name of a secret"},
        {FILE_OF("\"secrets\":{\"../a\":{" REQUIRED "}}"), "the name of a secret"},
        {FILE_OF("\"secrets\":{\".a\":{" REQUIRED "}}"), "the name of a secret"},
        {FILE_OF("\"secrets\":{\"-a\":{" REQUIRED "}}"), "the name of a secret"},
        {FILE_OF("\"secrets\":{},\"groups\":{\"A\":[\"b\"]}"), "the name of a group"},
        {FILE_OF("\"secrets\":{},\"groups\":{\"a\":[]}"), "at least one name"},
        {FILE_OF("\"secrets\":{},\"groups\":{\"a\":[\"@b\"]}"), "a host of a group must be"},
        {SECRET("\"credential\":\"app@db\""), "a secret has no member \"hosts\""},
        {SECRET("\"hosts\":[\"web1\"]"), "a secret has no member \"credential\""},
        {SECRET("\"credential\":\"app\",\"hosts\":[\"web1\"]"), "\"credential\":"},
        {SECRET("\"credential\":7,\"hosts\":[\"web1\"]"), "MACHINE@ID"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":\"web1\""), "at least one name"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":[\"w[ab]\"]"), "a host must be"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":[\"!web1\"]"), "a host must be"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":[\"\"]"), "a host must be"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":[\"-a\"]"), "a host must be"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":[\"@a-\"]"), "a host must be"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":[\"@\"]"), "a host must be"},
        {SECRET("\"credential\":\"app@db\",\"hosts\":[\"@wbe\"]"),
         "secret \"db\": there is no group \"wbe\""},
        {SECRET(REQUIRED ",\"generate\":\"password:3\""), "\"generate\":"},
        {SECRET(REQUIRED ",\"generate\":{}"), "must be a recipe"},
        {SECRET(REQUIRED ",\"pcrs\":7"), "at least one PCR"},
        {SECRET(REQUIRED ",\"pcrs\":[]"), "at least one PCR"},
        {SECRET(REQUIRED ",\"pcrs\":[24]"), "from 0 to 23"},
        {SECRET(REQUIRED ",\"pcrs\":[-1]"), "from 0 to 23"},
        {SECRET(REQUIRED ",\"pcrPolicy\":[7,7]"), "different PCRs"},
        {SECRET(REQUIRED ",\"pending\":false"), "can only be true"},
        {FILE_OF("\"secrets\":{},\"requireProof\":false"), "\"requireProof\" can only be true"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(fleet_file_done) FleetFile file = {0};
        Reason reason = {0};

        assert_int_equal(fleet_file_parse(test_view(rows[i].text), &reason, &file),
                         OUTCOME_BAD_REPOSITORY);
        if (!strstr(reason.text, rows[i].reason))
            fail_msg("%s: %s", rows[i].text, reason.text);
    }
}

static void test_patterns(void **state)
{
    static const struct {
        const char *pattern, *host;
        bool matches;
    } rows[] = {
        {"web1", "web1", true},   {"web1", "web10", false}, {"web", "web1", false},
        {"web*", "web", true},    {"web*", "web-1", true},  {"web*", "we", false},
        {"*", "a", true},         {"*b", "aab", true},      {"a*b*c", "abbc", true},
        {"a*b*c", "abcb", false}, {"?", "a", true},         {"?", "ab", false},
        {"w?b", "web", true},     {"**", "a", true},        {"*a*", "bbb", false},
    };
    char many[LIMIT_FLEET_HOST_BYTES + 1] = "", host[LIMIT_FLEET_HOST_BYTES + 1] = "";

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (fleet_pattern_matches(rows[i].pattern, rows[i].host) != rows[i].matches)
            fail_msg("%s, %s", rows[i].pattern, rows[i].host);
    /* this would take fnmatch(3) longer than anybody waits */
    for (size_t i = 0; i + 2 < sizeof(many); i += 2)
        memcpy(many + i, "*a", 2);
    memset(host, 'a', sizeof(host) - 2);
    host[sizeof(host) - 2] = 'b';
    assert_false(fleet_pattern_matches(many, host));
}

static void test_limits(void **state)
{
    char name[LIMIT_FLEET_SECRET_BYTES + 2] = "";
    _cleanup_(bytes_done) Bytes large = {.data = malloc(LIMIT_FLEET_FILE_BYTES + 1)};
    _cleanup_(fleet_file_done) FleetFile file = {0};
    static const char text[] = SECRET(REQUIRED);

    (void)state;
    memset(name, 'a', LIMIT_FLEET_HOST_BYTES);
    assert_true(fleet_host_name_valid(name));
    name[LIMIT_FLEET_HOST_BYTES] = 'a';
    assert_false(fleet_host_name_valid(name));
    assert_true(fleet_host_name_valid("1-a") && fleet_host_name_valid("a"));
    assert_false(fleet_host_name_valid("") || fleet_host_name_valid("-") ||
                 fleet_host_name_valid("-a") || fleet_host_name_valid("a-"));
    memset(name, 'a', LIMIT_FLEET_SECRET_BYTES);
    assert_true(fleet_secret_name_valid(name));
    name[LIMIT_FLEET_SECRET_BYTES] = 'a';
    assert_false(fleet_secret_name_valid(name));
    memset(large.data, ' ', LIMIT_FLEET_FILE_BYTES + 1);
    memcpy(large.data, text, sizeof(text) - 1);
    assert_int_equal(
        fleet_file_parse((BytesView){large.data, LIMIT_FLEET_FILE_BYTES + 1}, NULL, &file),
        OUTCOME_BAD_REPOSITORY);
    assert_int_equal(fleet_file_parse((BytesView){large.data, LIMIT_FLEET_FILE_BYTES}, NULL, &file),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),     cmocka_unit_test(test_add),
        cmocka_unit_test(test_mistakes), cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
