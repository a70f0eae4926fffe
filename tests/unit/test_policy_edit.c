/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table of what enable does to a policy file: the old file, the request, the new file.
 */

#include "support.h"

#include "policy/policy_edit.h"

#include <string.h>

#define FILE_OF(credential) "{\n  \"credentials\": {\n    \"a\": " credential "\n  }\n}\n"
#define STORED              FILE_OF("{\n      \"store\": true\n    }")
#define LIVE_HEAD           "{\n      \"store\": true,\n      \"delivery\": \"live\""
#define LIVE                FILE_OF(LIVE_HEAD "\n    }")
#define APP                 ",\n      \"services\": [\n        \"app.service\"\n      ]"
#define LIVE_APP            FILE_OF(LIVE_HEAD APP "\n    }")
#define LIVE_APP_RESTART    FILE_OF(LIVE_HEAD APP ",\n      \"onChange\": \"restart\"\n    }")

enum { GIVEN_DELIVERY = 1, GIVEN_SERVICE = 2, GIVEN_ON_CHANGE = 4 };

typedef struct Row {
    const char *rule;
    const char *before; /* "" for no file */
    unsigned given;
    PolicyDelivery delivery;
    PolicyChange on_change;
    const char *service; /* NULL for none */
    int rc;
    PolicyEditResult result;
    const char *after; /* NULL for the same */
    bool foreign;
    const char *basis; /* contents of another file; NULL for none */
} Row;

static const Row rows[] = {
    {.rule = "a new file", .before = "", .result = POLICY_EDIT_ADDED, .after = STORED},
    {.rule = "nothing is said: nothing changes", .before = STORED},
    {.rule = "a new one, live, with its service",
     .before = "",
     .given = GIVEN_DELIVERY | GIVEN_SERVICE | GIVEN_ON_CHANGE,
     .delivery = POLICY_LIVE,
     .on_change = POLICY_RESTART,
     .service = "app.service",
     .result = POLICY_EDIT_ADDED,
     .after = LIVE_APP_RESTART},
    {.rule = "the same words again change nothing",
     .before = LIVE_APP_RESTART,
     .given = GIVEN_DELIVERY | GIVEN_SERVICE | GIVEN_ON_CHANGE,
     .delivery = POLICY_LIVE,
     .on_change = POLICY_RESTART,
     .service = "app.service"},
    {.rule = "one is changed",
     .before = STORED,
     .given = GIVEN_DELIVERY,
     .delivery = POLICY_LIVE,
     .result = POLICY_EDIT_CHANGED,
     .after = LIVE},
    {.rule = "a service is added",
     .before = LIVE,
     .given = GIVEN_SERVICE,
     .service = "app.service",
     .result = POLICY_EDIT_CHANGED,
     .after = LIVE_APP},
    {.rule = "what is not said is kept",
     .before = LIVE_APP,
     .given = GIVEN_ON_CHANGE,
     .on_change = POLICY_RESTART,
     .result = POLICY_EDIT_CHANGED,
     .after = LIVE_APP_RESTART},
    {.rule = "none is the default, and is not said",
     .before = LIVE_APP_RESTART,
     .given = GIVEN_ON_CHANGE,
     .on_change = POLICY_NONE,
     .result = POLICY_EDIT_CHANGED,
     .after = LIVE_APP},
    {.rule = "no service: all of them",
     .before = LIVE_APP,
     .given = GIVEN_SERVICE,
     .result = POLICY_EDIT_CHANGED,
     .after = LIVE},
    {.rule = "back to the default",
     .before = LIVE,
     .given = GIVEN_DELIVERY,
     .delivery = POLICY_BOOT,
     .result = POLICY_EDIT_CHANGED,
     .after = STORED},
    {.rule = "the default is what it is by itself",
     .before = STORED,
     .given = GIVEN_DELIVERY | GIVEN_ON_CHANGE,
     .delivery = POLICY_BOOT},
    {.rule = "the default in words stays, and so does the layout",
     .before = "{\"credentials\": {\"a\": {\"delivery\": \"boot\", \"services\": []}}}",
     .given = GIVEN_DELIVERY | GIVEN_SERVICE,
     .delivery = POLICY_BOOT},
    {.rule = "a service of what is not live",
     .before = STORED,
     .given = GIVEN_SERVICE,
     .service = "app.service",
     .rc = OUTCOME_USAGE},
    {.rule = "a change of what is not live",
     .before = STORED,
     .given = GIVEN_ON_CHANGE,
     .on_change = POLICY_RELOAD,
     .rc = OUTCOME_USAGE},
    {.rule = "a change for no service",
     .before = LIVE,
     .given = GIVEN_ON_CHANGE,
     .on_change = POLICY_RESTART,
     .rc = OUTCOME_USAGE},
    {.rule = "another layout is somebody else's",
     .before = "{\"credentials\": {\"a\": {}}}",
     .given = GIVEN_DELIVERY,
     .delivery = POLICY_LIVE,
     .result = POLICY_EDIT_CHANGED,
     .after = FILE_OF("{\n      \"delivery\": \"live\"\n    }"),
     .foreign = true},
    {.rule = "a source that enable does not write is somebody else's, and stays",
     .before = FILE_OF("{\n      \"share\": \"db@a\"\n    }"),
     .given = GIVEN_DELIVERY,
     .delivery = POLICY_LIVE,
     .result = POLICY_EDIT_CHANGED,
     .after = FILE_OF("{\n      \"share\": \"db@a\",\n      \"delivery\": \"live\"\n    }"),
     .foreign = true},
    {.rule = "another file's is the beginning",
     .before = "",
     .basis = "{\"share\": \"db@a\"}",
     .given = GIVEN_DELIVERY,
     .delivery = POLICY_LIVE,
     .result = POLICY_EDIT_CHANGED,
     .after = FILE_OF("{\n      \"share\": \"db@a\",\n      \"delivery\": \"live\"\n    }")},
    {.rule = "another file's that is right already is not written",
     .before = "{\"credentials\": {}}",
     .basis = "{\"share\": \"db@a\", \"delivery\": \"live\"}",
     .given = GIVEN_DELIVERY,
     .delivery = POLICY_LIVE},
};

static BytesView view_of(const char *text)
{
    return (BytesView){(const uint8_t *)text, strlen(text)};
}

static struct json_object *parse(const char *text)
{
    struct json_object *object = NULL;

    if (text)
        assert_int_equal(json_parse(view_of(text), LIMIT_JSON_DEPTH, NULL, NULL, &object), 0);
    return object;
}

static void check_after(const Row *row, const PolicyEdit *edit)
{
    _cleanup_(json_object_putp) struct json_object *expected =
        parse(row->after ? row->after : row->before);
    _cleanup_(json_object_putp) struct json_object *actual = NULL;
    _cleanup_(bytes_done) Bytes printed = {0};

    assert_int_equal(policy_edit_print(edit, &printed), 0);
    assert_int_equal(json_parse(bytes_view(&printed), LIMIT_JSON_DEPTH, NULL, NULL, &actual), 0);
    assert_true(json_object_equal(actual, expected));
    /* exact bytes if our own layout is expected */
    if (row->after)
        assert_true(bytes_view_equal(bytes_view(&printed), view_of(row->after)));
}

static void check_row(const Row *row)
{
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};
    PolicyEditDelivery delivery = {
        .delivery = row->given & GIVEN_DELIVERY ? &row->delivery : NULL,
        .services = row->given & GIVEN_SERVICE ? &row->service : NULL,
        .service_count = row->service ? 1 : 0,
        .on_change = row->given & GIVEN_ON_CHANGE ? &row->on_change : NULL,
    };
    PolicyEditResult result = POLICY_EDIT_KEPT;
    Reason reason = {0};
    int r;

    print_message("%s\n", row->rule);
    assert_int_equal(policy_edit_new(view_of(row->before), &reason, &edit), 0);
    r = policy_edit_put(&edit, "a", parse(row->basis), &delivery, &reason, &result);
    assert_int_equal(r, row->rc);
    if (r != 0) {
        assert_true(reason.text[0] != '\0');
        return;
    }
    assert_int_equal(result, row->result);
    assert_int_equal(edit.foreign, row->foreign);
    check_after(row, &edit);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i]);
}

static void test_no_policies(void **state)
{
    static const char *const texts[] = {
        "null",
        "[]",
        "1",
        "{\"credentials\": null}",
        "{\"credentials\": []}",
        "{\"credentials\": {\"a\": 1}}",
        "{\"credentials\": {\"a\": {\"services\": \"b.service\"}}}",
        "{\"credentials\": {\"a\": {\"services\": null}}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        PolicyEdit edit;
        Reason reason = {0};

        assert_int_equal(policy_edit_new(view_of(texts[i]), &reason, &edit), OUTCOME_MALFORMED);
        assert_true(reason.text[0] != '\0');
    }
}

/* Everything else in the file stays as it was. */
static void test_others_stay(void **state)
{
    static const char before[] =
        "{\"credentials\": {\"b\": {\"template\": \"x{{a}}\"}, \"c\": null, \"a\": {}}}";
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};
    _cleanup_(json_object_putp) struct json_object *b = NULL;
    PolicyEditDelivery delivery = {.delivery = &(PolicyDelivery){POLICY_LIVE}};
    PolicyEditResult result;

    (void)state;
    assert_int_equal(policy_edit_new(view_of(before), NULL, &edit), 0);
    assert_int_equal(policy_edit_put(&edit, "a", NULL, &delivery, NULL, &result), 0);
    assert_int_equal(json_object_object_length(edit.credentials), 3);
    b = policy_edit_copy(&edit, "b");
    assert_string_equal(json_object_to_json_string(b), "{ \"template\": \"x{{a}}\" }");
    /* removed by the file: like one that the file does not list */
    assert_null(policy_edit_copy(&edit, "c"));
    assert_int_equal(policy_edit_put(&edit, "c", NULL, &delivery, NULL, &result), 0);
    assert_int_equal(result, POLICY_EDIT_ADDED);
}

static void test_remove(void **state)
{
    static const char before[] = "{\"credentials\": {\"a\": {}, \"b\": null}}";
    _cleanup_(policy_edit_done) PolicyEdit edit = {0}, own = {0};

    (void)state;
    assert_int_equal(policy_edit_new(view_of(before), NULL, &edit), 0);
    assert_true(policy_edit_remove(&edit, "a"));
    assert_true(edit.foreign);
    assert_false(policy_edit_remove(&edit, "a"));
    /* null hides another file's entry, and stays */
    assert_false(policy_edit_remove(&edit, "b"));
    assert_string_equal(json_object_to_json_string(edit.root),
                        "{ \"credentials\": { \"b\": null } }");
    assert_int_equal(policy_edit_new(view_of(STORED), NULL, &own), 0);
    assert_true(policy_edit_remove(&own, "a"));
    assert_false(own.foreign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_no_policies),
        cmocka_unit_test(test_others_stay),
        cmocka_unit_test(test_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
