/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What earlier releases promised of outcomes, exit statuses and metrics, tests/compat, is kept.
 *
 *     test_promises --print outcomes|metrics
 *
 * prints what this one has, a line each: "OUTCOME EXIT-STATUS" and "TYPE NAME{LABEL="VALUE"}".
 */

#include "control_calls.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#define EXPIRES UINT64_C(4102444800000000) /* 2100-01-01, µs */

static char *print_outcomes(void)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    for (int rc = OUTCOME_OK; rc < _OUTCOME_MAX; rc++)
        fprintf(file, "%s %d\n", outcome_name(rc), outcome_exit_status(rc));
    fprintf(file, "%s %d\n", outcome_name(-EIO), outcome_exit_status(-EIO));
    fclose(file);
    return text;
}

static void print_family(FILE *file, struct json_object *family)
{
    struct json_object *samples = member(family, "samples");

    for (size_t i = 0; i < json_object_array_length(samples); i++) {
        struct json_object *sample = json_object_array_get_idx(samples, i);
        const char *label = varlink_text(sample, "label");

        fprintf(file, "%s %s%s", varlink_text(family, "type"), varlink_text(family, "name"),
                varlink_text(sample, "suffix"));
        if (label)
            fprintf(file, "{%s=\"%s\"}", label, varlink_text(sample, "labelValue"));
        fputc('\n', file);
    }
}

/* Of a broker that has opened a credential with a time of expiry, so that it has all families. */
static char *print_metrics(void)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    _cleanup_(json_object_putp) struct json_object *metrics = NULL;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    struct json_object *families;

    assert_non_null(file);
    broker_start(broker);
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, EXPIRES});
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    metrics = call(broker, "Metrics", NULL, 0);
    families = member(metrics, "families");
    for (size_t i = 0; i < json_object_array_length(families); i++)
        print_family(file, json_object_array_get_idx(families, i));
    assert_int_equal(broker_stop(broker), 0);
    fclose(file);
    return text;
}

static bool has_line(const char *text, const char *line)
{
    size_t length = strlen(line);

    for (const char *at = text; (at = strstr(at, line)); at += length)
        if ((at == text || at[-1] == '\n') && at[length] == '\n')
            return true;
    return false;
}

/* Each line of the file NAME of each release is a line of PRESENT. */
static void expect_kept(const char *name, const char *present)
{
    _cleanup_(freep) char *pattern = NULL;
    glob_t found = {0};

    assert_true(asprintf(&pattern, "%s/[0-9]*/%s", COMPAT, name) > 0);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        _cleanup_(bytes_done) Bytes file = test_read_file(found.gl_pathv[i]);
        _cleanup_(freep) char *text = strndup((const char *)file.data, file.size);
        char *rest = text, *line;

        assert_true(file.size > 0);
        while ((line = strsep(&rest, "\n")))
            if (*line && !has_line(present, line))
                fail_msg("%s: no longer there: %s", found.gl_pathv[i], line);
    }
    globfree(&found);
}

static void test_outcomes(void **state)
{
    _cleanup_(freep) char *present = print_outcomes();

    (void)state;
    expect_kept("outcomes", present);
}

static void test_metrics(void **state)
{
    _cleanup_(freep) char *present = print_metrics();

    (void)state;
    expect_kept("metrics", present);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_metrics),
    };

    if (argc == 3 && strcmp(argv[1], "--print") == 0) {
        _cleanup_(freep) char *text =
            strcmp(argv[2], "metrics") == 0 ? print_metrics() : print_outcomes();

        return fputs(text, stdout) < 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
