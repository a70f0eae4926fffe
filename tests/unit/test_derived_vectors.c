/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Vectors with one thing changed, tests/vectors/derived.jsonl: each is refused with the outcome and
 * the class of reason in its row. tests/vectors/README.md describes the rows.
 *
 * The unchanged credential always opens (test_vectors.c), so the change is the cause of the
 * refusal.
 */

#include "vectors.h"

#include "key/host_key.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

/* Number of hexadecimal digits of a file's digest in a row. */
#define DIGEST_DIGITS 16

/* --- edits --- */

static void replace(Bytes *bytes, size_t at, size_t removed, BytesView put)
{
    _cleanup_(writer_done) Writer writer = {0};

    assert_true(at <= bytes->size && removed <= bytes->size - at);
    writer_bytes(&writer, (BytesView){bytes->data, at});
    writer_bytes(&writer, put);
    writer_bytes(&writer, (BytesView){bytes->data + at + removed, bytes->size - at - removed});
    bytes_done(bytes);
    assert_int_equal(writer_take(&writer, bytes), 0);
}

/* An offset in BYTES; a negative one counts from the end. */
static size_t place(struct json_object *number, const Bytes *bytes)
{
    int64_t at = json_object_get_int64(number);

    return at < 0 ? bytes->size - (size_t)-at : (size_t)at;
}

static Bytes from_hex(struct json_object *text)
{
    const char *digits = json_object_get_string(text);
    size_t length = strlen(digits);
    Bytes bytes = {malloc(length), 0};

    assert_non_null(bytes.data);
    assert_int_equal(sodium_hex2bin(bytes.data, length, digits, length, NULL, &bytes.size, NULL),
                     0);
    assert_int_equal(bytes.size * 2, length);
    return bytes;
}

static void replace_text(Bytes *bytes, const char *text, const char *by)
{
    const uint8_t *found = memmem(bytes->data, bytes->size, text, strlen(text));

    assert_non_null(found);
    replace(bytes, (size_t)(found - bytes->data), strlen(text), test_view(by));
}

static void edit_at(Bytes *bytes, struct json_object *edit)
{
    size_t at = place(vectors_member(edit, "at"), bytes);
    _cleanup_(bytes_done) Bytes hex = {0};
    struct json_object *value;

    if (json_object_object_get_ex(edit, "remove", &value)) {
        replace(bytes, at, (size_t)json_object_get_int64(value), (BytesView){0});
    } else if (json_object_object_get_ex(edit, "insert", &value)) {
        hex = from_hex(value);
        replace(bytes, at, 0, bytes_view(&hex));
    } else if (json_object_object_get_ex(edit, "put", &value)) {
        hex = from_hex(value);
        replace(bytes, at, hex.size, bytes_view(&hex));
    } else {
        hex = from_hex(vectors_member(edit, "xor"));
        for (size_t i = 0; i < hex.size; i++)
            bytes->data[at + i] ^= hex.data[i];
    }
}

/* Applies ROW's edits under KEY to BYTES, if there are any. */
static void apply(Bytes *bytes, struct json_object *row, const char *key)
{
    struct json_object *edits, *value;

    if (!json_object_object_get_ex(row, key, &edits))
        return;
    for (size_t i = 0; i < json_object_array_length(edits); i++) {
        struct json_object *edit = json_object_array_get_idx(edits, i);

        if (json_object_object_get_ex(edit, "replace", &value))
            replace_text(bytes, json_object_get_string(value), vectors_text(edit, "by"));
        else if (json_object_object_get_ex(edit, "cut", &value))
            bytes->size = place(value, bytes);
        else
            edit_at(bytes, edit);
    }
}

/* --- a row --- */

static struct json_object *base_of(const Vectors *vectors, struct json_object *row)
{
    static const char *const lists[] = {"vectors", "poc", "ours"};

    for (size_t i = 0; i < COUNT(lists); i++) {
        struct json_object *list = vectors_member(vectors->manifest, lists[i]);

        for (size_t j = 0; j < json_object_array_length(list); j++) {
            struct json_object *entry = json_object_array_get_idx(list, j);

            if (strcmp(vectors_text(entry, "id"), vectors_text(row, "base")) == 0)
                return entry;
        }
    }
    fail_msg("%s: there is no such base", vectors_text(row, "id"));
    return NULL;
}

/* Loads the file, which must be the one that the row was written for. */
static Bytes file_of(struct json_object *row, struct json_object *base)
{
    _cleanup_(bytes_done) Bytes original = vectors_read(vectors_text(base, "file")), sealed = {0};
    uint8_t digest[crypto_hash_sha256_BYTES];
    char digits[2 * sizeof(digest) + 1];
    Bytes file;

    assert_int_equal(credential_decode(bytes_view(&original), NULL, &sealed), 0);
    apply(&sealed, row, "edit");
    assert_int_equal(credential_encode(bytes_view(&sealed), &file), 0);
    apply(&file, row, "text_edit");
    crypto_hash_sha256(digest, file.data, file.size);
    sodium_bin2hex(digits, sizeof(digits), digest, sizeof(digest));
    digits[DIGEST_DIGITS] = '\0';
    if (strcmp(digits, vectors_text(row, "sha256")) != 0)
        fail_msg("%s: these are other bytes, %s", vectors_text(row, "id"), digits);
    return file;
}

/* "NAME:UID" */
static UserScope user_of(const Vectors *vectors, const char *text)
{
    UserScope user = vectors->alice;

    assert_int_equal(sscanf(text, "%31[^:]:%u", user.name, &user.uid), 2);
    return user;
}

/* Returns the path of the host key file for ROW. */
static const char *host_key_of(const Vectors *vectors, struct json_object *row)
{
    const char *path = test_path(&vectors->root, "host-key");
    _cleanup_(bytes_done) Bytes key = vectors_read("host-credential.secret");

    unlink(path);
    if (vectors_member(row, "host_key")) {
        apply(&key, row, "host_key");
        test_write_file(path, bytes_view(&key), 0400);
    }
    return path;
}

/* Starts another TPM: "bare", or with a storage root key of its own. */
static Tpm *other_tpm(const char *which, Swtpm **swtpm)
{
    _cleanup_(freep) uint8_t *srk = NULL;
    size_t size;
    Tpm *tpm;

    assert_int_equal(swtpm_start(NULL, swtpm), 0);
    if (strcmp(which, "bare") != 0)
        assert_int_equal(swtpm_make_srk(*swtpm, &srk, &size), 0);
    assert_int_equal(tpm_new(swtpm_device(*swtpm), NULL, &tpm), 0);
    return tpm;
}

/* Sets everything in ROW about the environment except the TPM. USER and SIGNATURES own what is
 * set. */
static void set(const Vectors *vectors, struct json_object *row, VectorSetting *setting,
                UserScope *user, Bytes *signatures)
{
    struct json_object *value;

    if (json_object_object_get_ex(row, "name", &value))
        setting->name = json_object_get_string(value);
    if (json_object_object_get_ex(row, "now", &value))
        setting->now = (uint64_t)json_object_get_int64(value) * 1000000;
    if (json_object_object_get_ex(row, "allow_null", &value))
        setting->allow_null = json_object_get_boolean(value);
    if (json_object_object_get_ex(row, "allow_unnamed", &value))
        setting->allow_unnamed = json_object_get_boolean(value);
    if (json_object_object_get_ex(row, "host_key", &value))
        setting->host_key = host_key_of(vectors, row);
    if (json_object_object_get_ex(row, "user", &value)) {
        if (value)
            *user = user_of(vectors, json_object_get_string(value));
        setting->scope = value ? user : NULL;
    }
    if (json_object_object_get_ex(row, "signatures", &value)) {
        assert_int_equal(bytes_dup(bytes_view(&vectors->signatures), signatures), 0);
        if (value)
            apply(signatures, row, "signatures");
        setting->signatures = value ? bytes_view(signatures) : (BytesView){0};
    }
}

/* Returns the classes that an outcome may belong to. */
static const struct {
    const char *class, *outcomes;
} classes[] = {
    {"format", " malformed unknown-kind "},
    {"authentication", " not-authentic host-key-missing host-key-foreign host-key-unsafe "
                       "tpm-foreign tpm-no-srk tpm-failed "},
    {"name", " name-mismatch malformed "},
    {"time", " expired malformed "},
    {"policy", " tpm-pcr-mismatch tpm-no-signature unprotected unsupported malformed "},
    {"scope", " scope-mismatch not-authentic unsupported "},
};

static void check_class(struct json_object *row)
{
    struct json_object *class = vectors_member(row, "class");
    char outcome[40];

    snprintf(outcome, sizeof(outcome), " %s ", vectors_text(row, "ours"));
    if (!class) {
        assert_string_equal(outcome, " ok ");
        return;
    }
    for (size_t i = 0; i < COUNT(classes); i++)
        if (strcmp(classes[i].class, json_object_get_string(class)) == 0 &&
            strstr(classes[i].outcomes, outcome))
            return;
    fail_msg("%s: %s is not of class %s", vectors_text(row, "id"), outcome,
             json_object_get_string(class));
}

static void check_row(Vectors *vectors, struct json_object *row)
{
    struct json_object *base = base_of(vectors, row), *value;
    _cleanup_(bytes_done) Bytes file = file_of(row, base), signatures = {0};
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    VectorSetting setting = vectors_setting(vectors, base);
    Reason reason = {0};
    UserScope user;
    Swtpm *other = NULL;
    int r;

    check_class(row);
    set(vectors, row, &setting, &user, &signatures);
    if (json_object_object_get_ex(row, "tpm", &value))
        setting.tpm = other_tpm(json_object_get_string(value), &other);
    if (json_object_object_get_ex(row, "extend", &value))
        assert_int_equal(swtpm_extend(vectors->swtpm, (unsigned)json_object_get_int(value), "x"),
                         0);
    r = vectors_open(&setting, bytes_view(&file), &reason, &plaintext);
    if (strcmp(outcome_name(r), vectors_text(row, "ours")) != 0)
        fail_msg("%s: %s, %s", vectors_text(row, "id"), outcome_name(r), reason.text);
    assert_true((r == 0) == (plaintext != NULL) && (r == 0) == (reason.text[0] == '\0'));
    if (r == 0) {
        _cleanup_(bytes_done) Bytes expected = vectors_plaintext(base);

        assert_true(bytes_view_equal(secret_view(plaintext), bytes_view(&expected)));
    }
    if (swtpm_count_handles(other ? other : vectors->swtpm) != 0)
        fail_msg("%s: leaves a handle in the TPM", vectors_text(row, "id"));
    if (other)
        tpm_free(setting.tpm);
    swtpm_stop(other);
    if (json_object_object_get_ex(row, "extend", &value))
        vectors_restart_tpm(vectors);
}

/* --- all of them --- */

/* Counts the manifest's credentials: all, or those that open nowhere. */
static unsigned count_manifest(const Vectors *vectors, bool failing)
{
    static const char *const lists[] = {"vectors", "poc", "ours"};
    struct json_object *class;
    unsigned count = 0;

    for (size_t i = 0; i < COUNT(lists); i++) {
        struct json_object *list = vectors_member(vectors->manifest, lists[i]);

        for (size_t j = 0; j < json_object_array_length(list); j++)
            count += !failing ||
                     json_object_object_get_ex(json_object_array_get_idx(list, j), "class", &class);
    }
    return count;
}

/* Tests each row, and checks that there are at least 150, three quarters of which must fail. */
static void test_every_row(void **state)
{
    Vectors *vectors = *state;
    _cleanup_(bytes_done) Bytes file = vectors_read("derived.jsonl");
    unsigned all = count_manifest(vectors, false), failing = count_manifest(vectors, true);
    char *line = (char *)file.data, *end, *past = line + file.size;

    for (; line < past; line = end + 1) {
        struct json_object *row;

        end = memchr(line, '\n', (size_t)(past - line));
        assert_non_null(end);
        *end = '\0';
        row = json_tokener_parse(line);
        assert_non_null(row);
        check_row(vectors, row);
        all++;
        failing += strcmp(vectors_text(row, "ours"), "ok") != 0;
        json_object_put(row);
    }
    printf("%u vectors, %u of them fail\n", all, failing);
    assert_true(all >= 150 && 4 * failing >= 3 * all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
    };

    return cmocka_run_group_tests(tests, vectors_set_up, vectors_tear_down);
}
