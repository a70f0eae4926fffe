/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/fleet/carrier_settings.c.
 */

#include "support.h"

#include "fleet/carrier_settings.h"

#include <string.h>

static int parse(const char *text, Reason *reason, CarrierSettings *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;

    assert_int_equal(json_parse(test_view(text), LIMIT_JSON_DEPTH, NULL, NULL, &object), 0);
    return carrier_settings_parse(object, reason, ret);
}

static void test_valid(void **state)
{
    _cleanup_(carrier_settings_done) CarrierSettings dir = {0}, https = {0}, etcd = {0},
                                                     reports = {0};

    (void)state;
    assert_int_equal(parse("{\"url\":\"dir:/srv/fleet\"}", NULL, &dir), 0);
    assert_int_equal(dir.kind, CARRIER_DIR);
    assert_string_equal(dir.location, "/srv/fleet");
    assert_int_equal(dir.interval, 60000000);
    assert_null(dir.ca);

    assert_int_equal(parse("{\"url\":\"https://creds.example.org/prod/\",\"ca\":\"/ca.pem\","
                           "\"user\":\"x\",\"passwordFile\":\"/p\",\"interval\":\"5min\","
                           "\"reports\":\"dir:/srv/reports\"}",
                           NULL, &https),
                     0);
    assert_int_equal(https.kind, CARRIER_HTTPS);
    assert_string_equal(https.location, "https://creds.example.org/prod/");
    assert_int_equal(https.interval, 300000000);
    assert_int_equal(carrier_settings_for_reports(&https, NULL, &reports), 0);
    assert_int_equal(reports.kind, CARRIER_DIR);
    assert_string_equal(reports.location, "/srv/reports");

    assert_int_equal(parse("{\"url\":\"etcd:\",\"endpoints\":[\"https://a:2379\","
                           "\"https://[::1]:2379\"],\"certificate\":\"/c\",\"key\":\"/k\"}",
                           NULL, &etcd),
                     0);
    assert_int_equal(etcd.kind, CARRIER_ETCD);
    assert_int_equal(etcd.endpoint_count, 2);
    assert_string_equal(etcd.endpoints[1], "https://[::1]:2379");
}

static void test_invalid(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"[]", "not an object"},
        {"{}", "\"url\" of the carrier is missing"},
        {"{\"url\":1}", "is not a text"},
        {"{\"url\":\"\"}", "is not a text"},
        {"{\"url\":\"dir:srv\"}", "absolute path"},
        {"{\"url\":\"dir:/srv/../etc\"}", "absolute path"},
        {"{\"url\":\"http://example.org/\"}", "https"},
        {"{\"url\":\"https://example.org\"}", "https"},
        {"{\"url\":\"https:///x/\"}", "https"},
        {"{\"url\":\"https://u:p@example.org/\"}", "https"},
        {"{\"url\":\"https://example.org/?a=/\"}", "https"},
        {"{\"url\":\"file:///srv/\"}", "https"},
        {"{\"url\":\"https://example.org/\\n/\"}", "https"},
        {"{\"url\":\"etcd:\"}", "endpoints"},
        {"{\"url\":\"etcd:\",\"endpoints\":[]}", "endpoints"},
        {"{\"url\":\"etcd:\",\"endpoints\":\"https://a\"}", "endpoints"},
        {"{\"url\":\"etcd:\",\"endpoints\":[\"a:2379\"]}", "not an https URL"},
        {"{\"url\":\"etcd:\",\"endpoints\":[\"https://a\",\"https://a\",\"https://a\","
         "\"https://a\",\"https://a\",\"https://a\",\"https://a\",\"https://a\",\"https://a\"]}",
         "1 to 8"},
        {"{\"url\":\"dir:/srv\",\"endpoints\":[\"https://a\"]}", "for etcd alone"},
        {"{\"url\":\"etcd:\",\"endpoints\":[\"https://a\"],\"reports\":\"dir:/x\"}", "reports"},
        {"{\"url\":\"https://a/\",\"reports\":\"etcd:\"}", "reports"},
        {"{\"url\":\"https://a/\",\"key\":\"/k\"}", "need each other"},
        {"{\"url\":\"https://a/\",\"certificate\":\"/c\"}", "need each other"},
        {"{\"url\":\"https://a/\",\"user\":\"x\"}", "need each other"},
        {"{\"url\":\"https://a/\",\"passwordFile\":\"/x\"}", "need each other"},
        {"{\"url\":\"https://a/\",\"ca\":\"ca.pem\"}", "not an absolute path"},
        {"{\"url\":\"https://a/\",\"port\":\"1\"}", "\"port\" of the carrier is unknown"},
        {"{\"url\":\"https://a/\",\"interval\":\"0s\"}", "interval"},
        {"{\"url\":\"https://a/\",\"interval\":\"25h\"}", "interval"},
        {"{\"url\":\"https://a/\",\"interval\":\"often\"}", "interval"},
        {"{\"url\":\"https://a/\",\"interval\":\"1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s\"}",
         "interval"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CarrierSettings settings = {0};
        Reason reason = {0};

        assert_int_equal(parse(rows[i].text, &reason, &settings), OUTCOME_BAD_FLEET_CONFIG);
        if (!strstr(reason.text, rows[i].reason))
            fail_msg("%s: %s", rows[i].text, reason.text);
        assert_null(settings.root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
