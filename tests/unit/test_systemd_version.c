/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of systemd_version_installed(), lib/seal/seal_spec.c. */

#include "support.h"

#include "seal/seal_spec.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_names(void **state)
{
    static const struct {
        const char *file;
        unsigned version;
    } rows[] = {
        {"libsystemd-shared-252.so", 252},       {"libsystemd-shared-257.9-1.fc42.so", 257},
        {"libsystemd-shared-262~rc1.so.0", 262}, {"libsystemd-shared-", 0}, /* cut */
        {"libsystemd-shared-25.so", 0},                                     /* cut */
        {"libsystemd-shared-252.a", 0},                                     /* no shared library */
        {"libsystemd-core-257.so", 0},                                      /* another library */
    };
    TestFolder folder = test_folder();
    Context context = test_context(folder.path);

    (void)state;
    assert_int_equal(mkdir(test_path(&folder, "usr"), 0755), 0);
    assert_int_equal(mkdir(test_path(&folder, "usr/lib64"), 0755), 0);
    assert_int_equal(mkdir(test_path(&folder, "usr/lib64/systemd"), 0755), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char path[128];

        snprintf(path, sizeof(path), "usr/lib64/systemd/%s", rows[i].file);
        test_write_file(test_path(&folder, path), test_view(""), 0644);
        if (systemd_version_installed(&context) != rows[i].version)
            fail_msg("%s", rows[i].file);
        assert_int_equal(unlink(test_path(&folder, path)), 0);
    }
    test_folder_remove(&folder);
}

static void test_directories(void **state)
{
    static const char *const directories[] = {"usr",
                                              "usr/lib",
                                              "usr/lib/systemd",
                                              "usr/lib/x86_64-linux-gnu",
                                              "usr/lib/x86_64-linux-gnu/systemd",
                                              "run",
                                              "run/booted-system",
                                              "run/booted-system/systemd",
                                              "run/booted-system/systemd/lib",
                                              "run/booted-system/systemd/lib/systemd"};
    /* each must be found although those before it exist */
    static const struct {
        const char *file;
        unsigned version;
    } rows[] = {
        {"usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so", 252},
        {"usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.so", 257}, /* an old one is left */
        {"usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-256.so", 257},
        {"run/booted-system/systemd/lib/systemd/libsystemd-shared-258.so", 258},
    };
    TestFolder folder = test_folder();
    Context context = test_context(folder.path);

    (void)state;
    for (size_t i = 0; i < COUNT(directories); i++)
        assert_int_equal(mkdir(test_path(&folder, directories[i]), 0755), 0);
    assert_int_equal(systemd_version_installed(&context), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        test_write_file(test_path(&folder, rows[i].file), test_view(""), 0644);
        assert_int_equal(systemd_version_installed(&context), rows[i].version);
    }
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_directories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
