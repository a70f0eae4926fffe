/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/credential/kinds.c: what a version of systemd would write. */

#include "support.h"

#include "credential/kinds.h"

#include <string.h>

static const struct {
    unsigned key_types, version;
    const char *name; /* NULL: it opens none */
} rows[] = {
    {0, 250, "null"},
    {0, 262, "null"},
    {KIND_HOST, 250, "host"},
    {KIND_HOST, 262, "host"},
    {KIND_HOST, 249, NULL},
    {KIND_TPM, 250, "tpm2"},
    {KIND_TPM, 257, "tpm2"},
    {KIND_TPM, 261, "tpm2"},
    {KIND_TPM, 262, "tpm2-pinned"},
    {KIND_TPM, 999, "tpm2-pinned"},
    {KIND_HOST | KIND_TPM, 252, "host+tpm2"},
    {KIND_HOST | KIND_TPM, 262, "host+tpm2-pinned"},
    {KIND_TPM | KIND_PUBLIC_KEY, 251, NULL},
    {KIND_TPM | KIND_PUBLIC_KEY, 252, "tpm2-with-public-key"},
    {KIND_TPM | KIND_PUBLIC_KEY, 262, "tpm2-with-public-key-pinned"},
    {KIND_HOST | KIND_SCOPED, 255, NULL},
    {KIND_HOST | KIND_SCOPED, 256, "host-scoped"},
    {KIND_HOST | KIND_SCOPED, 262, "host-scoped"},
    {KIND_HOST | KIND_TPM | KIND_SCOPED, 262, "host+tpm2-scoped-pinned"},
    {KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_SCOPED, 257, "host+tpm2-with-public-key-scoped"},
    {KIND_TPM | KIND_SCOPED, 262, NULL},      /* there is no such kind */
    {KIND_HOST | KIND_PUBLIC_KEY, 262, NULL}, /* there is no such kind */
};

static void test_choose(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const Kind *kind = NULL;
        Reason reason = {0};
        int r = kind_choose(rows[i].key_types, rows[i].version, &reason, &kind);

        assert_int_equal(r, rows[i].name ? 0 : OUTCOME_UNSUPPORTED);
        assert_true((kind != NULL) == (rows[i].name != NULL));
        assert_true((reason.text[0] == '\0') == (rows[i].name != NULL));
        if (kind)
            assert_string_equal(kind->name, rows[i].name);
    }
}

/* What a policy requires, pinned or not. */
static void test_check_type(void **state)
{
    static const struct {
        const char *kind, *required;
        bool fits;
    } pairs[] = {
        {"null", NULL, true},
        {"tpm2", NULL, true},
        {"host", "host", true},
        {"tpm2", "tpm2", true},
        {"tpm2-pinned", "tpm2", true},
        {"host+tpm2", "host+tpm2", true},
        {"host+tpm2-pinned", "host+tpm2", true},
        {"host+tpm2-with-public-key-pinned", "host+tpm2-with-public-key", true},
        {"null", "host", false},
        {"tpm2", "host", false},
        {"host", "host+tpm2", false},
        {"tpm2", "host+tpm2", false},
        {"tpm2-pinned", "host+tpm2", false},
        {"host+tpm2", "tpm2", false},
        {"host+tpm2", "host", false},
        {"host-scoped", "host", false},
        {"host+tpm2-with-public-key", "host+tpm2", false},
        {"tpm2", "tpm2-with-public-key", false},
        {"host", "no such type", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        Reason reason = {0};
        int r = kind_check_type(kind_find_by_name(pairs[i].kind), pairs[i].required, &reason);

        if (r != (pairs[i].fits ? 0 : OUTCOME_KEY_TYPE))
            fail_msg("%s, %s: %s", pairs[i].kind, pairs[i].required, reason.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_check_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
