/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of policies: what a file says, every error in a file with its position, and errors that
 * only all files together show.
 */

#include "support.h"

#include "policy/policy.h"

#include <string.h>

/* Parses TEXTS, one after the other, as web's. */
static int parse(const char *const *texts, PolicyFault *fault, Policy **ret)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    int r = policy_new("web", "0.json", fault, &policy);

    for (size_t i = 0; r == 0 && texts[i]; i++) {
        _cleanup_(freep) char *name = NULL;

        assert_true(asprintf(&name, "%zu.json", i) > 0);
        r = policy_file_parse(test_view(texts[i]), name, policy, fault);
    }
    if (r == 0)
        r = policy_check(policy, NULL, NULL, fault);
    if (r == 0)
        *ret = TAKE_PTR(policy);
    return r;
}

static void test_everything(void **state)
{
    static const char text[] =
        "{\"credentials\": {"
        "\"plain\": {},"
        "\"stored\": {\"store\": true, \"delivery\": \"native\", \"onChange\": \"none\"},"
        "\"sealed\": {\"sealed\": \"/nix/store/x y.cred\", \"delivery\": \"boot\","
        "             \"keyType\": \"host+tpm2-with-public-key\"},"
        "\"env\": {\"template\": \"A={{plain}}\\n\", \"onChange\": \"restart\"},"
        "\"password\": {\"generate\": {\"type\": \"password\", \"length\": 20,"
        "             \"alphabet\": \"abcdefghij\"}},"
        "\"token\": {\"generate\": {\"bytes\": 16, \"type\": \"hex\"}},"
        "\"key\": {\"generate\": {\"type\": \"ssh-ed25519\"}},"
        "\"db.password\": {\"share\": \"db@password\", \"delivery\": \"live\","
        "             \"services\": [\"postgresql.service\", \"a@b.service\"],"
        "             \"onChange\": \"reload\"},"
        "\"out\": {\"file\": \"/run/secrets/out\"},"
        "\"theirs\": {\"fleet\": \"prod-1\", \"keyType\": \"tpm2\", \"onFailure\": \"previous\"}"
        "}}";
    static const char *const texts[] = {text, NULL};
    static const PolicySource sources[] = {
        POLICY_STORE,    POLICY_STORE,    POLICY_SEALED, POLICY_TEMPLATE, POLICY_GENERATE,
        POLICY_GENERATE, POLICY_GENERATE, POLICY_SHARE,  POLICY_FILE,     POLICY_FLEET};
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    const PolicyCredential *c;

    (void)state;
    if (parse(texts, &fault, &policy) != 0)
        fail_msg("%zu:%zu: %s", fault.position.line, fault.position.column, fault.what.text);
    assert_string_equal(policy->machine, "web");
    assert_int_equal(policy->count, COUNT(sources));
    for (size_t i = 0; i < COUNT(sources); i++)
        assert_int_equal(policy->credentials[i].source, sources[i]);
    c = &policy->credentials[0];
    assert_true(c->delivery == POLICY_BOOT && c->on_change == POLICY_NONE && !c->text &&
                c->service_count == 0);
    assert_int_equal(policy_find(policy, "stored")->delivery, POLICY_NATIVE);
    assert_string_equal(policy_find(policy, "sealed")->text, "/nix/store/x y.cred");
    assert_string_equal(policy_find(policy, "sealed")->key_type, "host+tpm2-with-public-key");
    assert_null(policy_find(policy, "stored")->key_type);
    assert_string_equal(policy_find(policy, "env")->text, "A={{plain}}\n");
    assert_int_equal(policy_find(policy, "env")->on_change, POLICY_RESTART);
    assert_int_equal(policy_find(policy, "env")->on_failure, POLICY_KEEP);
    assert_int_equal(policy_find(policy, "theirs")->on_failure, POLICY_PREVIOUS);
    assert_int_equal(policy_find(policy, "password")->recipe.length, 20);
    assert_string_equal(policy_find(policy, "password")->recipe.alphabet, "abcdefghij");
    assert_int_equal(policy_find(policy, "token")->recipe.type, RECIPE_HEX);
    assert_int_equal(policy_find(policy, "token")->recipe.length, 16);
    assert_int_equal(policy_find(policy, "key")->recipe.type, RECIPE_SSH_ED25519);
    assert_string_equal(policy_find(policy, "theirs")->text, "prod-1");
    c = policy_find(policy, "db.password");
    assert_string_equal(c->text, "db@password");
    assert_int_equal(c->delivery, POLICY_LIVE);
    assert_int_equal(c->on_change, POLICY_RELOAD);
    assert_int_equal(c->service_count, 2);
    assert_string_equal(c->services[1], "a@b.service");
    assert_null(policy_find(policy, "Plain"));
}

/* Later files replace whole credentials, or remove them. */
static void test_layers(void **state)
{
    static const char *const texts[] = {
        "{\"credentials\": {\"a\": {\"share\": \"db@a\", \"delivery\": \"live\"}, \"b\": {},"
        "\"c\": {\"template\": \"{{b}}\"}}}",
        "{\"credentials\": {\"a\": {\"sealed\": \"/a\"}, \"c\": null, \"none\": null}}",
        "{\"credentials\": {}}",
        "{\"credentials\": {\"d\": {\"file\": \"/d\"}, \"b\": null}}",
        NULL,
    };
    _cleanup_(policy_unrefp) Policy *policy = NULL;

    (void)state;
    assert_int_equal(parse(texts, NULL, &policy), 0);
    assert_int_equal(policy->count, 2);
    assert_int_equal(policy_find(policy, "a")->source, POLICY_SEALED);
    assert_int_equal(policy_find(policy, "a")->delivery, POLICY_BOOT);
    assert_string_equal(policy->files[policy_find(policy, "a")->file].name, "1.json");
    assert_int_equal(policy_position(policy, policy_find(policy, "a")).column, 18);
    assert_string_equal(policy->files[policy_find(policy, "d")->file].name, "3.json");
}

#define IN(members) "{\"credentials\":\n {\"a\":{}, \"x\": {" members "}}}"

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        size_t line, column;
        const char *words;
    } rows[] = {
        {"[]", 1, 1, "must be an object"},
        {"{}", 1, 1, "\"credentials\" is missing"},
        {"{\"credentials\": []}", 1, 2, "must be an object"},
        {"{\"credentials\": null}", 1, 2, "must be an object"},
        {"{\"credential\": {}}", 1, 2,
         "unknown member \"credential\"; did you mean \"credentials\"?"},
        {"{\"credentials\": {}, \"a\\u0001\\n\": 1}", 1, 21, "unknown member \"a??\""},
        {"{\"credentials\": {}}}", 1, 20, "not JSON"},
        {"{\"credentials\": {\"a\": 1}}", 1, 18, "must be an object"},
        {"{\"credentials\": {\"a\": {}, \"a\": {}}}", 1, 27, "second member"},
        {"{\"credentials\": {\"a b\": {}}}", 1, 18, "\"a b\" is not an id"},
        {"{\"credentials\": {\"a/b\": null}}", 1, 18, "is not an id"},
        {"{\"credentials\": {\"\": {}}}", 1, 18, "is not an id"},
        {"{\"credentials\": {\"..\": {}}}", 1, 18, "is not an id"},
        {"{\"credentials\": {\"a%b\": {}}}", 1, 18, "is not an id"},
        {"{\"credentials\": {\n"
         "\"0123456789012345678901234567890123456789012345678901234567\": {}}}",
         2, 1, "is too long"},
        {IN("\"stored\": true"), 2, 17, "unknown member \"stored\"; did you mean \"store\"?"},
        {IN("\"store\": false"), 2, 17, "can only be true"},
        {IN("\"store\": 1"), 2, 17, "can only be true"},
        {IN("\"store\": true, \"sealed\": \"/x\""), 2, 32, "\"sealed\" and \"store\""},
        {IN("\"sealed\": \"x\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/x/../y\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/x/..\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/x/\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"//x\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/x\\n\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/x\\u0000y\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/x\\\\\""), 2, 17, "absolute path"},
        {IN("\"sealed\": \"/x \""), 2, 17, "absolute path"},
        {IN("\"sealed\": 7"), 2, 17, "absolute path"},
        {IN("\"file\": \"run/x\""), 2, 17, "absolute path"},
        {IN("\"fleet\": true"), 2, 17, "a fleet's name"},
        {IN("\"fleet\": \"\""), 2, 17, "a fleet's name"},
        {IN("\"fleet\": \"../x\""), 2, 17, "a fleet's name"},
        {IN("\"fleet\": \"Prod\""), 2, 17, "a fleet's name"},
        {IN("\"fleet\": \"prod\", \"store\": true"), 2, 34, "\"store\" and \"fleet\""},
        {IN("\"fleet\": \"prod\", \"delivery\": \"native\""), 2, 11, "signers signed it"},
        {IN("\"share\": \"db\""), 2, 17, "MACHINE@ID"},
        {IN("\"share\": \"db@a b\""), 2, 17, "MACHINE@ID"},
        {IN("\"share\": \"-@x\""), 2, 17, "MACHINE@ID"},
        {IN("\"share\": [\"db@x\"]"), 2, 17, "MACHINE@ID"},
        {IN("\"share\": \"web@gone\""), 2, 11,
         "\"web@gone\", which that machine's policy does not list"},
        {IN("\"share\": \"web@x\""), 2, 11, "contains itself"},
        {IN("\"template\": 1"), 2, 17, "must be a text"},
        {IN("\"template\": \"\""), 2, 17, "empty"},
        {IN("\"template\": \"{{a}\""), 2, 17, "byte 1 of the template"},
        {IN("\"template\": \"{{gone}}\""), 2, 11, "\"gone\", but the policy does not list"},
        {IN("\"template\": \"{{x}}\""), 2, 11, "\"x\" contains itself"},
        {IN("\"template\": \"{{y}}\"}, \"y\": {\"template\": \"{{x}}\""), 2, 11, "contains itself"},
        {IN("\"template\": \"{{y}}\"}, \"y\": {\"share\": \"web@x\""), 2, 11, "contains itself"},
        {IN("\"generate\": \"hex\""), 2, 17, "must be an object"},
        {IN("\"generate\": {}"), 2, 17, "no \"type\""},
        {IN("\"generate\": {\"type\": \"rsa\"}"), 2, 30, "\"type\" must be"},
        {IN("\"generate\": {\"type\": \"hex\", \"x\": 1}"), 2, 45, "unknown member \"x\""},
        {IN("\"generate\": {\"type\": \"hex\", \"length\": 32}"), 2, 17,
         "\"length\" does not apply"},
        {IN("\"generate\": {\"type\": \"uuid\", \"bytes\": 32}"), 2, 17,
         "\"bytes\" does not apply"},
        {IN("\"generate\": {\"type\": \"hex\", \"alphabet\": \"ab\"}"), 2, 17, "\"alphabet\""},
        {IN("\"generate\": {\"type\": \"hex\", \"bytes\": \"32\"}"), 2, 45, "whole number"},
        {IN("\"generate\": {\"type\": \"hex\", \"bytes\": 32.5}"), 2, 45, "whole number"},
        {IN("\"generate\": {\"type\": \"hex\", \"bytes\": -1}"), 2, 45, "whole number"},
        {IN("\"generate\": {\"type\": \"hex\", \"bytes\": 9223372036854775807}"), 2, 45,
         "whole number"},
        {IN("\"generate\": {\"type\": \"hex\", \"bytes\": 1025}"), 2, 17, "at most 1024"},
        {IN("\"generate\": {\"type\": \"hex\", \"bytes\": 7}"), 2, 17, "guessed"},
        {IN("\"generate\": {\"type\": \"password\", \"alphabet\": \"aba\"}"), 2, 17, "twice"},
        {IN("\"generate\": {\"type\": \"password\", \"alphabet\": 1}"), 2, 50, "a text"},
        {IN("\"generate\": {\"length\": 9, \"bytes\": 9, \"type\": \"hex\"}"), 2, 43,
         "exclude each other"},
        {IN("\"delivery\": \"Boot\""), 2, 17, "\"boot\", \"live\" or \"native\""},
        {IN("\"delivery\": null"), 2, 17, "\"boot\", \"live\" or \"native\""},
        {IN("\"delivery\": \"native\", \"file\": \"/x\""), 2, 11, "sealed file"},
        {IN("\"delivery\": \"native\", \"template\": \"{{a}}\""), 2, 11, "sealed file"},
        {IN("\"delivery\": \"native\", \"sealed\": \"/x y\""), 2, 11, "must not contain spaces"},
        {IN("\"keyType\": \"null\""), 2, 17, "\"host\", \"tpm2\", \"host+tpm2\""},
        {IN("\"keyType\": \"tpm2-pinned\""), 2, 17, "\"host\", \"tpm2\", \"host+tpm2\""},
        {IN("\"keyType\": [\"host\"]"), 2, 17, "\"host\", \"tpm2\", \"host+tpm2\""},
        {IN("\"keyType\": \"host\", \"delivery\": \"native\""), 2, 11,
         "does not look at \"keyType\""},
        {IN("\"keyType\": \"host\", \"file\": \"/x\""), 2, 11, "does not apply to \"file\""},
        {IN("\"keyType\": \"host\", \"template\": \"{{a}}\""), 2, 11,
         "does not apply to \"template\""},
        {IN("\"keyType\": \"host\", \"share\": \"db@x\""), 2, 11, "the other machine's policy"},
        {IN("\"keyType\": \"tpm2-with-public-key\", \"generate\": {\"type\": \"uuid\"}"), 2, 11,
         "a generated secret has no PCR policy"},
        {IN("\"onChange\": true"), 2, 17, "\"restart\", \"reload\" or \"none\""},
        {IN("\"onFailure\": \"restart\", \"fleet\": \"prod\""), 2, 17, "\"keep\" or \"previous\""},
        {IN("\"onFailure\": \"previous\""), 2, 11, "does not apply to \"store\""},
        {IN("\"onFailure\": \"previous\", \"file\": \"/x\""), 2, 11, "does not apply to \"file\""},
        {IN("\"services\": \"x.service\""), 2, 17, "a list"},
        {IN("\"services\": [\"x.service\",\n7]"), 3, 1, "name of a unit"},
        {IN("\"services\": [\"x y.service\"]"), 2, 30, "name of a unit"},
        {IN("\"services\": [\"x\"]"), 2, 30, "name of a unit"},
        {IN("\"services\": [[[[[[]]]]]]"), 2, 32, "not JSON"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const texts[] = {rows[i].text, NULL};
        Policy *policy = NULL;
        PolicyFault fault = {0};

        if (parse(texts, &fault, &policy) != OUTCOME_BAD_POLICY)
            fail_msg("taken: %s", rows[i].text);
        assert_null(policy);
        assert_string_equal(fault.file, "0.json");
        if (!strstr(fault.what.text, rows[i].words) || fault.position.line != rows[i].line ||
            fault.position.column != rows[i].column)
            fail_msg("%s: %zu:%zu: %s", rows[i].text, fault.position.line, fault.position.column,
                     fault.what.text);
    }
}

/* A file that is cut anywhere is refused, and no byte past its end is read. */
static void test_truncations(void **state)
{
    static const char text[] = IN("\"generate\": {\"type\": \"hex\", \"bytes\": 8}");

    (void)state;
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        _cleanup_(bytes_done) Bytes cut = {0};

        assert_int_equal(bytes_dup((BytesView){(const uint8_t *)text, size}, &cut), 0);
        assert_int_equal(policy_new("web", "f", NULL, &policy), 0);
        assert_int_equal(policy_file_parse(bytes_view(&cut), "f", policy, NULL),
                         OUTCOME_BAD_POLICY);
    }
}

/* A chain of templates of the greatest length and one longer, and a template with many
 * ingredients. */
static void test_depth_and_width(void **state)
{
    char text[8192], name[16] = "";
    const char *texts[] = {text, NULL};
    PolicyFault fault;

    (void)state;
    for (size_t depth = LIMIT_REQUEST_DEPTH; depth <= LIMIT_REQUEST_DEPTH + 1; depth++) {
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        size_t used = (size_t)sprintf(text, "{\"credentials\": {\"c1\": {}");

        for (size_t i = 2; i <= depth; i++)
            used +=
                (size_t)sprintf(text + used, ", \"c%zu\": {\"template\": \"{{c%zu}}\"}", i, i - 1);
        sprintf(text + used, "}}");
        assert_int_equal(parse(texts, &fault, &policy),
                         depth > LIMIT_REQUEST_DEPTH ? OUTCOME_BAD_POLICY : 0);
    }
    assert_string_equal(fault.what.text, "the ingredients of \"c9\" are nested too deeply");
    for (size_t width = LIMIT_REQUEST_INGREDIENTS - 1; width <= LIMIT_REQUEST_INGREDIENTS;
         width++) {
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        size_t used =
            (size_t)sprintf(text, "{\"credentials\": {\"c1\": {}, \"t\": {\"template\": \"");

        for (size_t i = 0; i < width; i++)
            used += (size_t)sprintf(text + used, "{{c1}}%s", name);
        sprintf(text + used, "\"}}}");
        assert_int_equal(parse(texts, &fault, &policy),
                         width == LIMIT_REQUEST_INGREDIENTS ? OUTCOME_BAD_POLICY : 0);
    }
    assert_string_equal(fault.what.text, "\"t\" has too many ingredients");
}

/* COUNT texts of FORMAT, which has one %zu, separated by commas. */
static char *repeat(const char *before, size_t count, const char *format, const char *after)
{
    size_t room = strlen(before) + count * (strlen(format) + 24) + strlen(after) + 1;
    char *text = malloc(room);
    size_t used;

    assert_non_null(text);
    used = (size_t)sprintf(text, "%s", before);
    for (size_t i = 0; i < count; i++) {
        char number[24];
        const char *place = strstr(format, "%zu");

        snprintf(number, sizeof(number), "%zu", i);
        used += (size_t)sprintf(text + used, "%s%.*s%s%s", i > 0 ? "," : "", (int)(place - format),
                                format, number, place + 3);
    }
    sprintf(text + used, "%s", after);
    return text;
}

/* The greatest number, and one more. */
static void test_counts(void **state)
{
    static const struct {
        size_t limit;
        const char *before, *format, *after, *words;
    } rows[] = {
        {LIMIT_POLICY_CREDENTIALS, "{\"credentials\": {", "\"c%zu\": {}", "}}",
         "there are more than 1024 credentials"},
        {LIMIT_POLICY_SERVICES,
         "{\"credentials\": {\"a\": {\"delivery\": \"live\", \"services\": [", "\"s%zu.service\"",
         "]}}}", "there are more than 256 services"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t more = 0; more < 2; more++) {
            _cleanup_(freep) char *text =
                repeat(rows[i].before, rows[i].limit + more, rows[i].format, rows[i].after);
            _cleanup_(policy_unrefp) Policy *policy = NULL;
            const char *texts[] = {text, NULL};
            PolicyFault fault = {0};

            assert_int_equal(parse(texts, &fault, &policy), more ? OUTCOME_BAD_POLICY : 0);
            assert_string_equal(fault.what.text, more ? rows[i].words : "");
        }
}

static const Policy *look_up(void *userdata, const char *machine)
{
    const Policy *const *policies = userdata;

    for (; *policies; policies++)
        if (strcmp((*policies)->machine, machine) == 0)
            return *policies;
    return NULL;
}

/* Shared credentials are followed to the machines that have a policy. */
static void test_shares(void **state)
{
    static const struct {
        const char *db;
        int rc;
        const char *words;
    } rows[] = {
        {"{\"credentials\": {\"p\": {}}}", 0, ""},
        {"{\"credentials\": {\"p\": {\"share\": \"mail@p\"}}}", 0, ""},
        {"{\"credentials\": {\"q\": {}}}", OUTCOME_BAD_POLICY, "share of \"db@p\""},
        {"{\"credentials\": {\"p\": {\"share\": \"web@p\"}}}", OUTCOME_BAD_POLICY,
         "contains itself"},
        {"{\"credentials\": {\"p\": {\"template\": \"{{q}}\"}, \"q\": {\"share\": \"web@p\"}}}",
         OUTCOME_BAD_POLICY, "contains itself"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(policy_unrefp) Policy *web = NULL, *db = NULL;
        const Policy *all[3];
        PolicyFault fault = {0};

        assert_int_equal(policy_new("web", "f", NULL, &web), 0);
        assert_int_equal(policy_new("db", "f", NULL, &db), 0);
        assert_int_equal(policy_file_parse(test_view("{\"credentials\": {\"p\": "
                                                     "{\"share\": \"db@p\"}}}"),
                                           "web.json", web, NULL),
                         0);
        assert_int_equal(policy_file_parse(test_view(rows[i].db), "db.json", db, NULL), 0);
        memcpy(all, (const Policy *[]){web, db, NULL}, sizeof(all));
        assert_int_equal(policy_check(web, NULL, NULL, NULL), 0);
        assert_int_equal(policy_check(web, look_up, all, &fault), rows[i].rc);
        if (!strstr(fault.what.text, rows[i].words))
            fail_msg("row %zu: %s", i, fault.what.text);
    }
}

static void test_faults_as_reasons(void **state)
{
    PolicyFault fault = {.file = "/etc/x.json", .position = {3, 7}, .what = {"it is wrong"}};
    Reason reason;

    (void)state;
    assert_int_equal(policy_fault_reason(&fault, OUTCOME_BAD_POLICY, &reason), OUTCOME_BAD_POLICY);
    assert_string_equal(reason.text, "/etc/x.json:3:7: it is wrong");
    fault.position.line = 0;
    policy_fault_reason(&fault, OUTCOME_BAD_POLICY, &reason);
    assert_string_equal(reason.text, "/etc/x.json: it is wrong");
    fault.file[0] = '\0';
    policy_fault_reason(&fault, OUTCOME_BAD_POLICY, &reason);
    assert_string_equal(reason.text, "it is wrong");
    assert_int_equal(policy_new("-", "-.json", &fault, &(Policy *){NULL}), OUTCOME_BAD_POLICY);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),      cmocka_unit_test(test_everything),
        cmocka_unit_test(test_layers),      cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_truncations), cmocka_unit_test(test_depth_and_width),
        cmocka_unit_test(test_shares),      cmocka_unit_test(test_faults_as_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
