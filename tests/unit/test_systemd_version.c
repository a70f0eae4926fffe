/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of cli/systemd_version.c. */

#include "support.h"

#include "seal/systemd_version.h"

#include <string.h>
#include <sys/stat.h>

static void test_images(void **state)
{
    static const struct {
        const char *image;
        unsigned version;
    } rows[] = {
        {"\x7f"
         "ELF libsystemd-shared-252.so",
         252},
        {"libsystemd-shared-257.9-1.fc42.so", 257},
        {"libsystemd-shared-262", 262},
        {"", 0},
        {"libsystemd-shared-", 0},     /* cut */
        {"libsystemd-shared-25", 0},   /* cut */
        {"libsystemd-shared-2520", 0}, /* no version */
        {"libsystemd-core-257.so", 0}, /* another library */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(systemd_version_of(test_view(rows[i].image)), rows[i].version);
}

static void test_places(void **state)
{
    static const char *const folders[] = {"usr",
                                          "usr/lib",
                                          "usr/lib/systemd",
                                          "run",
                                          "run/booted-system",
                                          "run/booted-system/systemd",
                                          "run/booted-system/systemd/lib",
                                          "run/booted-system/systemd/lib/systemd"};
    TestFolder folder = test_folder();
    Context context = test_context(folder.path);

    (void)state;
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(test_path(&folder, folders[i]), 0755), 0);
    assert_int_equal(systemd_version_installed(&context), 0);
    test_write_file(test_path(&folder, "usr/lib/systemd/systemd"),
                    test_view("libsystemd-shared-257.so"), 0755);
    assert_int_equal(systemd_version_installed(&context), 257);
    test_write_file(test_path(&folder, "run/booted-system/systemd/lib/systemd/systemd"),
                    test_view("libsystemd-shared-258.so"), 0755);
    assert_int_equal(systemd_version_installed(&context), 258);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
