/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/store/history.c: what a commit keeps of earlier values, and what a file may say. */

#include "store_fixture.h"

#include "base/limits.h"
#include "store/history.h"

#include <string.h>
#include <sys/stat.h>

#define BOOT_ID SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd, ef)

/* Seals, so to speak, TEXT. */
static int put(const Fixture *fixture, const char *verb, const char *text, unsigned limit)
{
    char public[64];

    snprintf(public, sizeof(public), "public of %.40s", text);
    return store_commit(fixture->store,
                        &(StoreCommit){.changes = &(StoreChange){.name = fixture->name,
                                                                 .sealed = test_view(text),
                                                                 .public = test_view(public),
                                                                 .keep_old = true},
                                       .count = 1,
                                       .origin = {verb, 17, 1},
                                       .history = limit},
                        NULL);
}

/* EXPECTED: "VERB UID SEALED" of each value but the current one's SEALED, separated by ", ". */
static void expect(const Fixture *fixture, const char *expected)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    char text[1024] = "";

    assert_int_equal(store_read_history(fixture->store, &fixture->name, NULL, &history), 0);
    for (size_t i = 0; i < history.count; i++) {
        const StoreValue *value = &history.values[i];
        char public[64];

        assert_int_equal(value->written != 0, i > 0);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %d%s%.4s",
                 i > 0 ? ", " : "", value->verb, (int)value->uid, i > 0 ? " " : "",
                 i > 0 ? (const char *)value->sealed.data : "");
        snprintf(public, sizeof(public), "public of %.4s",
                 i > 0 ? (const char *)value->sealed.data : "");
        if (i > 0)
            assert_true(bytes_view_equal(bytes_view(&value->public), test_view(public)));
    }
    assert_string_equal(text, expected);
}

static void test_keeps_the_last_values(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(freep) StoreEntry *entries = NULL;
    struct stat status;
    size_t count;

    assert_int_equal(put(fixture, "set", "aaaa", 2), 0);
    expect(fixture, ""); /* one file */
    assert_int_equal(put(fixture, "rotate", "bbbb", 2), 0);
    expect(fixture, "rotate 17,  -1 aaaa");
    assert_int_equal(put(fixture, "set", "cccc", 2), 0);
    expect(fixture, "set 17, rotate 17 bbbb,  -1 aaaa");
    assert_int_equal(put(fixture, "edit", "dddd", 2), 0);
    expect(fixture, "edit 17, set 17 cccc, rotate 17 bbbb");

    assert_int_equal(stat(test_path(&fixture->folder, "web/x.old"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(store_list(fixture->store, "web", NULL, &entries, &count), 0);
    assert_int_equal(count, 1);

    assert_int_equal(put(fixture, "set", "eeee", 1), 0);
    expect(fixture, "set 17, edit 17 dddd");
    assert_int_equal(put(fixture, "set", "ffff", 0), 0);
    expect(fixture, "");
}

/* The value that is put back leaves the history, and the current one enters it. */
static void test_puts_back(void **state)
{
    const Fixture *fixture = *state;

    assert_int_equal(put(fixture, "set", "aaaa", 3), 0);
    assert_int_equal(put(fixture, "set", "bbbb", 3), 0);
    assert_int_equal(put(fixture, "set", "cccc", 3), 0);
    /* as it is in the history, which has all files as systemd-creds writes them */
    assert_int_equal(put(fixture, "rotate", "aaaa\n", 3), 0);
    expect(fixture, "rotate 17, set 17 cccc, set 17 bbbb");
    assert_int_equal(put(fixture, "rotate", "aaaa\n", 3), 0);
    expect(fixture, "rotate 17, set 17 cccc, set 17 bbbb");
}

/* What cannot be used is not kept, and keeps no commit from being made. */
static void test_unusable_files(void **state)
{
    const Fixture *fixture = *state;
    const char *sealed, *old;

    assert_int_equal(put(fixture, "set", "aaaa", 3), 0);
    assert_int_equal(put(fixture, "set", "bbbb", 3), 0);
    sealed = test_path(&fixture->folder, "web/x.cred");
    test_write_file(sealed, test_view("not base64!"), 0640);
    assert_int_equal(put(fixture, "set", "cccc", 3), 0);
    expect(fixture, "set 17,  -1 aaaa");
    old = test_path(&fixture->folder, "web/x.old");
    test_write_file(old, test_view("[{}]"), 0640);
    assert_int_equal(put(fixture, "set", "dddd", 3), 0);
    expect(fixture, "set 17,  -1 cccc");
    assert_int_equal(unlink(old), 0);
    assert_int_equal(symlink("x.cred", old), 0);
    assert_int_equal(put(fixture, "set", "eeee", 3), 0);
    expect(fixture, "set 17,  -1 dddd");
}

/* Together with the sealed file; not with a public half alone. */
static void test_given(void **state)
{
    const Fixture *fixture = *state;
    StoreChange change = {.name = fixture->name, .public = test_view("public of bbbb")};
    StoreCommit commit = {.changes = &change, .count = 1, .origin = {"test", 0, 1}};

    assert_int_equal(put(fixture, "set", "aaaa", 3), 0);
    assert_int_equal(put(fixture, "set", "bbbb", 3), 0);
    assert_int_equal(store_commit(fixture->store, &commit, NULL), 0);
    expect(fixture, "set 17,  -1 aaaa");
    change.sealed = test_view("cccc");
    change.history =
        test_view("[{\"verb\":\"reseal\",\"uid\":0},"
                  "{\"sealed\":\"AAAA\",\"writtenUSec\":1,\"public\":\"public of AAAA\"}]");
    assert_int_equal(store_commit(fixture->store, &commit, NULL), 0);
    expect(fixture, "reseal 0,  -1 AAAA");
    change.history = (BytesView){0};
    assert_int_equal(store_commit(fixture->store, &commit, NULL), 0);
    expect(fixture, "");
}

/* Gives the current value a predecessor. */
static void add_predecessor(const Fixture *fixture, const char *sealed)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    _cleanup_(bytes_done) Bytes file = {0}, text = {0};

    assert_int_equal(bytes_dup(test_view(sealed), &file), 0);
    assert_int_equal(store_read_history(fixture->store, &fixture->name, NULL, &history), 0);
    store_history_add_predecessor(&history, BOOT_ID, &file);
    assert_int_equal(store_history_format(&history, &text), 0);
    test_write_file(test_path(&fixture->folder, "web/x.old"), bytes_view(&text), 0640);
}

static void expect_predecessor(const Fixture *fixture, const char *expected)
{
    _cleanup_(bytes_done) Bytes file = {0};
    sd_id128_t boot = SD_ID128_NULL;
    int r = store_read_predecessor(fixture->store, &fixture->name, NULL, &boot, &file);

    assert_int_equal(r, expected ? 0 : OUTCOME_NOT_FOUND);
    assert_true(sd_id128_equal(boot, expected ? BOOT_ID : SD_ID128_NULL));
    assert_true(!expected || bytes_view_equal(bytes_view(&file), test_view(expected)));
}

/* There is one, until another value comes, or it is settled which of the two stays. */
static void test_predecessor(void **state)
{
    const Fixture *fixture = *state;
    StoreChange change = {
        .name = fixture->name, .sealed = test_view("cccc"), .settle = true, .keep_public = true};
    StoreCommit commit = {.changes = &change, .count = 1, .origin = {"reseal", 0, 1}};

    assert_int_equal(put(fixture, "set", "aaaa", 3), 0);
    expect_predecessor(fixture, NULL);
    add_predecessor(fixture, "bbbb");
    expect_predecessor(fixture, "bbbb");
    add_predecessor(fixture, "cccc");
    expect_predecessor(fixture, "cccc");
    assert_int_equal(store_commit(fixture->store, &commit, NULL), 0);
    expect_predecessor(fixture, NULL);
    assert_int_equal(access(test_path(&fixture->folder, "web/x.old"), F_OK), -1);

    assert_int_equal(put(fixture, "set", "dddd", 9), 0);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(put(fixture, "set", i % 2 ? "eeee" : "ffff", 9), 0);
    add_predecessor(fixture, "gggg");
    expect_predecessor(fixture, "gggg");
    assert_int_equal(store_commit(fixture->store, &commit, NULL), 0);
    expect_predecessor(fixture, NULL);
    assert_int_equal(access(test_path(&fixture->folder, "web/x.old"), F_OK), 0);

    /* of what is an earlier value then */
    add_predecessor(fixture, "gggg");
    assert_int_equal(put(fixture, "rotate", "hhhh", 2), 0);
    expect_predecessor(fixture, NULL);
    {
        _cleanup_(store_history_done) StoreHistory history = {0};

        assert_int_equal(store_read_history(fixture->store, &fixture->name, NULL, &history), 0);
        assert_int_equal(history.count, 3);
        assert_memory_equal(history.values[1].sealed.data, "cccc", 4);
        assert_memory_equal(history.values[2].sealed.data, "gggg", 4);
    }
}

/* The oldest values give way if they make the file too large. */
static void test_large_values(void **state)
{
    const Fixture *fixture = *state;
    static char large[LIMIT_FILE_BYTES / 3 / 4 * 4 + 1];
    _cleanup_(store_history_done) StoreHistory history = {0};

    for (unsigned i = 0; i < 4; i++) {
        memset(large, "abcd"[i], sizeof(large) - 1);
        assert_int_equal(put(fixture, "set", large, 3), 0);
    }
    assert_int_equal(store_read_history(fixture->store, &fixture->name, NULL, &history), 0);
    assert_int_equal(history.count, 3);
    assert_int_equal(history.values[1].sealed.data[0], 'c');
    assert_int_equal(history.values[2].sealed.data[0], 'b');
}

static void test_files(void **state)
{
#define OLD     "{\"sealed\":\"YQ==\"}"
#define BOOT    "0123456789abcdef0123456789abcdef"
#define NO_BOOT "00000000000000000000000000000000"
#define SAME    "{\"sealed\":\"YQ==\",\"boot\":\"" BOOT "\"}"
#define NINE    OLD "," OLD "," OLD "," OLD "," OLD "," OLD "," OLD "," OLD "," OLD
    static const struct {
        const char *text;
        bool valid;
        const char *rule;
    } rows[] = {
        {"[{}," OLD "]", true, "only the sealed file is necessary"},
        {"[{\"verb\":\"set\",\"uid\":4294967294},{\"verb\":\"set\",\"uid\":0,\"writtenUSec\":7,"
         "\"sealed\":\"YQ==\",\"public\":\"p\"}]",
         true, "all members"},
        {"[{}," NINE "]", true, "as many as there may be"},
        {"[{}," NINE "," OLD "]", false, "one more"},
        {"[]", false, "nothing"},
        {"[{}]", false, "no earlier value"},
        {"{}", false, "not an array"},
        {"[[]," OLD "]", false, "not an object"},
        {"[" OLD "," OLD "]", false, "the current value has its own file"},
        {"[{},{}]", false, "an earlier one has none"},
        {"[{},{\"sealed\":\"\"}]", false, "an empty one"},
        {"[{},{\"sealed\":1}]", false, "not a string"},
        {"[{},{\"sealed\":\"a\\u0000\"}]", false, "a NUL"},
        {"[{\"verb\":\"Set\"}," OLD "]", false, "not a verb"},
        {"[{\"verb\":\"abcdefghijklmnopq\"}," OLD "]", false, "a long verb"},
        {"[{\"uid\":-1}," OLD "]", false, "not a user"},
        {"[{\"uid\":4294967296}," OLD "]", false, "a large one"},
        {"[{\"uid\":\"0\"}," OLD "]", false, "not a number"},
        {"[{\"uid\":1,\"uid\":1}," OLD "]", false, "strict JSON"},
        {"[{\"writtenUSec\":-1}," OLD "]", false, "before 1970"},
        {"", false, "an empty file"},
        {"[{}," SAME "]", true, "a predecessor"},
        {"[{}," SAME "," OLD "]", true, "before earlier values"},
        {"[{}," OLD "," SAME "]", false, "not of an earlier value"},
        {"[{\"boot\":\"" BOOT "\"}," OLD "]", false, "not of the current one"},
        {"[{},{\"sealed\":\"YQ==\",\"boot\":\"\"}]", false, "no boot id"},
        {"[{},{\"sealed\":\"YQ==\",\"boot\":\"" NO_BOOT "\"}]", false, "nor that"},
        {"[{},{\"sealed\":\"YQ==\",\"boot\":1}]", false, "nor a number"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(store_history_done) StoreHistory history = {0};
        Reason reason = {0};
        int r = store_history_parse(test_view(rows[i].text), &reason, &history);

        if (r != (rows[i].valid ? 0 : OUTCOME_MALFORMED) || (r != 0) != (reason.text[0] != '\0'))
            fail_msg("%s: %d %s", rows[i].rule, r, reason.text);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keeps_the_last_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_puts_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unusable_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_predecessor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_values, set_up, tear_down),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
