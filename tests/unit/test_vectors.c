/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Credentials that systemd-creds 252, 257 and 262 wrote, opened by us: tests/vectors.
 *
 * manifest.json tells for each how it was made and which version opens it. What one of them opens
 * we open, to the same bytes; what none of them opens we refuse. Needs swtpm, with the state that
 * the vectors were sealed to.
 */

#include "support.h"

#include "credential/open.h"
#include "key/host_key.h"
#include "key/machine_id.h"
#include "swtpm.h"

#include <json-c/json.h>
#include <string.h>

#ifndef VECTORS
#error "VECTORS is the folder of the vectors"
#endif

typedef struct Fixture {
    Context context;
    TestFolder root;
    struct json_object *manifest;
    Swtpm *swtpm;
    Tpm *tpm;
    Secret *host_key;
    Bytes signatures; /* of the PCR policy, for the PCRs as they are */
    UserScope alice;
} Fixture;

static const char *vector_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
    return path;
}

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value;

    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static const char *text_of(struct json_object *object, const char *key)
{
    return json_object_get_string(member(object, key));
}

static void extend_pcrs(const Fixture *fixture)
{
    struct json_object *extends = member(member(fixture->manifest, "swtpm"), "pcr_extends");

    assert_int_equal(json_object_array_length(extends), 5);
    for (size_t i = 0; i < json_object_array_length(extends); i++) {
        struct json_object *extend = json_object_array_get_idx(extends, i);

        assert_int_equal(swtpm_extend(fixture->swtpm,
                                      (unsigned)json_object_get_int(member(extend, "pcr")),
                                      text_of(extend, "extend_sha256_of")),
                         0);
    }
}

static int set_up(void **state)
{
    static Fixture fixture;
    char path[512];

    fixture.manifest = json_object_from_file(vector_path("manifest.json"));
    assert_non_null(fixture.manifest);
    fixture.root = test_folder();
    test_folder_make_root(&fixture.root);
    fixture.context = test_context(fixture.root.path);
    snprintf(path, sizeof(path), "%s%s", fixture.root.path, HOST_KEY_PATH);
    {
        _cleanup_(bytes_done) Bytes key = test_read_file(vector_path("host-credential.secret"));

        test_write_file(path, bytes_view(&key), 0400);
    }
    assert_int_equal(host_key_load(&fixture.context, path, NULL, &fixture.host_key), 0);
    if (swtpm_start(vector_path("swtpm-state.tar.gz"), &fixture.swtpm) == SWTPM_MISSING)
        exit(77);
    extend_pcrs(&fixture);
    assert_int_equal(tpm_new(swtpm_device(fixture.swtpm), NULL, &fixture.tpm), 0);
    fixture.signatures = test_read_file(vector_path("tpm2-pcr-signature.json"));
    fixture.alice = (UserScope){.uid = 1000, .name = "alice"};
    assert_int_equal(machine_id_read(&fixture.context, NULL, &fixture.alice.machine_id), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    bytes_done(&fixture->signatures);
    tpm_free(fixture->tpm);
    swtpm_stop(fixture->swtpm);
    secret_free(fixture->host_key);
    json_object_put(fixture->manifest);
    test_folder_remove(&fixture->root);
    return 0;
}

static int open_vector(const Fixture *fixture, struct json_object *vector, Reason *reason,
                       Secret **ret)
{
    _cleanup_(bytes_done) Bytes file = test_read_file(vector_path(text_of(vector, "file"))),
                                sealed = {0};
    _cleanup_(secret_freep) Secret *tpm_key = NULL;
    CredentialParts parts;
    OpenRequest request = {.parts = &parts,
                           .name = text_of(vector, "name"),
                           .allow_unnamed = true,
                           .allow_null = true,
                           .now = TEST_NOW};
    int r;

    r = credential_decode(bytes_view(&file), reason, &sealed);
    if (r == 0)
        r = credential_parse(bytes_view(&sealed), reason, &parts);
    if (r == 0)
        r = credential_openable(&parts, reason);
    if (r == 0 && kind_has(parts.kind, KIND_TPM)) {
        parts.tpm.signatures = bytes_view(&fixture->signatures);
        r = tpm_unseal(fixture->tpm, &parts.tpm, reason, &tpm_key);
        request.tpm_key = tpm_key;
    }
    if (r != 0)
        return r;
    request.scope = kind_has(parts.kind, KIND_SCOPED) ? &fixture->alice : NULL;
    request.host_key = kind_has(parts.kind, KIND_HOST) ? fixture->host_key : NULL;
    return credential_open(&request, reason, NULL, ret);
}

/* Whether any version of systemd opens it. */
static bool opens_somewhere(struct json_object *vector)
{
    struct json_object *list;

    if (json_object_object_get_ex(vector, "expected_to_decrypt_on", &list))
        return json_object_array_length(list) > 0;
    json_object_object_foreach(member(vector, "decrypt"), version, result)
    {
        (void)version;
        if (json_object_get_boolean(member(result, "ok")))
            return true;
    }
    return false;
}

static Bytes expected_plaintext(struct json_object *vector)
{
    struct json_object *text;
    Bytes bytes;

    if (!json_object_object_get_ex(vector, "plaintext_text", &text))
        return test_read_file(vector_path(text_of(vector, "plaintext")));
    assert_int_equal(bytes_dup(test_view(json_object_get_string(text)), &bytes), 0);
    return bytes;
}

static void check_vector(const Fixture *fixture, struct json_object *vector, unsigned *opened)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    const char *id = text_of(vector, "id");
    Reason reason = {0};
    int r = open_vector(fixture, vector, &reason, &plaintext);

    if ((r == 0) != opens_somewhere(vector))
        fail_msg("%s: %d, %s", id, r, reason.text);
    if (r == 0) {
        _cleanup_(bytes_done) Bytes expected = expected_plaintext(vector);

        if (!bytes_view_equal(secret_view(plaintext), bytes_view(&expected)))
            fail_msg("%s: not the same plaintext", id);
        (*opened)++;
    } else {
        assert_true(r > 0 && reason.text[0] != '\0');
    }
    if (swtpm_count_handles(fixture->swtpm) != 0)
        fail_msg("%s: leaves a handle in the TPM", id);
}

static void check_list(const Fixture *fixture, const char *key, unsigned expected)
{
    struct json_object *list = member(fixture->manifest, key);
    unsigned opened = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++)
        check_vector(fixture, json_object_array_get_idx(list, i), &opened);
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

/* Brings the PCRs back to what the vectors were sealed for. */
static void restart(Fixture *fixture)
{
    tpm_free(fixture->tpm);
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    extend_pcrs(fixture);
    assert_int_equal(tpm_new(swtpm_device(fixture->swtpm), NULL, &fixture->tpm), 0);
}

/* The same bytes, another time, PCR or TPM. */
static void test_a_changed_pcr(void **state)
{
    Fixture *fixture = *state;
    struct json_object *list = member(fixture->manifest, "vectors");
    unsigned refused = 0;

    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "changed"), 0);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *vector = json_object_array_get_idx(list, i);
        _cleanup_(secret_freep) Secret *plaintext = NULL;
        Reason reason = {0};

        if (!strstr(text_of(vector, "id"), "pcr7"))
            continue;
        assert_int_equal(open_vector(fixture, vector, &reason, &plaintext),
                         OUTCOME_TPM_PCR_MISMATCH);
        assert_non_null(strstr(reason.text, "7"));
        assert_null(plaintext);
        refused++;
    }
    assert_int_equal(refused, 9);
    restart(fixture);
}

/* The part of the policy that is signed: another value of its PCR, and signatures that do not fit.
 */
static void test_a_changed_signed_pcr(void **state)
{
    static const char no_entries[] = "{\"sha256\": []}";
    Fixture *fixture = *state;
    struct json_object *list = member(fixture->manifest, "vectors");
    Bytes signatures = fixture->signatures;
    unsigned refused = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *vector = json_object_array_get_idx(list, i);
        _cleanup_(secret_freep) Secret *plaintext = NULL;
        Reason reason = {0};

        if (!strstr(text_of(vector, "id"), "-pk"))
            continue;
        fixture->signatures = (Bytes){0};
        assert_int_equal(open_vector(fixture, vector, &reason, &plaintext),
                         OUTCOME_TPM_NO_SIGNATURE);
        fixture->signatures = (Bytes){(uint8_t *)no_entries, sizeof(no_entries) - 1};
        assert_int_equal(open_vector(fixture, vector, &reason, &plaintext),
                         OUTCOME_TPM_NO_SIGNATURE);
        fixture->signatures = signatures;
        assert_int_equal(swtpm_extend(fixture->swtpm, 11, "changed"), 0);
        assert_int_equal(open_vector(fixture, vector, &reason, &plaintext),
                         OUTCOME_TPM_PCR_MISMATCH);
        assert_non_null(strstr(reason.text, "PCR 11"));
        assert_null(plaintext);
        assert_int_equal(swtpm_count_handles(fixture->swtpm), 0);
        refused++;
        restart(fixture);
    }
    assert_int_equal(refused, 9);
}

static void test_another_user(void **state)
{
    Fixture *fixture = *state;
    UserScope alice = fixture->alice;
    UserScope others[] = {alice, alice, alice};
    struct json_object *list = member(fixture->manifest, "vectors");
    unsigned refused = 0;

    others[0].uid++;
    strcpy(others[1].name, "bob");
    others[2].machine_id.bytes[0] ^= 1;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        for (size_t j = 0; j < COUNT(others); j++) {
            struct json_object *vector = json_object_array_get_idx(list, i);
            _cleanup_(secret_freep) Secret *plaintext = NULL;

            if (!strstr(text_of(vector, "id"), "scoped"))
                continue;
            fixture->alice = others[j];
            assert_int_equal(open_vector(fixture, vector, NULL, &plaintext), OUTCOME_NOT_AUTHENTIC);
            assert_null(plaintext);
            refused++;
        }
    fixture->alice = alice;
    assert_int_equal(refused, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_by_systemd),
        cmocka_unit_test(test_sealed_offline_or_with_a_shared_key),
        cmocka_unit_test(test_a_changed_pcr),
        cmocka_unit_test(test_a_changed_signed_pcr),
        cmocka_unit_test(test_another_user),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
