/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/protocol/{varlink,interface}.c: valid calls, replies and parameters, and that the
 * interface description has an error for every outcome.
 */

#include "support.h"

#include "protocol/varlink.h"

#include <errno.h>
#include <string.h>

static void test_calls(void **state)
{
    static const struct {
        const char *text;
        int rc;
        const char *rule;
    } rows[] = {
        {"{\"method\":\"a.B\"}", 0, "the least"},
        {"{\"method\":\"io.nspawn-creds.Broker.List\",\"parameters\":{\"machine\":\"web\"}}", 0,
         "with parameters"},
        {"{\"method\":\"a.B\",\"parameters\":null,\"more\":true}", 0, "more"},
        {"{\"method\":\"a.B\",\"oneway\":true}", 0, "oneway"},
        {"{\"method\":\"a.B\",\"upgrade\":false}", 0, "no upgrade"},
        {"{\"method\":\"a.B\",\"upgrade\":true}", OUTCOME_MALFORMED, "upgrade"},
        {"{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", OUTCOME_MALFORMED, "both"},
        {"{}", OUTCOME_MALFORMED, "no method"},
        {"{\"method\":\"B\"}", OUTCOME_MALFORMED, "no interface"},
        {"{\"method\":7}", OUTCOME_MALFORMED, "a method that is no text"},
        {"{\"method\":\"a.B\",\"parameters\":[]}", OUTCOME_MALFORMED, "parameters in a list"},
        {"{\"method\":\"a.B\",\"more\":\"yes\"}", OUTCOME_MALFORMED, "a flag that is no flag"},
        {"{\"method\":\"a.B\",\"method\":\"a.C\"}", OUTCOME_MALFORMED, "twice"},
        {"{\"method\":\"a.B\",\"x\":1}", OUTCOME_MALFORMED, "an unknown member"},
        {"{\"method\":\"a.B\"} x", OUTCOME_MALFORMED, "something behind it"},
        {"[]", OUTCOME_MALFORMED, "a list"},
        {"", OUTCOME_MALFORMED, "nothing"},
        {"{\"method\":\"a.B\",\"parameters\":{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}}",
         OUTCOME_MALFORMED, "too deep"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(varlink_call_done) VarlinkCall call = {0};
        int r = varlink_call_parse(test_view(rows[i].text), &call);

        if (r != rows[i].rc)
            fail_msg("%s: %d", rows[i].rule, r);
        assert_true((r == 0) == (call.method != NULL));
    }
}

static void test_replies(void **state)
{
    _cleanup_(varlink_reply_done) VarlinkReply reply = {0};

    (void)state;
    assert_int_equal(
        varlink_reply_parse(test_view("{\"error\":\"a.B\",\"parameters\":{}}"), &reply), 0);
    assert_string_equal(reply.error, "a.B");
    varlink_reply_done(&reply);
    assert_int_equal(varlink_reply_parse(test_view("{\"continues\":true}"), &reply), 0);
    assert_true(reply.continues && !reply.error && !reply.parameters);
    assert_int_equal(varlink_reply_parse(test_view("{\"continues\":1}"), &reply),
                     OUTCOME_MALFORMED);
}

/* A message that we write can be read back. */
static void test_round_trips(void **state)
{
    _cleanup_(json_object_putp) struct json_object *message = NULL;
    _cleanup_(varlink_call_done) VarlinkCall call = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    struct json_object *parameters = json_object_new_object();

    (void)state;
    assert_true(json_add(parameters, "machine", json_object_new_string("web/\"x\"")));
    message = varlink_call_new("a.b.C", parameters, true);
    assert_int_equal(json_print(message, &text), 0);
    assert_int_equal(varlink_call_parse(bytes_view(&text), &call), 0);
    assert_string_equal(call.method, "a.b.C");
    assert_true(call.more && !call.oneway);
    assert_string_equal(varlink_text(call.parameters, "machine"), "web/\"x\"");
    assert_null(varlink_text(call.parameters, "other"));
    assert_false(varlink_flag(call.parameters, "other"));
}

static void test_parameters(void **state)
{
    static const VarlinkField fields[] = {
        {"name", json_type_string, false}, {"force", json_type_boolean, true}, {0}};
    static const struct {
        const char *text, *wrong;
    } rows[] = {
        {"{\"name\":\"x\"}", NULL},
        {"{\"name\":\"x\",\"force\":true}", NULL},
        {"{\"name\":\"x\",\"force\":null}", NULL},
        {"{\"name\":\"x\",\"force\":1}", "force"},
        {"{\"force\":true}", "name"},
        {"{\"name\":null}", "name"},
        {"{\"name\":\"a\\u0000b\"}", "name"},
        {"{\"name\":\"x\",\"other\":1}", "other"},
    };

    (void)state;
    assert_string_equal(varlink_parameters_check(NULL, fields), "name");
    assert_null(varlink_parameters_check(NULL, fields + 1));
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(json_object_putp) struct json_object *object = NULL;
        const char *wrong;

        assert_int_equal(json_parse(test_view(rows[i].text), 4, NULL, NULL, &object), 0);
        wrong = varlink_parameters_check(object, fields);
        if (!wrong != !rows[i].wrong || (wrong && strcmp(wrong, rows[i].wrong) != 0))
            fail_msg("%s: %s", rows[i].text, wrong ? wrong : "well");
    }
}

static bool has_line(const Bytes *text, const char *line)
{
    return memmem(text->data, text->size, line, strlen(line)) != NULL;
}

static void test_an_error_for_every_outcome(void **state)
{
    _cleanup_(bytes_done) Bytes text = {0};

    (void)state;
    assert_int_equal(interface_describe(INTERFACE_BROKER, &text), 0);
    for (int rc = 1; rc < _OUTCOME_MAX; rc++) {
        char name[INTERFACE_ERROR_BYTES], full[128], line[128];

        interface_error_name(rc, name);
        snprintf(line, sizeof(line), "\nerror %s (", name);
        assert_true(has_line(&text, line));
        snprintf(full, sizeof(full), INTERFACE_BROKER ".%s", name);
        assert_int_equal(interface_error_outcome(full), rc);
    }
    assert_true(has_line(&text, "\nerror SystemError ("));
    assert_int_equal(interface_error_outcome(INTERFACE_BROKER ".Moon"), -EPROTO);
    assert_int_equal(interface_error_outcome("org.other.NotFound"), -EPROTO);
    bytes_done(&text);
    assert_int_equal(interface_describe("a.b", &text), OUTCOME_NOT_FOUND);
    assert_int_equal(interface_describe("io.", &text), OUTCOME_NOT_FOUND);
}

static void test_error_parameters(void **state)
{
    _cleanup_(json_object_putp) struct json_object *parameters = NULL;
    Reason reason = {"because"};

    (void)state;
    parameters = interface_error_parameters(OUTCOME_NAME_MISMATCH, &reason);
    assert_string_equal(varlink_text(parameters, "reason"), "because");
    assert_string_equal(varlink_text(parameters, "sentence"),
                        outcome_sentence(OUTCOME_NAME_MISMATCH));
    assert_non_null(varlink_text(parameters, "remedy"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_an_error_for_every_outcome),
        cmocka_unit_test(test_error_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
