/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens credentials that systemd-creds 252, 257 and 262 and we wrote: tests/vectors.
 *
 * manifest.json says how each was made and which versions open it. We open each one that any of
 * them opens, to the same bytes; we refuse those that none of them opens, for the stated reason.
 */

#include "vectors.h"

#include <string.h>

/* Whether any version of systemd opens it. */
static bool opens_somewhere(struct json_object *vector)
{
    struct json_object *list;

    if (json_object_object_get_ex(vector, "expected_to_decrypt_on", &list))
        return json_object_array_length(list) > 0;
    json_object_object_foreach(vectors_member(vector, "decrypt"), version, result)
    {
        (void)version;
        if (json_object_get_boolean(vectors_member(result, "ok")))
            return true;
    }
    return false;
}

/* Returns our result under the manifest's name for it. */
static const char *expected_outcome(struct json_object *vector)
{
    return opens_somewhere(vector) ? "ok" : vectors_text(vector, "ours");
}

static int open_vector(const Vectors *vectors, struct json_object *vector, Reason *reason,
                       Secret **ret)
{
    _cleanup_(bytes_done) Bytes file = vectors_read(vectors_text(vector, "file"));
    VectorSetting setting = vectors_setting(vectors, vector);

    return vectors_open(&setting, bytes_view(&file), reason, ret);
}

static void check_vector(const Vectors *vectors, struct json_object *vector, unsigned *opened)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    const char *id = vectors_text(vector, "id");
    Reason reason = {0};
    int r = open_vector(vectors, vector, &reason, &plaintext);

    if (strcmp(outcome_name(r), expected_outcome(vector)) != 0)
        fail_msg("%s: %s, %s", id, outcome_name(r), reason.text);
    if (r == 0) {
        _cleanup_(bytes_done) Bytes expected = vectors_plaintext(vector);

        if (!bytes_view_equal(secret_view(plaintext), bytes_view(&expected)))
            fail_msg("%s: not the same plaintext", id);
        (*opened)++;
    } else {
        assert_true(r > 0 && reason.text[0] != '\0');
    }
    if (swtpm_count_handles(vectors->swtpm) != 0)
        fail_msg("%s: leaves a handle in the TPM", id);
}

static void check_list(const Vectors *vectors, const char *key, unsigned expected)
{
    struct json_object *list = vectors_member(vectors->manifest, key);
    unsigned opened = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++)
        check_vector(vectors, json_object_array_get_idx(list, i), &opened);
    assert_int_equal(opened, expected);
}

static void test_written_by_systemd(void **state)
{
    check_list(*state, "vectors", 64);
}

static void test_sealed_offline_or_with_a_shared_key(void **state)
{
    check_list(*state, "poc", 17);
}

static void test_sealed_by_us(void **state)
{
    check_list(*state, "ours", 9);
}

/* The same bytes at another time, with another PCR or another TPM. */
static void test_a_changed_pcr(void **state)
{
    Vectors *vectors = *state;
    struct json_object *list = vectors_member(vectors->manifest, "vectors");
    unsigned refused = 0;

    assert_int_equal(swtpm_extend(vectors->swtpm, 7, "changed"), 0);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *vector = json_object_array_get_idx(list, i);
        _cleanup_(secret_freep) Secret *plaintext = NULL;
        Reason reason = {0};

        if (!strstr(vectors_text(vector, "id"), "pcr7"))
            continue;
        assert_int_equal(open_vector(vectors, vector, &reason, &plaintext),
                         OUTCOME_TPM_PCR_MISMATCH);
        assert_non_null(strstr(reason.text, "7"));
        assert_null(plaintext);
        refused++;
    }
    assert_int_equal(refused, 9);
    vectors_restart_tpm(vectors);
}

/* The signed part of the policy: another value of its PCR, and signatures that do not fit. */
static void test_a_changed_signed_pcr(void **state)
{
    static const char no_entries[] = "{\"sha256\": []}";
    Vectors *vectors = *state;
    struct json_object *list = vectors_member(vectors->manifest, "vectors");
    Bytes signatures = vectors->signatures;
    unsigned refused = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *vector = json_object_array_get_idx(list, i);
        _cleanup_(secret_freep) Secret *plaintext = NULL;
        Reason reason = {0};

        if (!strstr(vectors_text(vector, "id"), "-pk"))
            continue;
        vectors->signatures = (Bytes){0};
        assert_int_equal(open_vector(vectors, vector, &reason, &plaintext),
                         OUTCOME_TPM_NO_SIGNATURE);
        vectors->signatures = (Bytes){(uint8_t *)no_entries, sizeof(no_entries) - 1};
        assert_int_equal(open_vector(vectors, vector, &reason, &plaintext),
                         OUTCOME_TPM_NO_SIGNATURE);
        vectors->signatures = signatures;
        assert_int_equal(swtpm_extend(vectors->swtpm, 11, "changed"), 0);
        assert_int_equal(open_vector(vectors, vector, &reason, &plaintext),
                         OUTCOME_TPM_PCR_MISMATCH);
        assert_non_null(strstr(reason.text, "PCR 11"));
        assert_null(plaintext);
        assert_int_equal(swtpm_count_handles(vectors->swtpm), 0);
        refused++;
        vectors_restart_tpm(vectors);
    }
    assert_int_equal(refused, 9);
}

static void test_another_user(void **state)
{
    Vectors *vectors = *state;
    UserScope alice = vectors->alice;
    UserScope others[] = {alice, alice, alice};
    struct json_object *list = vectors_member(vectors->manifest, "vectors");
    unsigned refused = 0;

    others[0].uid++;
    strcpy(others[1].name, "bob");
    others[2].machine_id.bytes[0] ^= 1;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        for (size_t j = 0; j < COUNT(others); j++) {
            struct json_object *vector = json_object_array_get_idx(list, i);
            _cleanup_(secret_freep) Secret *plaintext = NULL;

            if (!strstr(vectors_text(vector, "id"), "scoped"))
                continue;
            vectors->alice = others[j];
            assert_int_equal(open_vector(vectors, vector, NULL, &plaintext), OUTCOME_NOT_AUTHENTIC);
            assert_null(plaintext);
            refused++;
        }
    vectors->alice = alice;
    assert_int_equal(refused, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_by_systemd),
        cmocka_unit_test(test_sealed_offline_or_with_a_shared_key),
        cmocka_unit_test(test_sealed_by_us),
        cmocka_unit_test(test_a_changed_pcr),
        cmocka_unit_test(test_a_changed_signed_pcr),
        cmocka_unit_test(test_another_user),
    };

    return cmocka_run_group_tests(tests, vectors_set_up, vectors_tear_down);
}
