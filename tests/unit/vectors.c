/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host on which tests/vectors were sealed. See vectors.h.
 */

#include "vectors.h"

#include "key/host_key.h"
#include "key/machine.h"

#include <string.h>

#ifndef VECTORS
#error "VECTORS is the folder of the vectors"
#endif

const char *vectors_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
    return path;
}

Bytes vectors_read(const char *name)
{
    return test_read_file(vectors_path(name));
}

struct json_object *vectors_member(struct json_object *object, const char *key)
{
    struct json_object *value;

    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

const char *vectors_text(struct json_object *object, const char *key)
{
    return json_object_get_string(vectors_member(object, key));
}

/* --- the host --- */

static void extend_pcrs(const Vectors *vectors)
{
    struct json_object *extends =
        vectors_member(vectors_member(vectors->manifest, "swtpm"), "pcr_extends");

    assert_int_equal(json_object_array_length(extends), 5);
    for (size_t i = 0; i < json_object_array_length(extends); i++) {
        struct json_object *extend = json_object_array_get_idx(extends, i);

        assert_int_equal(swtpm_extend(vectors->swtpm,
                                      (unsigned)json_object_get_int(vectors_member(extend, "pcr")),
                                      vectors_text(extend, "extend_sha256_of")),
                         0);
    }
}

int vectors_set_up(void **state)
{
    static Vectors vectors;
    _cleanup_(bytes_done) Bytes key = vectors_read("host-credential.secret");

    vectors.manifest = json_object_from_file(vectors_path("manifest.json"));
    assert_non_null(vectors.manifest);
    vectors.root = test_folder();
    test_folder_make_root(&vectors.root);
    vectors.context = test_context(vectors.root.path);
    test_write_file(test_path(&vectors.root, &HOST_KEY_PATH[1]), bytes_view(&key), 0400);
    if (swtpm_start(vectors_path("swtpm-state.tar.gz"), &vectors.swtpm) == SWTPM_MISSING)
        exit(77);
    extend_pcrs(&vectors);
    assert_int_equal(tpm_new(swtpm_device(vectors.swtpm), NULL, &vectors.tpm), 0);
    vectors.signatures = vectors_read("tpm2-pcr-signature.json");
    vectors.alice = (UserScope){.uid = 1000, .name = "alice"};
    assert_int_equal(machine_id_read(&vectors.context, NULL, &vectors.alice.machine_id), 0);
    *state = &vectors;
    return 0;
}

int vectors_tear_down(void **state)
{
    Vectors *vectors = *state;

    bytes_done(&vectors->signatures);
    tpm_free(vectors->tpm);
    swtpm_stop(vectors->swtpm);
    json_object_put(vectors->manifest);
    test_folder_remove(&vectors->root);
    return 0;
}

void vectors_restart_tpm(Vectors *vectors)
{
    tpm_free(vectors->tpm);
    assert_int_equal(swtpm_restart(vectors->swtpm), 0);
    extend_pcrs(vectors);
    assert_int_equal(tpm_new(swtpm_device(vectors->swtpm), NULL, &vectors->tpm), 0);
}

/* --- opening --- */

VectorSetting vectors_setting(const Vectors *vectors, struct json_object *entry)
{
    return (VectorSetting){
        .context = &vectors->context,
        .host_key = test_path(&vectors->root, &HOST_KEY_PATH[1]),
        .tpm = vectors->tpm,
        .signatures = bytes_view(&vectors->signatures),
        .scope = strstr(vectors_text(entry, "id"), "scoped") ? &vectors->alice : NULL,
        .name = vectors_text(entry, "name"),
        .allow_unnamed = true,
        .allow_null = true,
        .now = TEST_NOW,
    };
}

/* Opens the sections in REQUEST to the plaintext. */
static int open_sections(const VectorSetting *setting, CredentialSections *sections, Reason *reason,
                         Secret **ret)
{
    _cleanup_(secret_freep) Secret *host_key = NULL, *tpm_key = NULL;
    OpenRequest request = {.sections = sections,
                           .scope = setting->scope,
                           .name = setting->name,
                           .allow_unnamed = setting->allow_unnamed,
                           .allow_null = setting->allow_null,
                           .now = setting->now};
    int r = credential_openable(sections, reason);

    if (r == 0)
        r = credential_scope_fits(&request, reason);
    if (r == 0 && kind_has(sections->kind, KIND_HOST))
        r = host_key_load(setting->context, setting->host_key, reason, &host_key);
    if (r == 0 && kind_has(sections->kind, KIND_TPM)) {
        sections->tpm.signatures = setting->signatures;
        r = tpm_unseal(setting->tpm, &sections->tpm, reason, &tpm_key);
    }
    request.host_key = host_key;
    request.tpm_key = tpm_key;
    return r == 0 ? credential_open(&request, reason, NULL, ret) : r;
}

int vectors_open(const VectorSetting *setting, BytesView file, Reason *reason, Secret **ret)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialSections sections;
    int r = credential_decode(file, reason, &sealed);

    if (r == 0)
        r = credential_parse(bytes_view(&sealed), reason, &sections);
    return r == 0 ? open_sections(setting, &sections, reason, ret) : r;
}

Bytes vectors_plaintext(struct json_object *entry)
{
    struct json_object *text;
    Bytes bytes;

    if (!json_object_object_get_ex(entry, "plaintext_text", &text))
        return vectors_read(vectors_text(entry, "plaintext"));
    assert_int_equal(bytes_dup(test_view(json_object_get_string(text)), &bytes), 0);
    return bytes;
}
