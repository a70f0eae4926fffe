/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of courier/etcd_answer.c, with answers of etcd 3.4.23.
 */

#include "support.h"

#include "base/json.h"
#include "etcd_answer.h"
#include "etcd_login.h"

#include <stdlib.h>
#include <string.h>

#define HEADER                                                                                     \
    "\"header\":{\"cluster_id\":\"324952591200643719\",\"member_id\":\"3319814642761637952\","     \
    "\"revision\":\"3\",\"raft_term\":\"2\"}"
#define FILE_OF(version, value)                                                                    \
    "{\"key\":\"YS9i\",\"create_revision\":\"2\",\"mod_revision\":\"" version                      \
    "\",\"version\":\"2\"" value "}"

static void test_file(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t version;
        const char *content;
    } rows[] = {
        {"{" HEADER "}", 0, 0, ""},
        {"{" HEADER ",\"kvs\":[" FILE_OF("2", ",\"value\":\"YS9i\"") "],\"count\":\"1\"}", 0, 2,
         "a/b"},
        {"{" HEADER ",\"kvs\":[" FILE_OF("2", "") "],\"count\":\"1\"}", 0, 2, ""},
        {"{" HEADER ",\"kvs\":{}}", 0, 0, ""},
        /* refused by the gateway, and nothing at all (etcd 3.5) */
        {"{\"error\":\"etcdserver: user name is empty\",\"code\":3}", OUTCOME_CARRIER_FAILED, 0,
         ""},
        {"", OUTCOME_CARRIER_FAILED, 0, ""},
        {"{}", OUTCOME_CARRIER_FAILED, 0, ""},
        {"[]", OUTCOME_CARRIER_FAILED, 0, ""},
        {"{\"header\":{}}", OUTCOME_CARRIER_FAILED, 0, ""},
        {"{\"header\":{\"revision\":3}}", OUTCOME_CARRIER_FAILED, 0, ""},
        {"{\"header\":{\"revision\":\"-3\"}}", OUTCOME_CARRIER_FAILED, 0, ""},
        {"{\"header\":{\"revision\":\"3x\"}}", OUTCOME_CARRIER_FAILED, 0, ""},
        {"{\"header\":{\"revision\":\"18446744073709551616\"}}", OUTCOME_CARRIER_FAILED, 0, ""},
        {"{" HEADER ",\"kvs\":[" FILE_OF("0", ",\"value\":\"YS9i\"") "]}", OUTCOME_CARRIER_FAILED,
         0, ""},
        {"{" HEADER ",\"kvs\":[" FILE_OF("2", ",\"value\":\"Y!\"") "]}", OUTCOME_CARRIER_FAILED, 0,
         ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        EtcdFile file = {0};
        int r = etcd_file_parse(test_view(rows[i].text), NULL, &file);

        if (r != rows[i].rc || file.version != rows[i].version ||
            !bytes_view_equal(bytes_view(&file.content), test_view(rows[i].content)))
            fail_msg("%s: %d", rows[i].text, r);
        assert_int_equal(file.revision, r == 0 ? 3 : 0);
        bytes_done(&file.content);
    }
}

static int add_file(void *userdata, const char *key, Bytes *content)
{
    char *text = userdata;

    sprintf(text + strlen(text), "%s=%.*s;", key, (int)content->size, (const char *)content->data);
    return strcmp(key, "stop") == 0 ? OUTCOME_USAGE : 0;
}

#define KEY(key, value) "{\"key\":\"" key "\",\"mod_revision\":\"2\",\"value\":\"" value "\"}"

static void test_files(void **state)
{
    static const struct {
        const char *text;
        int rc;
        const char *files, *next;
    } rows[] = {
        {"{" HEADER "}", 0, "", NULL},
        {"{" HEADER ",\"kvs\":[" KEY("YS9i", "YQ==") "," KEY("YS9j", "") "],\"count\":\"2\"}", 0,
         "a/b=a;a/c=;", NULL},
        {"{" HEADER ",\"kvs\":[" KEY("YS9i", "YQ==") "," KEY("YS9j", "") "],\"more\":true}", 0,
         "a/b=a;a/c=;", "a/c"},
        {"{" HEADER ",\"more\":true}", 0, "", NULL},
        {"{" HEADER ",\"kvs\":[" KEY("c3RvcA==", "YQ==") "," KEY("YS9j", "") "]}", OUTCOME_USAGE,
         "stop=a;", NULL},
        {"{}", OUTCOME_CARRIER_FAILED, "", NULL},
        {"{" HEADER ",\"kvs\":[{}]}", OUTCOME_CARRIER_FAILED, "", NULL},
        {"{" HEADER ",\"kvs\":[" KEY("", "YQ==") "]}", OUTCOME_CARRIER_FAILED, "", NULL},
        {"{" HEADER ",\"kvs\":[" KEY("YQBi", "YQ==") "]}", OUTCOME_CARRIER_FAILED, "", NULL},
        {"{" HEADER ",\"kvs\":[" KEY("YS9i", "Y!") "]}", OUTCOME_CARRIER_FAILED, "", NULL},
        {"{" HEADER ",\"kvs\":[" KEY("YQ==", "YQ==") "," KEY("YQ==", "") "," KEY("YQ==", "") "]}",
         OUTCOME_CARRIER_FAILED, "", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(freep) char *next = NULL;
        char files[200] = "";
        int r = etcd_files_parse(test_view(rows[i].text), 2, add_file, files, NULL, &next);

        if (r != rows[i].rc || strcmp(files, rows[i].files) != 0 ||
            strcmp(next ? next : "", rows[i].next ? rows[i].next : "") != 0)
            fail_msg("%s: %d, %s", rows[i].text, r, files);
    }
}

/* json-c takes 700 bytes for each of these values. */
static void test_many_values(void **state)
{
    char text[4096] = "{\"kvs\":[";
    EtcdFile file;
    Reason reason = {0};

    (void)state;
    while (strlen(text) < sizeof(text) - 8)
        strcat(text, "{},");
    strcat(text, "{}]}");
    assert_int_equal(etcd_file_parse(test_view(text), &reason, &file), OUTCOME_CARRIER_FAILED);
    assert_string_equal(reason.text, "etcd's answer has too many values");
}

static void test_token(void **state)
{
    _cleanup_(secret_freep) Secret *token = NULL;

    (void)state;
    assert_int_equal(
        etcd_token_parse(test_view("{" HEADER ",\"token\":\"keHTMKaYOCdhttbX.16\"}"), NULL, &token),
        0);
    assert_string_equal((char *)secret_borrow(token), "Authorization: keHTMKaYOCdhttbX.16");
    /* the second would be a header of its own */
    for (const char *const *text =
             (const char *const[]){"{\"token\":\"\"}", "{\"token\":\"a\\r\\nHost: b\"}",
                                   "{\"token\":1}", "{}", "", NULL};
         *text; text++)
        assert_int_equal(etcd_token_parse(test_view(*text), NULL, &token), OUTCOME_CARRIER_FAILED);
}

static void test_watch(void **state)
{
    static const struct {
        const char *text;
        bool news;
    } rows[] = {
        {"{\"result\":{" HEADER ",\"created\":true}}", false},
        {"{\"result\":{\"header\":{\"revision\":\"2\"},\"created\":true}}", true},
        {"{\"result\":{\"created\":true}}", true},
        {"{\"result\":{" HEADER ",\"events\":[{\"kv\":" FILE_OF("3", "") "}]}}", true},
        {"{\"result\":{" HEADER ",\"canceled\":true,\"compact_revision\":\"3\"}}", true},
        {"{\"result\":{" HEADER ",\"watch_id\":\"-1\",\"created\":true,\"canceled\":true,"
         "\"cancel_reason\":\"rpc error: code = Unauthenticated desc = etcdserver: invalid auth "
         "token\"}}",
         true},
        {"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"\"}}", true},
        {"", true},
        {"nonsense", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (etcd_watch_news(test_view(rows[i].text), 3) != rows[i].news)
            fail_msg("%s", rows[i].text);
}

static void test_refusal(void **state)
{
    Reason reason = {0};

    (void)state;
    assert_int_equal(etcd_refusal("https://a", NULL, 403,
                                  test_view("{\"message\":\"etcdserver: \\u001b[31mno\"}"),
                                  &reason),
                     OUTCOME_CARRIER_FAILED);
    assert_string_equal(reason.text, "https://a: status 403, etcdserver: ?[31mno");
    (void)etcd_refusal("https://a", "prod-hosts", 403,
                       test_view("{\"error\":\"denied\",\"message\":\"denied\"}"), &reason);
    assert_string_equal(reason.text, "https://a, as prod-hosts: status 403, denied");
    /* as the gateway answers to a certificate with a common name */
    (void)etcd_refusal("https://a", NULL, 400, test_view("CommonName of client\nmore"), &reason);
    assert_string_equal(reason.text, "https://a: status 400, CommonName of client");
    (void)etcd_refusal("https://a", NULL, 403,
                       test_view("{\"code\":7,\"message\":\"etcdserver: permission denied\"}"),
                       &reason);
    assert_string_equal(reason.text, "https://a: status 403, etcdserver: permission denied");
    (void)etcd_refusal("https://a", NULL, 502, test_view("<html>"), &reason);
    assert_string_equal(reason.text, "https://a: status 502");
    (void)etcd_refusal("https://a", NULL, 502, test_view("{\"code\":3}"), &reason);
    assert_string_equal(reason.text, "https://a: status 502");
}

/* As json-c reads it. */
static void test_login(void **state)
{
    _cleanup_(secret_freep) Secret *body = NULL;
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    char password[256];

    (void)state;
    for (size_t i = 0; i < 0x7f; i++)
        password[i] = (char)(i + 1);
    strcpy(password + 0x7f, "größer, \"und\" \\\\");
    assert_int_equal(etcd_login_body("a\"b", test_view(password), NULL, &body), 0);
    assert_int_equal(json_parse(secret_view(body), 2, NULL, NULL, &object), 0);
    assert_int_equal(json_object_object_length(object), 2);
    assert_string_equal(json_text(json_object_object_get(object, "name")), "a\"b");
    assert_string_equal(json_text(json_object_object_get(object, "password")), password);
}

static int set_up(void **state)
{
    (void)state;
    (void)test_context(NULL); /* prepares the memory for secrets */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),        cmocka_unit_test(test_files),
        cmocka_unit_test(test_many_values), cmocka_unit_test(test_token),
        cmocka_unit_test(test_watch),       cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_login),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
