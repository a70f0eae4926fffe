/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of cli/doctor/doctor.c: what doctor --fix changes in a directory that others may write to,
 * and what it leaves alone. */

#include "support.h"

#include "doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define WANTED ((mode_t)0640)

static void make_file(const char *path, mode_t mode)
{
    test_write_file(path, test_view("content"), 0600);
    assert_int_equal(chmod(path, mode), 0);
}

static void make_right(const TestFolder *folder, const char *path)
{
    (void)folder;
    make_file(path, 0600);
}

static void make_linked(const TestFolder *folder, const char *path)
{
    make_file(test_path(folder, "victim"), 0600);
    assert_int_equal(link(test_path(folder, "victim"), path), 0);
}

static void make_link(const TestFolder *folder, const char *path)
{
    make_file(test_path(folder, "victim"), 0600);
    assert_int_equal(symlink("victim", path), 0);
}

static void make_open(const TestFolder *folder, const char *path)
{
    (void)folder;
    make_file(path, 0606);
}

static void make_fifo(const TestFolder *folder, const char *path)
{
    (void)folder;
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_directory(const TestFolder *folder, const char *path)
{
    (void)folder;
    assert_int_equal(mkdir(path, 0600), 0);
}

static void make_nothing(const TestFolder *folder, const char *path)
{
    (void)folder;
    (void)path;
}

static void test_swapped(void **state)
{
    static const struct {
        void (*make)(const TestFolder *folder, const char *path);
        int rc;
        const char *rule;
    } rows[] = {
        {make_right, 0, "a file with the wrong mode"},
        {make_linked, OUTCOME_CHANGED, "a file with a second name"},
        {make_link, OUTCOME_CHANGED, "a symbolic link"},
        {make_open, OUTCOME_CHANGED, "a file that everybody may write to"},
        {make_fifo, OUTCOME_CHANGED, "a FIFO"},
        {make_directory, OUTCOME_CHANGED, "a directory"},
        {make_nothing, -ENOENT, "nothing"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        TestFolder folder = test_folder();
        _cleanup_(closep) int parent = open(test_path(&folder, "."), O_RDONLY | O_DIRECTORY);
        DoctorOwnership wanted = {parent, "web.cred", S_IFREG, geteuid(), getegid(), WANTED};
        const char *path = test_path(&folder, "web.cred");
        Doctor doctor = {0};
        struct stat before = {0}, after = {0};
        int r;

        rows[i].make(&folder, path);
        (void)stat(path, &before);
        r = doctor_fix_ownership(&doctor, &wanted, &(Reason){0});
        if (r != rows[i].rc)
            fail_msg("%s: %d", rows[i].rule, r);
        (void)stat(path, &after);
        if ((after.st_mode & 07777) != (r == 0 ? WANTED : before.st_mode & 07777))
            fail_msg("%s: its mode is %o", rows[i].rule, after.st_mode);
        test_folder_remove(&folder);
    }
}

static bool called;

static int note_call(Doctor *doctor, const DoctorOwnership *wanted, Reason *reason)
{
    (void)doctor;
    (void)wanted;
    called = true;
    return reason_set(reason, OUTCOME_CHANGED, "web.cred");
}

/* Nothing is changed without --fix, or where there is no terminal to ask on. */
static void test_asks(void **state)
{
    static const struct {
        bool fix, no_ask, called;
    } rows[] = {
        {false, false, false}, {false, true, false}, {true, false, false}, {true, true, true}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Doctor doctor = {.options = {.fix = rows[i].fix, .no_ask = rows[i].no_ask}};

        called = false;
        doctor_say(&doctor, DOCTOR_PROBLEM, "wrong");
        assert_false(doctor_fix(&doctor, "Correct it", note_call, NULL));
        assert_int_equal(called, rows[i].called);
        assert_int_equal(doctor.findings[0].level, DOCTOR_PROBLEM);
        if (called)
            assert_non_null(strstr(doctor.findings[0].advice, "Not done: web.cred"));
        else
            assert_string_equal(doctor.findings[0].remedy, "nspawn-creds doctor --fix");
        free(doctor.findings[0].words);
        free(doctor.findings[0].remedy);
        free(doctor.findings[0].advice);
        free(doctor.findings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
