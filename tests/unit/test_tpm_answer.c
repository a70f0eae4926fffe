/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/tpm_child.c: the messages with which children answer, and what the parent makes
 * of bad ones and of none. No TPM is needed: the test does the work. test_tpm_child.c is about the
 * processes.
 */

#include "support.h"

#include "base/limits.h"
#include "tpm/tpm_child.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int set_up(void **state)
{
    Context context;

    (void)state;
    return context_system(&context); /* before anything is secret */
}

/* No test leaves a child, not even a dead one. */
static int tear_down(void **state)
{
    (void)state;
    /* if nobody else waits for children, this does */
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    signal(SIGCHLD, SIG_DFL);
    return 0;
}

enum { FIELDS = 6, NO_KEY = -1 };

typedef struct Answer {
    const char *rule;
    int key; /* bytes */
    size_t fields[FIELDS];
    int rc;
    const char *words;
} Answer;

static Bytes *const *fields_of(TpmResult *result)
{
    static Bytes *fields[FIELDS];

    fields[0] = &result->sealed.blob;
    fields[1] = &result->sealed.policy_hash;
    fields[2] = &result->sealed.srk;
    fields[3] = &result->sealed.public_key;
    fields[4] = &result->export.srk;
    fields[5] = &result->export.legacy;
    return fields;
}

static int give(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const Answer *answer = request;
    Bytes *const *fields = fields_of(ret);

    (void)observer;
    if (answer->key != NO_KEY && secret_new((size_t)answer->key, reason, &ret->key) != 0)
        return -ENOMEM;
    for (int i = 0; i < answer->key; i++)
        secret_borrow(ret->key)[i] = (uint8_t)(i + 1);
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i]->data = malloc(answer->fields[i] + 1);
        fields[i]->size = answer->fields[i];
        memset(fields[i]->data, (int)('a' + i), answer->fields[i]);
    }
    ret->sealed.pcr_mask = 1;
    ret->sealed.pcr_bank = 2;
    ret->sealed.primary_alg = 3;
    ret->sealed.public_key_mask = 4;
    ret->export.pcrs = (TpmPcrs){.mask = 5, .given = 6, .bank = 7};
    memset(ret->export.pcrs.values, 8, sizeof(ret->export.pcrs.values));
    ret->health =
        (TpmHealth){.locked_out = true, .failures = 9, .failures_max = 10, .interval = 11};
    ret->has_srk = true;
    return 0;
}

static void expect_given(const Answer *answer, TpmResult *result)
{
    Bytes *const *fields = fields_of(result);

    assert_int_equal(result->key != NULL, answer->key != NO_KEY);
    if (result->key) {
        _cleanup_(secret_freep) Secret *key = test_secret_of(TPM_KEY_BYTES);

        assert_true(secret_equal(result->key, key));
    }
    for (size_t i = 0; i < FIELDS; i++) {
        if (fields[i]->size != answer->fields[i])
            fail_msg("%s: field %zu has %zu bytes", answer->rule, i, fields[i]->size);
        for (size_t j = 0; j < fields[i]->size; j++)
            if (fields[i]->data[j] != 'a' + i)
                fail_msg("%s: field %zu is another", answer->rule, i);
    }
    assert_int_equal(result->sealed.pcr_mask, 1);
    assert_int_equal(result->sealed.pcr_bank, 2);
    assert_int_equal(result->sealed.primary_alg, 3);
    assert_int_equal(result->sealed.public_key_mask, 4);
    assert_int_equal(result->export.pcrs.mask, 5);
    assert_int_equal(result->export.pcrs.given, 6);
    assert_int_equal(result->export.pcrs.bank, 7);
    for (size_t i = 0; i < TPM_PCR_COUNT; i++)
        for (size_t j = 0; j < TPM_PCR_BYTES_MAX; j++)
            assert_int_equal(result->export.pcrs.values[i][j], 8);
    assert_true(result->health.locked_out && result->has_srk);
    assert_int_equal(result->health.failures, 9);
    assert_int_equal(result->health.failures_max, 10);
    assert_int_equal(result->health.interval, 11);
}

#define FIELD LIMIT_FIELD_BYTES

static const Answer answers[] = {
    {"nothing", NO_KEY, {0}, 0, ""},
    {"a key", TPM_KEY_BYTES, {0}, 0, ""},
    {"a byte each", NO_KEY, {1, 1, 1, 1, 1, 1}, 0, ""},
    {"none like another", TPM_KEY_BYTES, {300, 32, 90, 451, 122, 314}, 0, ""},
    {"the last alone", NO_KEY, {0, 0, 0, 0, 0, 255}, 0, ""},
    {"255 and 256", TPM_KEY_BYTES, {255, 256, 257, 65, 64, 63}, 0, ""},
    {"a page each", TPM_KEY_BYTES, {4095, 4096, 4097, 4096, 4096, 4096}, 0, ""},
    {"as large as a field gets", TPM_KEY_BYTES, {FIELD, 0, 0, FIELD, 0, 0}, 0, ""},
    {"three of them", TPM_KEY_BYTES, {FIELD, 32, FIELD, FIELD, 0, 0}, 0, ""},
    {"too much for a message",
     TPM_KEY_BYTES,
     {FIELD, FIELD, FIELD, FIELD, 0, 0},
     OUTCOME_TPM_FAILED,
     "the process that spoke with the TPM gave no valid answer"},
    {"a short key", 31, {0}, OUTCOME_TPM_FAILED, "the TPM unsealed a key of 31 bytes, not 32"},
    {"a long key", 33, {0}, OUTCOME_TPM_FAILED, "the TPM unsealed a key of 33 bytes, not 32"},
    {"an empty key", 0, {0}, OUTCOME_TPM_FAILED, "the TPM unsealed a key of 0 bytes, not 32"},
};

static void expect_nothing(const TpmResult *result)
{
    static const TpmResult nothing;

    assert_memory_equal(result, &nothing, sizeof(nothing));
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        _cleanup_(tpm_result_done) TpmResult result = {0};
        Reason reason = {0};
        int r = tpm_child_run(give, &answers[i], NULL, &reason, &result);

        if (r != answers[i].rc || strcmp(reason.text, answers[i].words) != 0)
            fail_msg("%s: %d (%s)", answers[i].rule, r, reason.text);
        if (r == 0)
            expect_given(&answers[i], &result);
        else
            expect_nothing(&result);
    }
}

static int give_outcome(const void *request, const Observer *observer, Reason *reason,
                        TpmResult *ret)
{
    (void)observer;
    (void)reason;
    (void)ret;
    return *(const int *)request;
}

static void test_outcomes(void **state)
{
    static const int given[] = {OUTCOME_TPM_FAILED, _OUTCOME_MAX - 1, -ENOMEM, _OUTCOME_MAX,
                                INT_MAX};

    (void)state;
    for (size_t i = 0; i < COUNT(given); i++) {
        TpmResult result = {0};
        int expected = given[i] < _OUTCOME_MAX ? given[i] : OUTCOME_TPM_FAILED;

        assert_int_equal(tpm_child_run(give_outcome, &given[i], NULL, NULL, &result), expected);
    }
}

/* The message with which a child answers ANSWER. */
static size_t record(const Answer *answer, void *ret, size_t size)
{
    TpmChild child;
    ssize_t n;

    assert_int_equal(tpm_child_start(give, answer, NULL, &child), 0);
    n = recv(child.answer, ret, size, 0);
    assert_true(n > 0);
    tpm_child_done(&child);
    return (size_t)n;
}

/* Returns the parent's result for MESSAGE. */
static int finish(const void *message, size_t size, TpmResult *ret)
{
    _cleanup_(tpm_child_done) TpmChild child = TPM_CHILD_NONE;
    Reason reason = {0};
    int ends[2];
    int r;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    child.answer = ends[0];
    assert_int_equal(send(ends[1], message, size, 0), size);
    close(ends[1]);
    r = tpm_child_finish(&child, &reason, ret);
    assert_true((r == 0) == (reason.text[0] == '\0'));
    return r;
}

/* A child that was taken over is trusted no more than any other peer. */
static void test_bad_answers(void **state)
{
    static const Answer answer = {"", TPM_KEY_BYTES, {40, 32, 10, 20, 30, 12}, 0, ""};
    static uint8_t message[8192];
    _cleanup_(tpm_result_done) TpmResult result = {0};
    size_t size;

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    size = record(&answer, message, sizeof(message) - 1);
    for (size_t i = 0; i < size; i++) {
        if (finish(message, i, &result) != OUTCOME_TPM_FAILED)
            fail_msg("%zu of %zu bytes are enough", i, size);
        expect_nothing(&result);
    }
    assert_int_equal(finish(message, size + 1, &result), OUTCOME_TPM_FAILED);
    expect_nothing(&result);
    assert_int_equal(finish(message, size, &result), 0);
    expect_given(&answer, &result);
}

/* --- failures --- */

typedef struct Failure {
    const char *rule;
    int rc;
    const char *words;
    enum { SAYS, DIES, EXITS } how;
    int expected;
    const char *expected_words;
} Failure;

/* Sets what a failure must not return. */
static int fail_so(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    static const Answer full = {"", TPM_KEY_BYTES, {1, 1, 1, 1, 1, 1}, 0, ""};
    const Failure *failure = request;

    give(&full, observer, reason, ret);
    if (failure->how == DIES)
        raise(SIGKILL);
    if (failure->how == EXITS)
        _exit(0);
    return reason_set(reason, failure->rc, "%s", failure->words);
}

#define DIED "the process that spoke with the TPM died without an answer"

static void test_failures(void **state)
{
    static const Failure rows[] = {
        {"an outcome", OUTCOME_TPM_LOCKOUT, "for 10 s", SAYS, OUTCOME_TPM_LOCKOUT, "for 10 s"},
        {"without words", OUTCOME_TPM_BUSY, "", SAYS, OUTCOME_TPM_BUSY, ""},
        {"an errno", -EACCES, "/dev/tpmrm0", SAYS, -EACCES, "/dev/tpmrm0: Permission denied"},
        {"killed", 0, "", DIES, OUTCOME_TPM_FAILED, DIED},
        {"it ends by itself", 0, "", EXITS, OUTCOME_TPM_FAILED, DIED},
    };
    Failure longest = {"as long as it gets", OUTCOME_TPM_FULL, NULL, SAYS, OUTCOME_TPM_FULL, NULL};
    char words[sizeof(((Reason *)0)->text)];
    TpmResult result = {0}; /* stays so */
    Reason reason = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int r;

        reason = (Reason){0};
        r = tpm_child_run(fail_so, &rows[i], NULL, &reason, &result);
        if (r != rows[i].expected || strcmp(reason.text, rows[i].expected_words) != 0)
            fail_msg("%s: %d (%s)", rows[i].rule, r, reason.text);
        expect_nothing(&result);
        assert_int_equal(tpm_child_run(fail_so, &rows[i], NULL, NULL, &result), r);
    }
    memset(words, 'x', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    longest.words = words;
    assert_int_equal(tpm_child_run(fail_so, &longest, NULL, &reason, &result), OUTCOME_TPM_FULL);
    assert_string_equal(reason.text, words);
}

static void test_no_descriptors(void **state)
{
    struct rlimit before, none;
    _cleanup_(tpm_result_done) TpmResult result = {0};
    Reason reason = {0};
    int r;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    r = tpm_child_run(give, &answers[0], NULL, &reason, &result);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(r, -EMFILE);
    assert_non_null(strstr(reason.text, "cannot make a socket"));
}

/* An event loop waits for .answer alone, whatever happens. */
static void test_event_loop(void **state)
{
    static const Failure dies = {"", 0, "", DIES, 0, NULL};
    const struct {
        const char *rule;
        TpmWork work;
        const void *request;
        int rc;
    } rows[] = {
        {"an answer", give, &answers[3], 0},
        {"no answer", fail_so, &dies, OUTCOME_TPM_FAILED},
    };

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(tpm_result_done) TpmResult result = {0};
        struct pollfd answer = {.events = POLLIN}, end = {.events = POLLIN};
        TpmChild child;

        assert_int_equal(tpm_child_start(rows[i].work, rows[i].request, NULL, &child), 0);
        answer.fd = child.answer;
        assert_int_equal(poll(&answer, 1, 20000), 1);
        if (tpm_child_finish(&child, NULL, &result) != rows[i].rc)
            fail_msg("%s", rows[i].rule);
        if (rows[i].rc == 0)
            expect_given(&answers[3], &result);
        end.fd = dup(child.process); /* -1 if it ended before it could be opened */
        tpm_child_done(&child);
        assert_true(end.fd < 0 || poll(&end, 1, 20000) == 1);
        close(end.fd);
    }
}

#define alone(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        alone(test_answers),  alone(test_outcomes),       alone(test_bad_answers),
        alone(test_failures), alone(test_no_descriptors), alone(test_event_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
