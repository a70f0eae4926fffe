/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the readers of dotenv, JSON and YAML: what each accepts, as programs read it, and that
 * the rest is refused.
 */

#include "support.h"

#include "base/value_file.h"

#include <string.h>

typedef int Next(ValueFile *file, Reason *reason, ValueEntry *ret);

static Next *const dotenv = value_file_next_dotenv;
static Next *const json = value_file_next_json;
static Next *const yaml = value_file_next_yaml;

/* Reads TEXT to its end. RET gets "NAME=VALUE;" for each entry. */
static int read_all(Next *next, const char *text, Reason *reason, char ret[256])
{
    _cleanup_(bytes_done) Bytes copy = {0};
    ValueEntry entry;
    ValueFile file;
    int r;

    ret[0] = '\0';
    assert_int_equal(bytes_dup(test_view(text), &copy), 0);
    file = (ValueFile){.at = copy.data, .end = copy.data + copy.size, .line = 1};
    do {
        r = next(&file, reason, &entry);
        if (r == 0 && entry.name)
            snprintf(ret + strlen(ret), 256 - strlen(ret), "%s=%.*s;", entry.name,
                     (int)entry.value.size, (const char *)entry.value.data);
    } while (r == 0 && entry.name);
    return r;
}

static void test_accepted(void **state)
{
    static const struct {
        Next *const *next;
        const char *text, *entries, *rule;
    } rows[] = {
        {&dotenv, "", "", "an empty file"},
        {&dotenv, "A=b\n\n# c\nexport D='e'  # f\nG=", "A=b;D=e;G=;", "lines"},
        {&dotenv, "A=\"\\n\\\"\\$\\`\\\\\"\r\nB=c\r\n", "A=\n\"$`\\;B=c;", "escapes, and CR LF"},
        {&dotenv, "A='b\nc$d'", "A=b\nc$d;", "several lines"},
        {&json, "{}", "", "an empty object"},
        {&json, " { \"a\" : \"b\",\r\n\"c-d\":\"\" }\n", "a=b;c-d=;", "white space, and no bytes"},
        {&json, "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a=\"\\/\b\f\n\r\t;", "escapes"},
        {&json, "{\"\\u0061\":\"\\u00e9\\u20AC\\ud83d\\ude00é\"}", "a=é€😀é;", "characters"},
        {&yaml, "", "", "an empty file"},
        {&yaml, "--- # c\n\n# c\na: b\n  # c\nc-d/e.f:   g h#i  # c\n", "a=b;c-d/e.f=g h#i;",
         "lines and comments"},
        {&yaml, "a: \"b\\n\\u0041\" # c\n'd': 'e''f'\n\"g\": h", "a=b\nA;d=e'f;g=h;", "quotes"},
        {&yaml, "a: |\n  b\n\n   c\n\nd: |-\n e\n f\n\n# g\nh: i", "a=b\n\n c\n;d=e\nf;h=i;",
         "texts of several lines"},
        {&yaml, "a: b:c\r\nd: $2y$10$x\r\ne: nothing\n", "a=b:c;d=$2y$10$x;e=nothing;",
         "no quotes are needed"},
    };
    char entries[256];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        if (read_all(*rows[i].next, rows[i].text, &reason, entries) != 0 ||
            strcmp(entries, rows[i].entries) != 0)
            fail_msg("%s: \"%s\" %s", rows[i].rule, entries, reason.text);
    }
}

static void test_refused(void **state)
{
    static const struct {
        Next *const *next;
        const char *text, *reason;
    } rows[] = {
        {&dotenv, "a", "line 1: this is not NAME=VALUE"},
        {&dotenv, "\na b=c", "line 2: this is not NAME=VALUE"},
        {&dotenv, "a=b c", "line 1: programs disagree"},
        {&dotenv, "a=\"$b\"", "line 1: programs disagree"},
        {&dotenv, "a='b\n\n", "line 1: the quotation mark is not closed"},
        {&json, "", "line 1: this is not a JSON object"},
        {&json, "[\"a\"]", "line 1: this is not a JSON object"},
        {&json, "{", "line 1: a name in double quotes"},
        {&json, "{\n'a': \"b\"}", "line 2: a name in double quotes"},
        {&json, "{\"a\": \"b\",}", "line 1: a name in double quotes"},
        {&json, "{\"a\"}", "line 1: a \":\" is missing"},
        {&json, "{\"a\": \"b\"", "line 1: a comma or the end"},
        {&json, "{\"a\": \"b\" \"c\": \"d\"}", "line 1: a comma or the end"},
        {&json, "{\"a\": \"b\"}\n{}", "line 2: something follows"},
        {&json, "{\"a\": \"b", "line 1: the quotation mark is not closed"},
        {&json, "{\"a\": \"b\nc\"}", "line 1: a line break or control character"},
        {&json, "{\"a\": \"\\x41\"}", "line 1: unknown escape"},
        {&json, "{\"a\": \"\\u0000\"}", "line 1: unknown escape, or NUL"},
        {&json, "{\"a\": \"\\ud83d\"}", "line 1: unknown escape"},
        {&json, "{\"a\": \"\\ude00\\ud83d\"}", "line 1: unknown escape"},
        {&json, "{\"a\": \"\\u00\"}", "line 1: unknown escape"},
        {&json, "{\"a\": 1}", "line 1: a is a number"},
        {&json, "{\"a\": -1}", "line 1: a is a number"},
        {&json, "{\"a\": NaN}", "line 1: a is something else"},
        {&json, "{\"a\": true}", "line 1: a is a boolean"},
        {&json, "{\"a\": null}", "line 1: a is null"},
        {&json, "{\"a\": [\"b\"]}", "line 1: a is a list"},
        {&json, "{\"a\": {}}", "line 1: a is an object"},
        {&json, "{\"a\":\n{ \"b\": \"c\"}}", "line 2: a.b is nested"},
        {&yaml, "a", "line 1: this is not NAME: VALUE"},
        {&yaml, "a:b", "line 1: this is not NAME: VALUE"},
        {&yaml, "{\"a\": \"b\"}", "line 1: this is not NAME: VALUE"},
        {&yaml, "- a", "line 1: this is not NAME: VALUE"},
        {&yaml, "1: a", "line 1: this is not NAME: VALUE"},
        {&yaml, "Yes: a", "line 1: some programs take this name for a boolean"},
        {&yaml, "a: b\n--- \nc: d\n", "line 2: this is not NAME: VALUE"},
        {&yaml, "a: b\n  c\n", "line 2: this line is indented"},
        {&yaml, " a: b\n", "line 1: this line is indented"},
        {&yaml, "a:\n\n  b: c\n", "line 1: a.b is nested"},
        {&yaml, "a: # b\n  - c\n", "line 1: a has a list"},
        {&yaml, "a:\n- b\n", "line 1: a has a list"},
        {&yaml, "a:\nb: c", "line 1: a has no value"},
        {&yaml, "a: 1e3", "line 1: without quotes the value of a"},
        {&yaml, "a: .nan", "line 1: without quotes the value of a"},
        {&yaml, "a: [b]", "line 1: without quotes the value of a"},
        {&yaml, "a: {b: c}", "line 1: without quotes the value of a"},
        {&yaml, "a: &b c", "line 1: without quotes the value of a"},
        {&yaml, "a: *b", "line 1: without quotes the value of a"},
        {&yaml, "a: !!str b", "line 1: without quotes the value of a"},
        {&yaml, "a: >\n  b\n", "line 1: without quotes the value of a"},
        {&yaml, "a: Off # b", "line 1: without quotes the value of a"},
        {&yaml, "a: null", "line 1: without quotes the value of a"},
        {&yaml, "a: b: c", "line 1: without quotes the value of a"},
        {&yaml, "a: b:", "line 1: without quotes the value of a"},
        {&yaml, "a: b\tc", "line 1: without quotes the value of a"},
        {&yaml, "a: \"b\" c", "line 1: something follows the value"},
        {&yaml, "a: 'b'#c", "line 1: something follows the value"},
        {&yaml, "a: 'b\n  c'", "line 1: a quotation mark is not closed"},
        {&yaml, "a: |+\n  b\n", "line 1: only | and |-"},
        {&yaml, "a: |2\n  b\n", "line 1: only | and |-"},
        {&yaml, "a: |\nb: c\n", "line 2: there is no text after |"},
        {&yaml, "a: |\n  b", "line 2: a line of this text does not end with LF"},
        {&yaml, "a: |\n  b\r\n", "line 2: a line of this text does not end with LF"},
        {&yaml, "a: |\n   \n  b\n", "line 2: programs disagree about this line"},
        {&yaml, "a: |\n  b\n   \n", "line 3: programs disagree about this line"},
        {&yaml, "a: |\n  b\n c\n", "line 3: this line is indented"},
    };
    char entries[256];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        if (read_all(*rows[i].next, rows[i].text, &reason, entries) != OUTCOME_USAGE ||
            strncmp(reason.text, rows[i].reason, strlen(rows[i].reason)) != 0)
            fail_msg("%s: \"%s\" %s", rows[i].text, entries, reason.text);
    }
}

/* A file that is cut anywhere is read up to there, or refused, and a NUL is never part of a value.
 * The sanitizers look for bytes behind the end. */
static void test_cut(void **state)
{
    static const char *const texts[] = {"export A=b\r\nC='d' # e\nF=\"g\\n\"\n",
                                        "{\"a\": \"\\u00e9\\ud83d\\ude00\", \"b\": \"c\"}",
                                        "---\na: \"b\\n\"\nc: 'd''e'\nf: |\n  g\n h: i # j\n"};
    static Next *const nexts[] = {value_file_next_dotenv, value_file_next_json,
                                  value_file_next_yaml};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        for (size_t size = 0; size <= strlen(texts[i]); size++)
            for (int nul = 0; nul < 2; nul++) {
                _cleanup_(bytes_done) Bytes copy = {0};
                ValueEntry entry = {.name = ""};
                ValueFile file;

                assert_int_equal(bytes_dup((BytesView){(const uint8_t *)texts[i], size}, &copy), 0);
                if (nul && size > 0)
                    copy.data[size / 2] = '\0';
                file = (ValueFile){copy.data, copy.data + size, 1, false};
                while (entry.name && nexts[i](&file, NULL, &entry) == 0)
                    if (entry.name)
                        assert_null(memchr(entry.value.data, '\0', entry.value.size));
            }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
