/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of host identities: an identity that we write can be read, and nothing else; and of the
 * strict JSON and the sets of files that go with them.
 */

#include "support.h"

#include "base/base64.h"
#include "base/fileset.h"
#include "base/json.h"
#include "credential/identity.h"
#include "credential/offline.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static Bytes vector(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
    return test_read_file(path);
}

/* With all members, as JSON in static memory. */
static const char *whole(void)
{
    static const char *const files[] = {"target-srk.tpm2b_public",
                                        "target-legacy-ecc-primary.tpm2b_public",
                                        "target-legacy-rsa-primary.tpm2b_public"};
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n";
    _cleanup_(identity_done) Identity identity = {.host_name = "web1",
                                                  .machine_id = TEST_MACHINE_ID};
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    static char text[16384];

    for (size_t i = 0; i < COUNT(files); i++) {
        _cleanup_(bytes_done) Bytes area = vector(files[i]);

        assert_int_equal(identity_add_key(&identity, bytes_view(&area), NULL), 0);
    }
    assert_int_equal(bytes_dup(test_view(pem), &identity.pcr_public_key), 0);
    identity.pcrs.mask = 0x800081;
    memset(identity.pcrs.values, 0xa5, sizeof(identity.pcrs.values));
    assert_int_equal(
        bytes_dup((BytesView){identity.pcrs.values[0], IDENTITY_REPORT_BYTES}, &identity.report),
        0);
    object = identity_to_json(&identity);
    assert_non_null(object);
    snprintf(text, sizeof(text), "%s",
             json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    return text;
}

static int parse(const char *text, Reason *reason)
{
    _cleanup_(identity_done) Identity identity = {0};
    int r = identity_parse(test_view(text), reason, &identity);

    assert_true((r == 0) == (identity.srk.size + identity.legacy_ecc.size > 0));
    assert_true(r == 0 || r == OUTCOME_BAD_IDENTITY);
    return r;
}

static void test_round_trip(void **state)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(json_object_putp) struct json_object *again = NULL;
    const char *text = whole();

    (void)state;
    assert_int_equal(identity_parse(test_view(text), NULL, &identity), 0);
    assert_string_equal(identity.host_name, "web1");
    assert_string_equal(identity.machine_id, TEST_MACHINE_ID);
    assert_int_equal(identity.pcrs.mask, 0x800081);
    assert_int_equal(identity.pcrs.values[23][31], 0xa5);
    assert_int_equal(identity.legacy_rsa.size, 284);
    again = identity_to_json(&identity);
    assert_string_equal(json_object_to_json_string_ext(again, JSON_C_TO_STRING_PLAIN), text);
}

static void test_every_truncation_is_refused(void **state)
{
    _cleanup_(bytes_done) Bytes srk = vector("target-srk.tpm2b_public");
    BytesView views[] = {test_view(whole()), bytes_view(&srk)};

    (void)state;
    for (size_t i = 0; i < COUNT(views); i++)
        for (size_t size = 0; size < views[i].size; size++) {
            _cleanup_(identity_done) Identity identity = {0};

            assert_int_equal(identity_parse((BytesView){views[i].data, size}, NULL, &identity),
                             OUTCOME_BAD_IDENTITY);
        }
}

/* A mutation can change only host name, machine id, PCR values and the other keys into valid ones;
 * with any other storage key the file is refused. */
static void test_no_bit_flip_changes_a_key(void **state)
{
    _cleanup_(identity_done) Identity good = {0};
    char text[16384];
    size_t size;

    (void)state;
    snprintf(text, sizeof(text), "%s", whole());
    size = strlen(text);
    assert_int_equal(identity_parse(test_view(text), NULL, &good), 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        _cleanup_(identity_done) Identity identity = {0};

        text[bit / 8] ^= (char)(1U << bit % 8);
        if (identity_parse((BytesView){(uint8_t *)text, size}, NULL, &identity) == 0) {
            assert_true(bytes_view_equal(bytes_view(&identity.srk), bytes_view(&good.srk)));
            assert_true(
                bytes_view_equal(bytes_view(&identity.legacy_ecc), bytes_view(&good.legacy_ecc)));
            assert_true(
                bytes_view_equal(bytes_view(&identity.legacy_rsa), bytes_view(&good.legacy_rsa)));
        }
        text[bit / 8] ^= (char)(1U << bit % 8);
    }
}

/* FIND in a good identity replaced by REPLACEMENT. */
static const char *with(const char *find, const char *replacement)
{
    static char text[32768];
    const char *source = whole(), *at = strstr(source, find);

    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - source), source, replacement,
             at + strlen(find));
    return text;
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *rule, *find, *replacement, *words;
    } rows[] = {
        {"of version 1", "\"version\":1", "\"version\":2", "version"},
        {"with a number as version", "\"version\":1", "\"version\":\"1\"", "version"},
        {"with a version", "\"version\":1,", "", "no version"},
        {"without unknown members", "\"version\":1", "\"version\":1,\"x\":0", "\"x\""},
        {"without control characters in what we say", "\"version\":1",
         "\"version\":1,\"\\u001b[31m\":0", "\"?\""},
        {"without members twice", "\"version\":1", "\"version\":1,\"version\":1", "second member"},
        {"without members of members twice",
         "\"name\":", "\"name\":\"\",\"name\":", "second member"},
        {"without comments", "\"version\":1", "\"version\":1/*:*/", "JSON"},
        {"without single quotes", "\"version\"", "'version'", "JSON"},
        {"without a comma too many", "\"version\":1", "\"version\":1,", ""},
        {"an object", "{\"version\"", "[{\"version\"", ""},
        {"the last of the file", "{\"version\":1,\"hostName\":\"web1\"", "{}{\"version\":1",
         "JSON"},
        {"with a host name", "\"web1\"", "\"\"", "hostName"},
        {"with a host name of one line", "\"web1\"", "\"a\\nb\"", "hostName"},
        {"with a host name without NUL", "\"web1\"", "\"a\\u0000b\"", "hostName"},
        {"with a text as host name", "\"web1\"", "1", "hostName"},
        {"with a machine id", TEST_MACHINE_ID, "0123", "machineId"},
        {"with a machine id in lower case", "89abcdef\"", "89ABCDEF\"", "machineId"},
        {"with an object as key", "\"srk\":{", "\"srk\":1,\"x\":{", "srk"},
        {"without more in a key", "\"srk\":{", "\"srk\":{\"x\":1,", "srk"},
        {"with names of the keys", "\"srk\":{\"name\":\"000b", "\"srk\":{\"name\":\"000c",
         "damaged"},
        {"with each key in its place", "\"srk\":", "\"legacyEcc\":", ""},
        {"with keys in base64", "\"public\":\"A", "\"public\":\"*", "base64"},
        {"with PEM", "-----BEGIN PUBLIC", "-----BEGIN PRIVATE", "pcrPublicKey"},
        {"with a whole PEM", "PUBLIC KEY-----\\n\"", "PUBLIC KEY-----\"", "pcrPublicKey"},
        {"with PCRs that exist", "\"23\":", "\"24\":", "PCR"},
        {"with PCRs' numbers written in one way", "\"7\":", "\"07\":", "PCR"},
        {"with SHA-256", "\"sha256\":", "\"sha1\":", "sha256"},
        {"with PCRs of 32 bytes", "\"7\":\"a5", "\"7\":\"", "PCR 7"},
        {"with a whole key for reports", "\"report\":\"paWl", "\"report\":\"", "report"},
        {"with a text as key for reports", "\"report\":\"", "\"report\":1,\"x\":\"", "report"},
        {"with PCRs in lower case", "\"7\":\"a5", "\"7\":\"A5", "PCR 7"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        if (parse(with(rows[i].find, rows[i].replacement), &reason) != OUTCOME_BAD_IDENTITY ||
            !strstr(reason.text, rows[i].words) || reason.text[0] == '\0')
            fail_msg("an identity is %s: \"%s\"", rows[i].rule, reason.text);
    }
    assert_int_equal(parse("{\"version\":1}", NULL), OUTCOME_BAD_IDENTITY);
    assert_int_equal(parse("", NULL), OUTCOME_BAD_IDENTITY);
}

static void test_limits(void **state)
{
    static uint8_t spaces[LIMIT_IDENTITY_BYTES + 1];
    _cleanup_(bytes_done) Bytes legacy = vector("target-legacy-ecc-primary.tpm2b_public");
    char deep[1024] = "";
    Identity identity;
    Reason reason = {0};

    (void)state;
    memset(spaces, ' ', sizeof(spaces));
    assert_int_equal(identity_parse((BytesView){spaces, sizeof(spaces)}, &reason, &identity),
                     OUTCOME_BAD_IDENTITY);
    assert_non_null(strstr(reason.text, "65536"));
    memset(deep, '[', sizeof(deep) - 1);
    assert_int_equal(parse(deep, NULL), OUTCOME_BAD_IDENTITY);
    /* without attributes it could be the key of anything */
    assert_int_equal(identity_parse(bytes_view(&legacy), NULL, &identity), OUTCOME_BAD_IDENTITY);
}

/* A storage root key as systemd writes it, alone. */
static void test_bare(void **state)
{
    static const char *const files[] = {"target-srk.tpm2b_public",
                                        "target-legacy-rsa-primary.tpm2b_public"};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        _cleanup_(identity_done) Identity identity = {0};
        _cleanup_(bytes_done) Bytes area = vector(files[i]);

        area.data[8] |= 0x04; /* noDA, which tells a storage root key from a legacy one */
        assert_int_equal(identity_parse(bytes_view(&area), NULL, &identity), 0);
        assert_true(bytes_view_equal(bytes_view(&identity.srk), bytes_view(&area)));
        for (size_t size = 0; size < area.size; size++) {
            BytesView cut = {area.data, size};

            assert_int_equal(identity_parse(cut, NULL, &identity), OUTCOME_BAD_IDENTITY);
        }
    }
}

/* --- forms --- */

static void test_forms(void **state)
{
    static const struct {
        const char *rule, *drop; /* a member that is renamed out of the way */
        OfflineForm form;
        uint64_t mask;
        const char *kind; /* NULL: refused */
    } rows[] = {
        {"auto is legacy where it can", NULL, OFFLINE_AUTO, 0, "tpm2"},
        {"PCRs that are there", NULL, OFFLINE_PINNED, 0x81, "tpm2-pinned"},
        {"PCRs that are not", NULL, OFFLINE_PINNED, 0x82, NULL},
        {"PCRs that do not exist", NULL, OFFLINE_AUTO, UINT64_C(1) << 40, NULL},
        {"auto is pinned where it must", "bare", OFFLINE_AUTO, 0, "tpm2-pinned"},
        {"no legacy key", "bare", OFFLINE_LEGACY, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(identity_done) Identity identity = {0};
        _cleanup_(offline_key_done) OfflineKey key = {0};
        _cleanup_(bytes_done) Bytes srk = vector("target-srk.tpm2b_public");
        Context context = test_context(NULL);
        OfflineRequest request = {
            .identity = &identity, .form = rows[i].form, .pcrs.mask = rows[i].mask};
        int r;

        assert_int_equal(
            identity_parse(rows[i].drop ? bytes_view(&srk) : test_view(whole()), NULL, &identity),
            0);
        r = offline_key_new(&context, &request, NULL, &key);
        if ((r == 0) != (rows[i].kind != NULL) || (r == 0 && strcmp(key.kind->name, rows[i].kind)))
            fail_msg("%s: %d", rows[i].rule, r);
    }
}

/* --- sets of files --- */

static void test_file_set(void **state)
{
    TestFolder folder = test_folder();
    FileSetEntry entries[] = {{"a.cred", {(uint8_t *)"one", 3}}, {"b.cred", {(uint8_t *)"two", 3}}};
    const char *path = test_path(&folder, "set");
    struct stat status;
    Reason reason = {0};

    (void)state;
    assert_int_equal(file_set_write(path, entries, 1, 0644, NULL), 0);
    /* exchanged, because everything in it is written anew */
    entries[0].content.data = (uint8_t *)"new";
    assert_int_equal(file_set_write(path, entries, 2, 0644, NULL), 0);
    {
        _cleanup_(bytes_done) Bytes a = test_read_file(test_path(&folder, "set/a.cred"));

        assert_true(bytes_view_equal(bytes_view(&a), test_view("new")));
    }
    /* b.cred would be lost */
    assert_int_equal(file_set_write(path, entries, 1, 0644, &reason), OUTCOME_USAGE);
    assert_non_null(strstr(reason.text, "b.cred"));
    /* one name cannot be written: only the old ones stay */
    strcpy(entries[1].name, "b.cred/c");
    assert_true(file_set_write(test_path(&folder, "other"), entries, 2, 0644, NULL) < 0);
    assert_true(stat(test_path(&folder, "other"), &status) < 0 && errno == ENOENT);
    assert_int_equal(stat(folder.path, &status), 0);
    assert_int_equal(status.st_nlink, 3); /* ".", its name, and set/.. */
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_no_bit_flip_changes_a_key),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_file_set),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
