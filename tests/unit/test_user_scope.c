/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/key/{user_scope,pcr_files,firmware}.c: the user of a credential, the locations of
 * PCR policies, and whether the firmware measures. */

#include "support.h"

#include "base/limits.h"
#include "key/machine.h"
#include "key/pcr_files.h"
#include "key/user_scope.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_users(void **state)
{
    static const struct {
        const char *rule, *user;
        int outcome;
        uint32_t uid;
    } rows[] = {
        {"a name", "root", 0, 0},
        {"a number", "0", 0, 0},
        {"no such name", "no-such-user-here", OUTCOME_USAGE, 0},
        {"no name", "", OUTCOME_USAGE, 0},
        {"(uid_t)-1 is nobody", "4294967295", OUTCOME_USAGE, 0},
        {"so was 65535", "65535", OUTCOME_USAGE, 0},
        {"not by overflow", "4294967296", OUTCOME_USAGE, 0},
        {"no sign", "+0", OUTCOME_USAGE, 0},
        {"not octal, nor hexadecimal", "0x0", OUTCOME_USAGE, 0},
    };
    TestFolder folder = test_folder();
    Context context = test_context(folder.path);

    (void)state;
    test_folder_make_root(&folder);
    for (size_t i = 0; i < COUNT(rows); i++) {
        UserScope scope = {.uid = 4711};
        int r = user_scope_load(&context, rows[i].user, NULL, &scope);

        if (r != rows[i].outcome)
            fail_msg("%s: %d", rows[i].rule, r);
        assert_int_equal(scope.uid, r == 0 ? rows[i].uid : 4711);
        if (r == 0)
            assert_string_equal(scope.name, "root");
    }
    {
        UserScope scope;
        int r = user_scope_load(&context, "self", NULL, &scope);

        assert_true(r == OUTCOME_USAGE || (r == 0 && scope.uid == getuid()));
    }
    test_folder_remove(&folder);
}

static void test_what_goes_into_the_key(void **state)
{
    static const uint8_t expected[] = "\7\0\0\0\0\0\0\0" /* flags */
                                      "\xe8\3\0\0"       /* 1000 */
                                      "\x01\x23\x45\x67\x89\xab\xcd\xef"
                                      "\x01\x23\x45\x67\x89\xab\xcd\xef"
                                      "alice"; /* and its NUL */
    UserScope scope = {.uid = 1000, .name = "alice"};
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes bytes = {0};

    (void)state;
    assert_int_equal(sd_id128_from_string(TEST_MACHINE_ID, &scope.machine_id), 0);
    user_scope_write(&scope, &writer);
    assert_int_equal(writer_take(&writer, &bytes), 0);
    assert_true(bytes_view_equal(bytes_view(&bytes), (BytesView){expected, sizeof(expected)}));
}

static void test_places(void **state)
{
    static const char *const folders[] = {"etc/systemd", "usr/lib/systemd", "run/systemd"};
    TestFolder folder = test_folder();
    Context context = test_context(folder.path);
    Bytes file;

    (void)state;
    test_folder_make_root(&folder);
    mkdir(test_path(&folder, "usr"), 0755);
    mkdir(test_path(&folder, "usr/lib"), 0755);
    mkdir(test_path(&folder, "run"), 0755);
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(test_path(&folder, folders[i]), 0755), 0);
    assert_int_equal(pcr_public_key_load(&context, NULL, NULL, &file), OUTCOME_NOT_FOUND);
    assert_int_equal(pcr_signatures_load(&context, NULL, NULL, &file), OUTCOME_NOT_FOUND);

    /* later ones take precedence over earlier ones */
    for (size_t i = 0; i < 3; i++) {
        static const char *const order[] = {"usr/lib/systemd", "run/systemd", "etc/systemd"};
        char path[64];

        snprintf(path, sizeof(path), "%s/" PCR_SIGNATURE_NAME, order[i]);
        test_write_file(test_path(&folder, path), test_view(order[i]), 0444);
        assert_int_equal(pcr_signatures_load(&context, NULL, NULL, &file), 0);
        assert_true(bytes_view_equal(bytes_view(&file), test_view(order[i])));
        bytes_done(&file);
    }
    assert_int_equal(pcr_public_key_load(&context, NULL, NULL, &file), OUTCOME_NOT_FOUND);
    {
        const char *path = test_path(&folder, "etc/systemd/" PCR_SIGNATURE_NAME);

        /* one that others may write to is used only if an option names it */
        assert_int_equal(chmod(path, 0464), 0);
        assert_int_equal(pcr_signatures_load(&context, NULL, NULL, &file), OUTCOME_FILE_UNSAFE);
        assert_int_equal(pcr_signatures_load(&context, path, NULL, &file), 0);
        bytes_done(&file);
        /* does not hang */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0444), 0);
        assert_int_equal(pcr_signatures_load(&context, NULL, NULL, &file), OUTCOME_FILE_UNSAFE);
    }
    assert_int_equal(pcr_public_key_load(&context, "/nonexistent", NULL, &file), -ENOENT);
    {
        _cleanup_(freep) uint8_t *large = calloc(1, LIMIT_FIELD_BYTES + 1);

        test_write_file(test_path(&folder, "etc/systemd/" PCR_PUBLIC_KEY_NAME),
                        (BytesView){large, LIMIT_FIELD_BYTES + 1}, 0444);
        assert_int_equal(pcr_public_key_load(&context, NULL, NULL, &file), OUTCOME_TOO_LARGE);
    }
    test_folder_remove(&folder);
}

static void test_firmware(void **state)
{
    static const struct {
        const char *rule, *made; /* one after the other */
        bool has_tpm;
    } rows[] = {
        {"no sysfs", "sys", false},
        {"ACPI without UEFI", "sys/firmware", false},
        {"ACPI without UEFI", "sys/firmware/acpi", false},
        {"ACPI without UEFI", "sys/firmware/acpi/tables", false},
        {"ACPI without UEFI", "sys/firmware/acpi/tables/TPM2", false},
        {"UEFI, which knows of a TPM", "sys/firmware/efi", true},
    };
    TestFolder folder = test_folder();
    Context context = test_context(folder.path);

    (void)state;
    assert_false(firmware_has_tpm(&context));
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(mkdir(test_path(&folder, rows[i].made), 0755), 0);
        if (firmware_has_tpm(&context) != rows[i].has_tpm)
            fail_msg("%s", rows[i].rule);
    }
    assert_int_equal(rmdir(test_path(&folder, "sys/firmware/acpi/tables/TPM2")), 0);
    assert_false(firmware_has_tpm(&context));
    mkdir(test_path(&folder, "sys/kernel"), 0755);
    mkdir(test_path(&folder, "sys/kernel/security"), 0755);
    mkdir(test_path(&folder, "sys/kernel/security/tpm0"), 0755);
    test_write_file(test_path(&folder, "sys/kernel/security/tpm0/binary_bios_measurements"),
                    test_view(""), 0440);
    assert_true(firmware_has_tpm(&context));
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_what_goes_into_the_key),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_firmware),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
