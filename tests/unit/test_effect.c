/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/policy/effect.c: the consequences of a change, from policies to text. */

#include "support.h"

#include "policy/effect.h"

#include <string.h>

enum { MACHINES = 4 };

/* The credentials of each machine. */
static const struct {
    const char *machine, *text;
} machines[MACHINES] = {
    {"db", "{\"credentials\": {"
           "\"password\": {\"generate\": {\"type\": \"hex\"}, \"delivery\": \"live\","
           "               \"services\": [\"postgresql.service\"], \"onChange\": \"reload\"},"
           "\"quiet\": {\"delivery\": \"live\", \"services\": [\"a.service\"]},"
           "\"nobody\": {\"delivery\": \"live\", \"onChange\": \"restart\"},"
           "\"boot\": {\"services\": [\"a.service\"], \"onChange\": \"restart\"},"
           "\"native\": {\"delivery\": \"native\"},"
           "\"alias\": {\"share\": \"db@quiet\"}"
           "}}"},
    {"web", "{\"credentials\": {"
            "\"db\": {\"share\": \"db@password\", \"delivery\": \"live\","
            "         \"services\": [\"one.service\", \"two.service\"], \"onChange\": \"restart\"},"
            "\"env\": {\"template\": \"A={{db}}\\nB={{x}}\", \"delivery\": \"live\","
            "          \"services\": [\"one.service\"], \"onChange\": \"reload\"},"
            "\"outer\": {\"template\": \"{{env}}{{db}}{{env}}\"},"
            "\"braces\": {\"template\": \"{{{{db}}{{x}}\"},"
            "\"x\": {}"
            "}}"},
    {"cache", "{\"credentials\": {\"web\": {\"share\": \"web@outer\"},"
              "\"password\": {}, \"env\": {\"template\": \"{{password}}\"}}}"},
    /* a cycle across machines must be an error and must not loop */
    {"loop",
     "{\"credentials\": {\"a\": {\"share\": \"loop2@a\"}, \"b\": {\"share\": \"db@quiet\"}}}"},
};

static void load(Policy *policies[MACHINES])
{
    for (size_t i = 0; i < MACHINES; i++) {
        PolicyFault fault = {0};

        assert_int_equal(policy_new(machines[i].machine, "x.json", NULL, &policies[i]), 0);
        if (policy_file_parse(test_view(machines[i].text), "x.json", policies[i], &fault) != 0)
            fail_msg("%s: %s", machines[i].machine, fault.what.text);
    }
}

static const char *const deliveries[] = {"boot", "live", "native"};
static const char *const actions[] = {"none", "restart", "reload"};

/* "db@password live reload postgresql.service; …" */
static void print(const PolicyEffects *effects, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < effects->count; i++) {
        const PolicyEffect *effect = &effects->effects[i];

        used += (size_t)snprintf(text + used, size - used, "%s%s@%s %s %s%s%s", i > 0 ? "; " : "",
                                 effect->name.machine, effect->name.id,
                                 deliveries[effect->delivery], actions[effect->action],
                                 effect->unit ? " " : "", effect->unit ? effect->unit : "");
        assert_true(used < size);
    }
}

static void test_effects(void **state)
{
    static const struct {
        const char *rule, *changed, *expected;
    } rows[] = {
        {"shares, their templates, and shares of those", "db@password",
         "db@password live reload postgresql.service; "
         "web@db live restart one.service; web@db live restart two.service; "
         "web@env live reload one.service; web@outer boot none; cache@web boot none"},
        {"a template of the same machine alone", "cache@password",
         "cache@password boot none; cache@env boot none"},
        {"two braces that are text are no place", "web@x",
         "web@x boot none; web@env live reload one.service; web@braces boot none; "
         "web@outer boot none; cache@web boot none"},
        {"nothing is to be done, and a share within a machine", "db@quiet",
         "db@quiet live none; db@alias boot none; loop@b boot none"},
        {"no unit", "db@nobody", "db@nobody live none"},
        {"a unit cannot see what comes at the next boot", "db@boot", "db@boot boot none"},
        {"native", "db@native", "db@native native none"},
        {"not in the policy", "db@other", "db@other boot none"},
        {"several at once, each once", "web@x cache@password web@db web@x",
         "web@x boot none; cache@password boot none; web@db live restart one.service; "
         "web@db live restart two.service; web@env live reload one.service; "
         "web@braces boot none; cache@env boot none; web@outer boot none; cache@web boot none"},
        {"two without a policy, each once", "loop2@z loop2@y loop2@z",
         "loop2@z boot none; loop2@y boot none"},
        {"a machine without a policy", "loop2@a", "loop2@a boot none; loop@a boot none"},
    };
    Policy *policies[MACHINES];

    (void)state;
    load(policies);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(policy_effects_done) PolicyEffects effects = {0};
        char text[1024], changed[128], *rest = NULL;
        CredentialName names[4];
        size_t count = 0;

        strcpy(changed, rows[i].changed);
        for (char *word = strtok_r(changed, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
            assert_int_equal(credential_name_parse(word, NULL, &names[count++]), 0);
        assert_int_equal(policy_effects(policies, MACHINES, names, count, &effects), 0);
        print(&effects, text, sizeof(text));
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s: %s", rows[i].rule, text);
    }
    for (size_t i = 0; i < MACHINES; i++)
        policy_unref(policies[i]);
}

/* A template that contains itself through another machine must not loop. */
static void test_a_circle(void **state)
{
    static const char *const texts[] = {"{\"credentials\": {\"a\": {\"share\": \"y@a\"}}}",
                                        "{\"credentials\": {\"a\": {\"share\": \"x@a\"}}}"};
    _cleanup_(policy_effects_done) PolicyEffects effects = {0};
    CredentialName name;
    Policy *policies[2];
    char text[256];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(policy_new(i == 0 ? "x" : "y", "x.json", NULL, &policies[i]), 0);
        assert_int_equal(policy_file_parse(test_view(texts[i]), "x.json", policies[i], NULL), 0);
    }
    assert_int_equal(credential_name_parse("x@a", NULL, &name), 0);
    assert_int_equal(policy_effects(policies, 2, &name, 1, &effects), 0);
    print(&effects, text, sizeof(text));
    assert_string_equal(text, "x@a boot none; y@a boot none");
    for (size_t i = 0; i < 2; i++)
        policy_unref(policies[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_a_circle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
