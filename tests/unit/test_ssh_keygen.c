/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/crypto/ssh_key.c against ssh-keygen(1): it reads our keys and computes the same
 * public halves, and we do so for its keys. Skipped if it is not installed.
 */

#include "support.h"

#include "crypto/generate.h"

#include <string.h>

/* Comments of all lengths, for the padding. */
static void test_reads_our_keys(void **state)
{
    static const Recipe recipe = {.type = RECIPE_SSH_ED25519};
    Context context;
    TestFolder folder = test_folder();
    char command[256], comment[] = "web@key-1234567";

    (void)state;
    assert_int_equal(context_system(&context), 0);
    for (size_t length = 0; length < sizeof(comment); length++) {
        const char *file = test_path(&folder, "key"), *expected = test_path(&folder, "key.pub");
        _cleanup_(secret_freep) Secret *secret = NULL;
        _cleanup_(bytes_done) Bytes public = {0};

        assert_int_equal(generate_secret(&context, &recipe, comment + length, NULL, &secret), 0);
        test_write_file(file, secret_view(secret), 0600);
        assert_int_equal(generate_public(&recipe, secret, comment + length, NULL, &public), 0);
        test_write_file(expected, bytes_view(&public), 0644);
        /* without a comment our line ends in a space */
        snprintf(command, sizeof(command),
                 "test \"$(ssh-keygen -y -P '' -f %s)\" = \"$(sed 's/ $//' %s)\"", file, expected);
        assert_int_equal(system(command), 0);
    }
    test_folder_remove(&folder);
}

static void test_we_read_its_keys(void **state)
{
    static const Recipe recipe = {.type = RECIPE_SSH_ED25519};
    static const char *const passphrases[] = {"", "secret"};
    TestFolder folder = test_folder();
    char command[256];

    (void)state;
    for (size_t i = 0; i < COUNT(passphrases); i++) {
        const char *file = test_path(&folder, i ? "locked" : "plain");
        _cleanup_(secret_freep) Secret *secret = NULL;
        _cleanup_(bytes_done) Bytes text = {0}, expected = {0}, public = {0};

        snprintf(command, sizeof(command), "ssh-keygen -q -t ed25519 -N '%s' -C web@key -f %s",
                 passphrases[i], file);
        assert_int_equal(system(command), 0);
        text = test_read_file(file);
        expected = test_read_file(test_path(&folder, i ? "locked.pub" : "plain.pub"));
        assert_int_equal(secret_new_from(bytes_view(&text), NULL, &secret), 0);
        assert_int_equal(generate_public(&recipe, secret, "web@key", NULL, &public), 0);
        assert_true(bytes_view_equal(bytes_view(&public), bytes_view(&expected)));
    }
    test_folder_remove(&folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_our_keys),
        cmocka_unit_test(test_we_read_its_keys),
    };

    if (system("command -v ssh-keygen >/dev/null") != 0) {
        print_message("skipped: there is no ssh-keygen\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
