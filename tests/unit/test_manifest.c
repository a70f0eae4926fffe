/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/fleet/manifest.c: what is written is read, and nothing else. */

#include "support.h"

#include "fleet/manifest.h"

#include <string.h>

#define KEY                         "000b000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define DIGEST                      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HOST                        "\"host\":{\"srk\":\"" KEY "\"}"
#define ENTRY(name, rest)           "{\"name\":\"" name "\",\"sha256\":\"" DIGEST "\",\"size\":580" rest "}"
#define MANIFEST(host, credentials) "{\"version\":1," host ",\"credentials\":[" credentials "]}"

static int parse(const char *text, Reason *reason)
{
    _cleanup_(manifest_done) Manifest manifest = {0};

    return manifest_parse(test_view(text), reason, &manifest);
}

/* These are also written again as they are. */
static void test_accepted(void **state)
{
    static const char *const rows[] = {
        MANIFEST(HOST, ""),
        MANIFEST(HOST, ENTRY("web@a", "")),
        MANIFEST(HOST, ENTRY("web@a", ",\"pending\":true")),
        MANIFEST(HOST, ENTRY("db@z", "") "," ENTRY("web@B", "") "," ENTRY("web@a", "")),
        MANIFEST(HOST, ENTRY("web-1@a", "") "," ENTRY("web@a", "")), /* bytewise: - before @ */
        MANIFEST("\"host\":{\"legacyRsa\":\"" KEY "\"}", ""),
        MANIFEST("\"host\":{\"srk\":\"" KEY "\",\"legacyEcc\":\"" KEY "\",\"legacyRsa\":\"" KEY
                 "\"}",
                 ""),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(manifest_done) Manifest manifest = {0};
        _cleanup_(bytes_done) Bytes again = {0};
        Reason reason = {0};

        if (manifest_parse(test_view(rows[i]), &reason, &manifest) != 0)
            fail_msg("%s: %s", rows[i], reason.text);
        assert_int_equal(manifest_format(&manifest, &again), 0);
        assert_true(bytes_view_equal(bytes_view(&again), test_view(rows[i])));
    }
}

static void test_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"version\":1," HOST "}",
        "{\"version\":2," HOST ",\"credentials\":[]}",
        "{\"version\":\"1\"," HOST ",\"credentials\":[]}",
        "{" HOST ",\"credentials\":[],\"more\":1}",
        "{\"version\":1," HOST ",\"credentials\":[],\"fleet\":\"prod\"}",
        "{\"version\":1," HOST ",\"credentials\":[]}x",
        "{\"version\":1," HOST ",\"credentials\":{}}",
        "{\"version\":1," HOST ",\"credentials\":null}",
        "{\"version\":1," HOST "," HOST ",\"credentials\":[]}",
        /* hosts */
        MANIFEST("\"host\":{}", ""),
        MANIFEST("\"host\":null", ""),
        MANIFEST("\"host\":\"" KEY "\"", ""),
        MANIFEST("\"host\":{\"srk\":\"" DIGEST "\"}", ""),
        MANIFEST("\"host\":{\"srk\":\"" KEY "00\"}", ""),
        MANIFEST("\"host\":{\"srk\":\"000B" DIGEST "\"}", ""),
        MANIFEST("\"host\":{\"srk\":null}", ""),
        MANIFEST("\"host\":{\"srk\":\"" KEY "\",\"ek\":\"" KEY "\"}", ""),
        /* names */
        MANIFEST(HOST, ENTRY("web", "")),
        MANIFEST(HOST, ENTRY("@a", "")),
        MANIFEST(HOST, ENTRY("web@", "")),
        MANIFEST(HOST, ENTRY("web@a/b", "")),
        MANIFEST(HOST, ENTRY("web@..", "")),
        MANIFEST(HOST, ENTRY("../web@a", "")),
        MANIFEST(HOST, ENTRY("web@a\\u0000b", "")),
        MANIFEST(HOST, ENTRY("web@a", "") "," ENTRY("web@a", "")),
        MANIFEST(HOST, ENTRY("web@b", "") "," ENTRY("web@a", "")),
        MANIFEST(HOST, ENTRY("web@a", "") "," ENTRY("web@c", "") "," ENTRY("web@b", "")),
        MANIFEST(HOST, "{\"sha256\":\"" DIGEST "\",\"size\":1,\"pending\":true}"),
        /* the rest of a credential */
        MANIFEST(HOST, ENTRY("web@a", ",\"mode\":256")),
        MANIFEST(HOST, ENTRY("web@a", ",\"size\":580")),
        MANIFEST(HOST, ENTRY("web@a", ",\"pending\":false")),
        MANIFEST(HOST, ENTRY("web@a", ",\"pending\":1")),
        MANIFEST(HOST, ENTRY("web@a", ",\"pending\":null")),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" DIGEST "\"}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" DIGEST "\",\"size\":0}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" DIGEST "\",\"size\":-1}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" DIGEST "\",\"size\":1.0}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" DIGEST "\",\"size\":\"1\"}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" DIGEST "\",\"size\":true}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" KEY "\",\"size\":1}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"0001\",\"size\":1}"),
        MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":1,\"size\":1}"),
        MANIFEST(HOST, "{\"name\":1,\"sha256\":\"" DIGEST "\",\"size\":1}"),
        MANIFEST(HOST, "\"web@a\""),
        MANIFEST(HOST, "null"),
        MANIFEST(HOST, "[]"),
        MANIFEST(HOST, "[[[]]]"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        if (parse(rows[i], &reason) != OUTCOME_BAD_BUNDLE)
            fail_msg("accepted: %s", rows[i]);
        assert_memory_equal(reason.text, "the manifest: ", 14);
    }
}

static void test_is_for(void **state)
{
    Manifest manifest = {.host.keys = {[FLEET_SRK] = KEY}};
    FleetHost host = {.keys = {[FLEET_SRK] = KEY, [FLEET_LEGACY_ECC] = KEY}};

    (void)state;
    assert_true(manifest_is_for(&manifest, &host));
    strcpy(manifest.host.keys[FLEET_LEGACY_RSA], KEY);
    assert_false(manifest_is_for(&manifest, &host));
    strcpy(host.keys[FLEET_LEGACY_RSA], KEY);
    assert_true(manifest_is_for(&manifest, &host));
    host.keys[FLEET_SRK][67] = '0';
    assert_false(manifest_is_for(&manifest, &host));
}

static void test_limits(void **state)
{
    static char text[LIMIT_MANIFEST_BYTES + 2];
    char entry[512];

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        snprintf(entry, sizeof(entry),
                 MANIFEST(HOST, "{\"name\":\"web@a\",\"sha256\":\"" DIGEST "\",\"size\":%zu}"),
                 LIMIT_FILE_BYTES + more);
        assert_int_equal(parse(entry, NULL), more ? OUTCOME_BAD_BUNDLE : 0);
        memset(text, ' ', sizeof(text));
        memcpy(text, MANIFEST(HOST, ""), strlen(MANIFEST(HOST, "")));
        text[LIMIT_MANIFEST_BYTES + more] = '\0';
        assert_int_equal(parse(text, NULL), more ? OUTCOME_BAD_BUNDLE : 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_is_for),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
