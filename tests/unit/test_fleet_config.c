/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/fleet/fleet_config.c.
 */

#include "support.h"

#include "base/array.h"
#include "fleet/fleet_config.h"

#include <string.h>
#include <sys/stat.h>

static TestFolder make_root(void)
{
    TestFolder folder = test_folder();

    assert_int_equal(mkdir(test_path(&folder, "etc"), 0755), 0);
    assert_int_equal(mkdir(test_path(&folder, "etc/nspawn-creds"), 0755), 0);
    assert_int_equal(mkdir(test_path(&folder, "etc/nspawn-creds/fleet"), 0755), 0);
    return folder;
}

static Context context_of(const TestFolder *folder)
{
    Context context = test_context(folder->path);

    context.trusted_uid = geteuid();
    return context;
}

static void test_valid(void **state)
{
    FleetConfig config;

    (void)state;
    assert_int_equal(fleet_config_parse("prod", test_view("{\"host\":\"web1\"}"), NULL, &config),
                     0);
    assert_string_equal(config.name, "prod");
    assert_string_equal(config.host, "web1");
    assert_int_equal(config.threshold, 1);
    assert_int_equal(config.max_age, 0);
    assert_null(config.carrier.root);
    fleet_config_done(&config);
    assert_int_equal(fleet_config_parse("a-2",
                                        test_view("{\"host\":\"web1\",\"threshold\":2,\"maxAge\":"
                                                  "\"30d\",\"carrier\":{\"url\":\"dir:/srv\"}}"),
                                        NULL, &config),
                     0);
    assert_int_equal(config.threshold, 2);
    assert_int_equal(config.max_age, UINT64_C(30) * 86400 * 1000000);
    assert_string_equal(config.carrier.location, "/srv");
    fleet_config_done(&config);
}

static void test_invalid(void **state)
{
    static const struct {
        const char *name, *text, *reason;
    } rows[] = {
        {"Prod", "{\"host\":\"a\"}", "not the name of a fleet"},
        {"", "{\"host\":\"a\"}", "not the name of a fleet"},
        {"../x", "{\"host\":\"a\"}", "not the name of a fleet"},
        {"-x", "{\"host\":\"a\"}", "not the name of a fleet"},
        {"x-", "{\"host\":\"a\"}", "not the name of a fleet"},
        {"prod", "{\"host\":\"-a\"}", "\"host\" is not a name"},
        {"prod", "{\"host\":\"a-\"}", "\"host\" is not a name"},
        {"p", "", "p.json: "},
        {"p", "[]", "not an object"},
        {"p", "{\"host\":\"a\"} x", "p.json: "},
        {"p", "{}", "\"host\" is missing"},
        {"p", "{\"host\":\"a\",\"host\":\"b\"}", "p.json: "},
        {"p", "{\"host\":\"a\",\"port\":1}", "unknown member \"port\""},
        {"p", "{\"host\":1}", "\"host\""},
        {"p", "{\"host\":\"\"}", "\"host\""},
        {"p", "{\"host\":\"a/b\"}", "\"host\""},
        {"p", "{\"host\":\"Web\"}", "\"host\""},
        {"p", "{\"host\":\"a\\u0000\"}", "\"host\""},
        {"p",
         "{\"host\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", /* 64 */
         "\"host\""},
        {"p", "{\"host\":\"a\",\"threshold\":0}", "threshold"},
        {"p", "{\"host\":\"a\",\"threshold\":17}", "threshold"},
        {"p", "{\"host\":\"a\",\"threshold\":\"2\"}", "threshold"},
        {"p", "{\"host\":\"a\",\"threshold\":1.5}", "threshold"},
        {"p", "{\"host\":\"a\",\"maxAge\":30}", "maxAge"},
        {"p", "{\"host\":\"a\",\"maxAge\":\"0d\"}", "maxAge"},
        {"p", "{\"host\":\"a\",\"maxAge\":\"a month\"}", "maxAge"},
        {"p", "{\"host\":\"a\",\"carrier\":{}}", "\"url\" of the carrier is missing"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        FleetConfig config;
        Reason reason = {0};

        assert_int_equal(
            fleet_config_parse(rows[i].name, test_view(rows[i].text), &reason, &config),
            OUTCOME_BAD_FLEET_CONFIG);
        if (!strstr(reason.text, rows[i].reason))
            fail_msg("%s: %s", rows[i].text, reason.text);
    }
}

static void test_files(void **state)
{
    TestFolder folder = make_root();
    Context context = context_of(&folder);
    AllowedSigners signers;
    FleetConfig config;
    Reason reason = {0};
    const char *file = "etc/nspawn-creds/fleet/prod.json";

    (void)state;
    assert_int_equal(fleet_config_load(&context, "prod", NULL, &config), OUTCOME_NOT_FOUND);
    assert_int_equal(fleet_config_load(&context, "../x", NULL, &config), OUTCOME_NOT_FOUND);
    test_write_file(test_path(&folder, file), test_view("{\"host\":\"web1\"}"), 0644);
    assert_int_equal(fleet_config_load(&context, "prod", NULL, &config), 0);
    fleet_config_done(&config);
    assert_int_equal(chmod(test_path(&folder, file), 0664), 0);
    assert_int_equal(fleet_config_load(&context, "prod", &reason, &config),
                     OUTCOME_BAD_FLEET_CONFIG);
    assert_non_null(strstr(reason.text, "writable for others"));

    assert_int_equal(fleet_config_signers(&context, "prod", &reason, &signers),
                     OUTCOME_BAD_SIGNERS);
    assert_string_equal(reason.text, "/etc/nspawn-creds/fleet/prod.signers does not exist");
    test_write_file(test_path(&folder, "etc/nspawn-creds/fleet/prod.signers"),
                    test_view("alice ssh-ed25519 "
                              "AAAAC3NzaC1lZDI1NTE5AAAAIJeSsiiT0HTU1MlOIdDclZf1v4+X0iiqPaGJXcjWhcK+"
                              "\n"),
                    0644);
    assert_int_equal(fleet_config_signers(&context, "prod", NULL, &signers), 0);
    assert_int_equal(signers.count, 1);
    allowed_signers_done(&signers);
    test_folder_remove(&folder);
}

static void test_list(void **state)
{
    TestFolder folder = make_root();
    Context context = context_of(&folder), nothing = test_context("/nonexistent");
    _cleanup_(strings_freep) char **names = NULL, **none = NULL;

    (void)state;
    for (const char *const *file =
             (const char *const[]){"b.json", "a.json", "a.signers", ".json", "B.json", "x", NULL};
         *file; file++) {
        char path[64];

        snprintf(path, sizeof(path), "etc/nspawn-creds/fleet/%s", *file);
        test_write_file(test_path(&folder, path), test_view(""), 0644);
    }
    assert_int_equal(fleet_config_list(&context, NULL, &names), 0);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_null(names[2]);
    assert_int_equal(fleet_config_list(&nothing, NULL, &none), 0);
    assert_null(none[0]);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
