/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of rewrite_read() and rewrite_write(), lib/base/fsutil.c. */

#include "steps.h"
#include "support.h"

#include "base/fsutil.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Fixture {
    TestFolder folder;
    char path[128]; /* a file of mode 0604 with "old" in it */
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;

    fixture.folder = test_folder();
    snprintf(fixture.path, sizeof(fixture.path), "%s", test_path(&fixture.folder, "file"));
    test_write_file(fixture.path, test_view("old"), 0604);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    const Fixture *fixture = *state;

    test_folder_remove(&fixture->folder);
    return 0;
}

static int rewrite(const void *argument)
{
    const Fixture *fixture = argument;

    return rewrite_write(fixture->path, test_view("old"), test_view("new"), NULL);
}

static void expect(const Fixture *fixture, const char *content)
{
    _cleanup_(bytes_done) Bytes file = test_read_file(fixture->path);

    assert_true(bytes_view_equal(bytes_view(&file), test_view(content)));
}

static void test_read_and_write(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(bytes_done) Bytes file = {0};
    struct stat status;

    assert_int_equal(rewrite_read(fixture->path, 3, NULL, &file), 0);
    assert_true(bytes_view_equal(bytes_view(&file), test_view("old")));
    assert_int_equal(rewrite_read(fixture->path, 2, NULL, &file), OUTCOME_TOO_LARGE);
    if (geteuid() == 0)
        assert_int_equal(chown(fixture->path, 65534, 65533), 0);
    assert_int_equal(rewrite(fixture), 0);
    expect(fixture, "new");
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0604);
    assert_int_equal(status.st_uid, geteuid() == 0 ? 65534 : geteuid());
}

static void test_in_the_working_directory(void **state)
{
    const Fixture *fixture = *state;
    char before[512];

    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(fixture->folder.path), 0);
    assert_int_equal(rewrite_write("file", test_view("old"), test_view("new"), NULL), 0);
    assert_int_equal(chdir(before), 0);
    expect(fixture, "new");
}

static void test_changed_meanwhile(void **state)
{
    static const char *const contents[] = {"odd", "older", "ol", ""};
    const Fixture *fixture = *state;
    Reason reason = {0};

    for (size_t i = 0; i < COUNT(contents); i++) {
        test_write_file(fixture->path, test_view(contents[i]), 0600);
        assert_int_equal(rewrite_write(fixture->path, test_view("old"), test_view("new"), &reason),
                         OUTCOME_CHANGED);
        assert_non_null(strstr(reason.text, fixture->path));
        expect(fixture, contents[i]);
    }
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(rewrite(fixture), OUTCOME_CHANGED);
}

static void expect_refusal(const Fixture *fixture, const char *words)
{
    Reason reason = {0};
    Bytes file;

    assert_int_equal(rewrite_read(fixture->path, 3, &reason, &file), OUTCOME_USAGE);
    assert_non_null(strstr(reason.text, words));
    assert_int_equal(rewrite(fixture), OUTCOME_USAGE);
}

/* Each is planted instead of the file. */
static void test_what_is_no_file(void **state)
{
    const Fixture *fixture = *state;
    const char *other = test_path(&fixture->folder, "other");

    assert_int_equal(link(fixture->path, other), 0);
    expect_refusal(fixture, "2 links");
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(symlink("other", fixture->path), 0);
    expect_refusal(fixture, "symbolic link");
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(symlink("/etc/static/nspawn-creds/web.json", fixture->path), 0);
    expect_refusal(fixture, "then run: nixos-rebuild switch");
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(symlink("/nix/store/web.json", fixture->path), 0);
    expect_refusal(fixture, "comes from the configuration of NixOS");
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    expect_refusal(fixture, "regular file");
    assert_int_equal(rmdir(fixture->path), 0);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    expect_refusal(fixture, "regular file");
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(rename(other, fixture->path), 0);
    expect(fixture, "old");
}

/* The old file or the new one is there, whole. */
static void test_killed_at_each_step(void **state)
{
    const Fixture *fixture = *state;
    unsigned counts[2] = {0};
    int status;

    for (unsigned step = 1;; step++) {
        pid_t pid = steps_start(rewrite, fixture);
        _cleanup_(bytes_done) Bytes file = {0};
        bool is_new;

        if (!steps_go(pid, step, &status))
            break;
        steps_kill(pid);
        file = test_read_file(fixture->path);
        is_new = bytes_view_equal(bytes_view(&file), test_view("new"));
        assert_true(is_new || bytes_view_equal(bytes_view(&file), test_view("old")));
        counts[is_new]++;
        /* a new directory: each leftover would add steps to the next writer's */
        tear_down(state);
        set_up(state);
    }
    assert_int_equal(status, 0);
    assert_true(counts[0] > 10 && counts[1] > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_and_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_the_working_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changed_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_at_each_step, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
