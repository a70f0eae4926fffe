/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/fleet/bundle.c and judge.c with the bundle in tests/vectors/fleet, which is not
 * ours: a script made it with ssh-keygen and its own tree.
 */

#include "support.h"

#include "base/base64.h"
#include "fleet/bundle.h"

#include <string.h>

/* 2026-12-01 12:00:00 UTC, µs; the statement was issued at 9:00 */
#define NOW    UINT64_C(1796126400000000)
#define HOUR   (UINT64_C(3600) * 1000 * 1000)
/* 2027-01-31 00:00:00 UTC, µs */
#define EXPIRY UINT64_C(1801353600000000)

static Bytes vector(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/fleet/%s", VECTORS, name);
    return test_read_file(path);
}

static Bundle parsed(const char *name)
{
    _cleanup_(bytes_done) Bytes file = vector(name);
    Bundle bundle = {0};

    assert_int_equal(bundle_parse(bytes_view(&file), NULL, &bundle), 0);
    return bundle;
}

/* The signers with keys in tests/vectors/fleet: "NAME [OPTIONS]", separated by spaces. */
static AllowedSigners signers_of(const char *const *names, const char *const *options, size_t count)
{
    _cleanup_(writer_done) Writer writer = {0};
    AllowedSigners signers = {0};

    for (size_t i = 0; i < count; i++) {
        _cleanup_(bytes_done) Bytes key = {0};
        char file[64];

        snprintf(file, sizeof(file), "%s.pub", names[i]);
        key = vector(file);
        writer_text(&writer, names[i]);
        writer_text(&writer, " ");
        writer_text(&writer, options ? options[i] : "");
        writer_text(&writer, " ");
        writer_bytes(&writer, bytes_view(&key));
    }
    assert_int_equal(allowed_signers_parse(bytes_view(&writer.bytes), NULL, &signers), 0);
    return signers;
}

static AllowedSigners all_signers(void)
{
    static const char *const names[] = {"alice", "bob", "carol"};

    return signers_of(names, NULL, COUNT(names));
}

/* Of the host that the bundle is for. */
static FleetTrust trust_of(const AllowedSigners *signers)
{
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    _cleanup_(manifest_done) Manifest manifest = {0};

    assert_int_equal(manifest_parse(bytes_view(&bundle.manifest), NULL, &manifest), 0);
    return (FleetTrust){
        .fleet = "prod", .host = manifest.host, .signers = signers, .threshold = 3, .now = NOW};
}

static int judge(BytesView file, const FleetTrust *trust, Reason *reason)
{
    _cleanup_(manifest_done) Manifest manifest = {0};
    Statement statement = {0};
    int r = bundle_judge(file, trust, reason, &statement, &manifest);

    assert_true((r == 0) == (statement.sequence == 42));
    assert_true((r == 0) == (manifest.count == 3));
    return r;
}

/* BUNDLE as it would arrive. */
static int judge_changed(const Bundle *bundle, const FleetTrust *trust)
{
    _cleanup_(bytes_done) Bytes file = {0};

    assert_int_equal(bundle_format(bundle, &file), 0);
    return judge(bytes_view(&file), trust, NULL);
}

/* --- tests --- */

static void test_the_vector(void **state)
{
    _cleanup_(bytes_done) Bytes file = vector("bundle.json"), again = {0}, text = {0};
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();
    _cleanup_(manifest_done) Manifest manifest = {0};
    FleetTrust trust = trust_of(&signers);
    Statement statement;
    Reason reason = {0};

    (void)state;
    if (bundle_judge(bytes_view(&file), &trust, &reason, &statement, &manifest) != 0)
        fail_msg("%s", reason.text);
    assert_int_equal(statement.hosts, 7);
    assert_int_equal(manifest.count, 3);
    assert_string_equal(manifest.credentials[1].name.machine, "web");
    assert_string_equal(manifest.credentials[1].name.id, "db-password");
    assert_int_equal(manifest.credentials[2].size, 5123);
    assert_false(manifest.credentials[2].pending);
    /* we write the same */
    assert_int_equal(bundle_format(&bundle, &again), 0);
    assert_true(bytes_view_equal(bytes_view(&again), bytes_view(&file)));
    assert_int_equal(manifest_format(&manifest, &text), 0);
    assert_true(bytes_view_equal(bytes_view(&text), bytes_view(&bundle.manifest)));
}

/* With no more signatures than needed, every bit counts. */
static void test_every_flip_and_truncation_is_refused(void **state)
{
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();
    _cleanup_(bytes_done) Bytes file = {0};
    FleetTrust trust = trust_of(&signers);

    (void)state;
    trust.threshold = 1;
    while (bundle.signature_count > 1)
        bytes_done(&bundle.signatures[--bundle.signature_count]);
    assert_int_equal(bundle_format(&bundle, &file), 0);
    assert_int_equal(judge(bytes_view(&file), &trust, NULL), 0);
    for (size_t size = 0; size < file.size; size++)
        assert_int_equal(judge((BytesView){file.data, size}, &trust, NULL), OUTCOME_BAD_BUNDLE);
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        int r;

        file.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        r = judge(bytes_view(&file), &trust, NULL);
        if (r != OUTCOME_BAD_BUNDLE && r != OUTCOME_NOT_SIGNED)
            fail_msg("bit %zu: %d", bit, r);
        file.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void test_statement(void **state)
{
    static const struct {
        const char *fleet;
        uint64_t now, sequence;
        bool other_root;
        int expected;
    } rows[] = {
        {"prod", NOW - 3 * HOUR, 0, false, 0},
        {"prod", NOW - 3 * HOUR - 1, 0, false, OUTCOME_CLOCK},
        {"prod", 0, 43, false, OUTCOME_CLOCK},
        {"prod", EXPIRY - 1, 0, false, 0},
        {"prod", EXPIRY, 0, false, OUTCOME_STATEMENT_EXPIRED},
        {"prod", UINT64_MAX, 0, false, OUTCOME_STATEMENT_EXPIRED},
        {"test", NOW, 0, false, OUTCOME_NOT_SIGNED},
        {"pro", NOW, 0, false, OUTCOME_NOT_SIGNED},
        {"prod", NOW, 41, true, 0},
        {"prod", NOW, 42, false, 0},
        {"prod", NOW, 42, true, OUTCOME_EQUIVOCATION},
        {"prod", NOW, 43, false, OUTCOME_OLD_SEQUENCE},
        {"prod", NOW, 43, true, OUTCOME_OLD_SEQUENCE},
    };
    _cleanup_(bytes_done) Bytes file = vector("bundle.json");
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();
    Statement statement;

    (void)state;
    assert_int_equal(statement_parse(bytes_view(&bundle.statement), NULL, &statement), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        FleetTrust trust = trust_of(&signers);
        Reason reason = {0};

        trust.fleet = rows[i].fleet;
        trust.now = rows[i].now;
        trust.sequence = rows[i].sequence;
        trust.root = statement.root;
        trust.root.bytes[31] ^= rows[i].other_root;
        if (judge(bytes_view(&file), &trust, &reason) != rows[i].expected)
            fail_msg("row %zu: %s", i, reason.text);
        assert_true((rows[i].expected == 0) == (reason.text[0] == '\0'));
    }
}

/* Signers of a file, what it says about them, and how many must have signed. */
static void test_threshold(void **state)
{
    static const struct {
        const char *names[4], *options[4];
        size_t threshold;
        int expected;
    } rows[] = {
        {{"alice"}, {""}, 1, 0},
        {{"alice"}, {""}, 2, OUTCOME_NOT_SIGNED},
        {{"alice", "bob"}, {"", ""}, 2, 0},
        {{"alice", "bob"}, {"", ""}, 3, OUTCOME_NOT_SIGNED},
        {{"alice", "bob", "carol"}, {"", "", ""}, 3, 0},
        {{"alice", "bob", "carol"}, {"", "", ""}, 4, OUTCOME_NOT_SIGNED},
        /* those of another purpose or time do not count */
        {{"alice", "bob"}, {"", "namespaces=\"git\""}, 1, 0},
        {{"alice", "bob"}, {"", "namespaces=\"git\""}, 2, OUTCOME_NOT_SIGNED},
        {{"alice", "bob"}, {"", "valid-before=\"20261201Z\""}, 1, 0},
        {{"alice", "bob"}, {"", "valid-before=\"20261201Z\""}, 2, OUTCOME_NOT_SIGNED},
        {{"alice", "bob"}, {"", "valid-after=\"20261202Z\""}, 2, OUTCOME_NOT_SIGNED},
        {{"alice"}, {"valid-after=\"20261201Z\",valid-before=\"20261202Z\""}, 1, 0},
    };
    _cleanup_(bytes_done) Bytes file = vector("bundle.json");

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
        FleetTrust trust;
        size_t count = 0;

        while (count < COUNT(rows[i].names) && rows[i].names[count])
            count++;
        signers = signers_of(rows[i].names, rows[i].options, count);
        trust = trust_of(&signers);
        trust.threshold = rows[i].threshold;
        if (judge(bytes_view(&file), &trust, NULL) != rows[i].expected)
            fail_msg("row %zu", i);
    }
}

/* A clock that is behind is what is wrong, and not that it is before the signers' time. */
static void test_clock_before_signers(void **state)
{
    static const char *const names[] = {"alice"}, *const options[] = {"valid-after=\"20261201Z\""};
    _cleanup_(bytes_done) Bytes file = vector("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = signers_of(names, options, 1);
    FleetTrust trust = trust_of(&signers);

    (void)state;
    trust.threshold = 1;
    trust.now = 0;
    assert_int_equal(judge(bytes_view(&file), &trust, NULL), OUTCOME_CLOCK);
}

/* Two keys of one signer are one signer, and so are two signatures by one key. */
static void test_one_signer_counts_once(void **state)
{
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();
    FleetTrust trust = trust_of(&signers);

    (void)state;
    strcpy(signers.signers[1].principal, "alice");
    assert_int_equal(judge_changed(&bundle, &trust), OUTCOME_NOT_SIGNED);
    trust.threshold = 2;
    assert_int_equal(judge_changed(&bundle, &trust), 0);
    /* alice, alice, carol */
    strcpy(signers.signers[1].principal, "bob");
    bytes_done(&bundle.signatures[1]);
    assert_int_equal(bytes_dup(bytes_view(&bundle.signatures[0]), &bundle.signatures[1]), 0);
    assert_int_equal(judge_changed(&bundle, &trust), 0);
    trust.threshold = 3;
    assert_int_equal(judge_changed(&bundle, &trust), OUTCOME_NOT_SIGNED);
}

/* Signatures that are bad or by strangers neither count nor hurt, up to the limit. */
static void test_signatures(void **state)
{
    static const char *const strangers[] = {"rsa.sig", "alice-file.sig", "alice-message.sig",
                                            "carol-untouched.sig", "statement"};
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();
    FleetTrust trust = trust_of(&signers);

    (void)state;
    for (size_t i = 0; bundle.signature_count < LIMIT_FLEET_SIGNATURES; i++) {
        trust.threshold = 3;
        bundle.signatures[bundle.signature_count++] = vector(strangers[i % COUNT(strangers)]);
        assert_int_equal(judge_changed(&bundle, &trust), 0);
        trust.threshold = 4;
        assert_int_equal(judge_changed(&bundle, &trust), OUTCOME_NOT_SIGNED);
    }
    while (bundle.signature_count > 0)
        bytes_done(&bundle.signatures[--bundle.signature_count]);
    trust.threshold = 1;
    assert_int_equal(judge_changed(&bundle, &trust), OUTCOME_NOT_SIGNED);
}

static void test_proof(void **state)
{
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();
    FleetTrust trust = trust_of(&signers);

    (void)state;
    assert_int_equal(bundle.index, 5);
    for (bundle.index = 0; bundle.index < 20; bundle.index++)
        assert_int_equal(judge_changed(&bundle, &trust),
                         bundle.index == 5 ? 0 : OUTCOME_NOT_SIGNED);
    bundle.index = 5;
    for (bundle.path_length = 0; bundle.path_length <= MERKLE_PATH_MAX; bundle.path_length++)
        assert_int_equal(judge_changed(&bundle, &trust),
                         bundle.path_length == 3 ? 0 : OUTCOME_NOT_SIGNED);
}

/* The host must have each key that the manifest names, and may have others. */
static void test_host(void **state)
{
    _cleanup_(bytes_done) Bytes file = vector("bundle.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();

    (void)state;
    for (size_t key = 0; key < _FLEET_KEY_MAX; key++) {
        FleetTrust trust = trust_of(&signers);

        trust.host.keys[key][67] ^= 1;
        assert_int_equal(judge(bytes_view(&file), &trust, NULL), OUTCOME_NOT_SIGNED);
        trust.host.keys[key][0] = '\0';
        assert_int_equal(judge(bytes_view(&file), &trust, NULL), OUTCOME_NOT_SIGNED);
    }
}

/* A member that the host does not know may be a restriction that it would not obey. */
static void test_signed_but_unknown(void **state)
{
    _cleanup_(bytes_done) Bytes file = vector("bundle-unknown.json");
    _cleanup_(allowed_signers_done) AllowedSigners signers = all_signers();
    FleetTrust trust = trust_of(&signers);
    Reason reason = {0};

    (void)state;
    trust.threshold = 1;
    assert_int_equal(judge(bytes_view(&file), &trust, &reason), OUTCOME_BAD_BUNDLE);
    assert_string_equal(reason.text, "the manifest: a credential has an unknown member");
}

/* --- the JSON --- */

/* Replaces the first FROM in TEXT by TO, and parses the result. */
static int parse_replaced(BytesView text, const char *from, const char *to)
{
    _cleanup_(bundle_done) Bundle bundle = {0};
    _cleanup_(writer_done) Writer writer = {0};
    const uint8_t *at = memmem(text.data, text.size, from, strlen(from));

    assert_non_null(at);
    writer_bytes(&writer, (BytesView){text.data, (size_t)(at - text.data)});
    writer_text(&writer, to);
    at += strlen(from);
    writer_bytes(&writer, (BytesView){at, (size_t)(text.data + text.size - at)});
    return bundle_parse(bytes_view(&writer.bytes), NULL, &bundle);
}

static void test_json(void **state)
{
    static const struct {
        const char *from, *to;
        int expected;
    } rows[] = {
        {"{", " {\n", 0},
        {"\"version\":1", "\"version\":2", OUTCOME_BAD_BUNDLE},
        {"\"version\":1", "\"version\":1.0", OUTCOME_BAD_BUNDLE},
        {"\"version\":1", "\"version\":\"1\"", OUTCOME_BAD_BUNDLE},
        {"\"version\":1,", "", OUTCOME_BAD_BUNDLE},
        {"\"version\":1", "\"version\":1,\"version\":1", OUTCOME_BAD_BUNDLE},
        {"\"version\":1", "\"version\":1,\"more\":1", OUTCOME_BAD_BUNDLE},
        {"\"statement\":\"", "\"statement\":\"!", OUTCOME_BAD_BUNDLE},
        {"\"statement\":\"", "\"statement\":[\"", OUTCOME_BAD_BUNDLE},
        {"\"signatures\":[", "\"signatures\":[1,", OUTCOME_BAD_BUNDLE},
        {"\"signatures\":[", "\"signatures\":[null,", OUTCOME_BAD_BUNDLE},
        {"\"signatures\":[", "\"signatures\":[\"\\u0000\",", OUTCOME_BAD_BUNDLE},
        {"\"signatures\":[", "\"signatures\":[[],", OUTCOME_BAD_BUNDLE},
        {"\"signatures\":[", "\"signatures\":[\"\",", 0},
        {"\"index\":5", "\"index\":-1", OUTCOME_BAD_BUNDLE},
        {"\"index\":5", "\"index\":5.0", OUTCOME_BAD_BUNDLE},
        {"\"index\":5", "\"index\":\"5\"", OUTCOME_BAD_BUNDLE},
        {"\"index\":5", "\"index\":null", OUTCOME_BAD_BUNDLE},
        {"\"path\":\"", "\"path\":\"00", OUTCOME_BAD_BUNDLE},
        {"\"path\":\"", "\"path\":\"0", OUTCOME_BAD_BUNDLE},
        {"\"path\":\"", "\"path\":7,\"x\":\"", OUTCOME_BAD_BUNDLE},
        {"}", "}}", OUTCOME_BAD_BUNDLE},
        {"}", "} x", OUTCOME_BAD_BUNDLE},
        {"}", "} \n", 0},
    };
    _cleanup_(bytes_done) Bytes file = vector("bundle.json");

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (parse_replaced(bytes_view(&file), rows[i].from, rows[i].to) != rows[i].expected)
            fail_msg("\"%s\" for \"%s\"", rows[i].to, rows[i].from);
}

static void test_limits(void **state)
{
    _cleanup_(bytes_done) Bytes file = vector("bundle.json");
    _cleanup_(freep) char *many = calloc(1, 4096), *digits = calloc(1, 4096);
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bundle_done) Bundle bundle = {0};

    (void)state;
    assert_true(many && digits);
    strcpy(many, "\"signatures\":[");
    for (size_t i = 4; i <= LIMIT_FLEET_SIGNATURES; i++)
        strcat(many, "\"\",");
    assert_int_equal(parse_replaced(bytes_view(&file), "\"signatures\":[", many), 0);
    strcat(many, "\"\",");
    assert_int_equal(parse_replaced(bytes_view(&file), "\"signatures\":[", many),
                     OUTCOME_BAD_BUNDLE);
    strcpy(digits, "\"path\":\"");
    memset(digits + 8, '0', 2 * MERKLE_HASH_BYTES * (MERKLE_PATH_MAX - 3));
    assert_int_equal(parse_replaced(bytes_view(&file), "\"path\":\"", digits), 0);
    memset(digits + 8, '0', 2 * MERKLE_HASH_BYTES * (MERKLE_PATH_MAX - 2));
    assert_int_equal(parse_replaced(bytes_view(&file), "\"path\":\"", digits), OUTCOME_BAD_BUNDLE);
    writer_bytes(&writer, bytes_view(&file));
    while (writer.bytes.size < LIMIT_BUNDLE_BYTES)
        writer_text(&writer, " ");
    assert_int_equal(bundle_parse(bytes_view(&writer.bytes), NULL, &bundle), 0);
    bundle_done(&bundle);
    writer_text(&writer, " ");
    assert_int_equal(bundle_parse(bytes_view(&writer.bytes), NULL, &bundle), OUTCOME_BAD_BUNDLE);
}

/* A hostile bundle does not grow in memory. */
static void test_values(void **state)
{
    static const char *const values[] = {"{},", "[],", "1,", "\"\","};

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        _cleanup_(bundle_done) Bundle bundle = {0};
        _cleanup_(writer_done) Writer writer = {0};
        Reason reason = {0};

        writer_text(&writer, "{\"version\":1,\"signatures\":[");
        while (writer.bytes.size < LIMIT_BUNDLE_BYTES - 16)
            writer_text(&writer, values[i]);
        writer_text(&writer, "1]}");
        assert_int_equal(bundle_parse(bytes_view(&writer.bytes), &reason, &bundle),
                         OUTCOME_BAD_BUNDLE);
        assert_string_equal(reason.text, "it has more values than a bundle");
    }
}

/* What is in a bundle can be checked with ssh-keygen alone. */
static void test_ssh_keygen_agrees(void **state)
{
    static const char *const names[] = {"alice", "bob", "carol"};
    _cleanup_(bundle_done) Bundle bundle = parsed("bundle.json");
    TestFolder folder = test_folder();
    char command[1024];

    (void)state;
    if (system("command -v ssh-keygen >/dev/null") != 0) {
        test_folder_remove(&folder);
        test_skip("there is no ssh-keygen");
    }
    test_write_file(test_path(&folder, "statement"), bytes_view(&bundle.statement), 0644);
    for (size_t i = 0; i < COUNT(names); i++) {
        test_write_file(test_path(&folder, "sig"), bytes_view(&bundle.signatures[i]), 0644);
        snprintf(
            command, sizeof(command),
            "cd %s && (printf 'signer '; cat %s/fleet/%s.pub) >signers && ssh-keygen -Y verify "
            "-f signers -I signer -n fleet@nspawn-creds -s sig <statement >/dev/null",
            folder.path, VECTORS, names[i]);
        assert_int_equal(system(command), 0);
    }
    test_folder_remove(&folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vector),
        cmocka_unit_test(test_every_flip_and_truncation_is_refused),
        cmocka_unit_test(test_statement),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_clock_before_signers),
        cmocka_unit_test(test_one_signer_counts_once),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_proof),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_signed_but_unknown),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_ssh_keygen_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
