/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/certificate.h, without a TPM: certificates by swtpm_localca, with a root and an
 * intermediate certificate, and such by openssl as it does not make.
 */

#include "support.h"

#include "tpm/certificate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY (UINT64_C(24) * 3600 * 1000 * 1000)

typedef struct Fixture {
    TestFolder folder;
    Context context;
    Bytes files[2]; /* P-256 and RSA-2048 */
    TpmStorageKey keys[2];
    Reason reason;
} Fixture;

/* Certificates that a test makes are valid by then. */
static uint64_t soon(const Fixture *fixture)
{
    return fixture->context.now(&fixture->context) + DAY / 24;
}

static int shell(const Fixture *fixture, const char *script)
{
    setenv("DIR", fixture->folder.path, 1);
    return system(script);
}

static Bytes certificate_of(const char *name, const Fixture *fixture)
{
    return test_read_file(test_path(&fixture->folder, name));
}

static int set_up(void **state)
{
    static const char *const names[] = {VECTORS "/target-srk.tpm2b_public",
                                        VECTORS "/target-legacy-rsa-primary.tpm2b_public"};
    Fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->folder = test_folder();
    assert_int_equal(context_system(&fixture->context), 0);
    for (size_t i = 0; i < COUNT(names); i++) {
        fixture->files[i] = test_read_file(names[i]);
        assert_int_equal(
            tpm_storage_key_parse(bytes_view(&fixture->files[i]), NULL, &fixture->keys[i]), 0);
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(fixture->files); i++)
        bytes_done(&fixture->files[i]);
    test_folder_remove(&fixture->folder);
    free(fixture);
    return 0;
}

static void expect(Fixture *fixture, const char *name, size_t key, const char *authorities,
                   uint64_t now, int expected, const char *words)
{
    _cleanup_(bytes_done) Bytes certificate = certificate_of(name, fixture);
    _cleanup_(tpm_authorities_freep) TpmAuthorities *loaded = NULL;
    int r;

    fixture->reason = (Reason){0};
    r = tpm_authorities_load(test_path(&fixture->folder, authorities), &fixture->reason, &loaded);
    if (r == 0)
        r = tpm_certificate_check(bytes_view(&certificate), &fixture->keys[key], loaded, now,
                                  &fixture->reason);
    if (r != expected || !strstr(fixture->reason.text, words))
        fail_msg("%s by %s: %s, not %s: \"%s\"", name, authorities, outcome_name(r),
                 outcome_name(expected), fixture->reason.text);
}

static void hex(BytesView view, char *ret)
{
    for (size_t i = 0; i < view.size; i++)
        sprintf(ret + 2 * i, "%02x", view.data[i]);
}

/* $DIR/{ecc,rsa}.der by one local authority, $DIR/stranger/ek.cert by another, and their folders.
 */
static void make_authorities(const Fixture *fixture)
{
    char modulus[2 * 256 + 1], x[65], y[65];

    if (system("command -v swtpm_localca swtpm_cert certtool >/dev/null 2>&1") != 0)
        test_skip("swtpm_localca is not installed");
    hex(fixture->keys[1].modulus, modulus);
    hex((BytesView){fixture->keys[0].point.x, ECDH_P256_BYTES}, x);
    hex((BytesView){fixture->keys[0].point.y, ECDH_P256_BYTES}, y);
    setenv("MODULUS", modulus, 1);
    setenv("X", x, 1);
    setenv("Y", y, 1);
    assert_int_equal(
        shell(fixture,
              "set -e; exec >\"$DIR/log\" 2>&1; for ca in ca stranger; do\n"
              "mkdir \"$DIR/$ca\"; cd \"$DIR/$ca\"\n"
              "printf '%s\\n' \"statedir = $PWD\" \"signingkey = $PWD/signkey.pem\" \"issuercert = "
              "$PWD/issuercert.pem\" \"certserial = $PWD/certserial\" >conf\n"
              "printf -- '--platform-manufacturer x\\n--platform-version 1\\n--platform-model "
              "x\\n' >opts\n"
              "issue() { swtpm_localca --type ek --ek \"$1\" --dir . --vmid test --tpm2 "
              "--configfile conf --optsfile opts --tpm-spec-family 2.0 --tpm-spec-level 0 "
              "--tpm-spec-revision 164 --tpm-manufacturer id:00001014 --tpm-model swtpm "
              "--tpm-version id:20191023; cp ek.cert \"$DIR/$ca-$2\"; }\n"
              "issue \"x=$X,y=$Y,id=secp256r1\" ecc; issue \"$MODULUS\" rsa\n"
              "mkdir ../trust-$ca ../root-$ca ../issuer-$ca\n"
              "cp swtpm-localca-rootca-cert.pem ../root-$ca; cp issuercert.pem ../issuer-$ca\n"
              "cat swtpm-localca-rootca-cert.pem issuercert.pem >../trust-$ca/both.pem; done"),
        0);
}

static void test_chain(void **state)
{
    Fixture *fixture = *state;
    uint64_t now = soon(fixture);

    make_authorities(fixture);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "ca-ecc" : "ca-rsa";

        expect(fixture, name, i, "trust-ca", now, 0, "");
        expect(fixture, name, i, "root-ca", now, OUTCOME_BAD_IDENTITY,
               "root-ca does not hold the certificate of /CN=swtpm-localca");
        expect(fixture, name, i, "issuer-ca", now, OUTCOME_BAD_IDENTITY,
               "issuer-ca does not hold the certificate of /CN=swtpm-localca-rootca");
        expect(fixture, name, i, "trust-stranger", now, OUTCOME_BAD_IDENTITY, "");
        expect(fixture, name, 1 - i, "trust-ca", now, OUTCOME_BAD_IDENTITY, "another endorsement");
        expect(fixture, name, i, "trust-ca", now - 2 * DAY, OUTCOME_CLOCK, "not yet valid");
        expect(fixture, i == 0 ? "stranger-ecc" : "stranger-rsa", i, "trust-ca", now,
               OUTCOME_BAD_IDENTITY, "");
    }
}

/* A certificate is for the whole key. */
static void test_other_keys(void **state)
{
    Fixture *fixture = *state;
    uint64_t now = soon(fixture);
    TpmStorageKey *ecc = &fixture->keys[0], *rsa = &fixture->keys[1];

    make_authorities(fixture);
    for (size_t i = 0; i < 3; i++) {
        uint8_t *byte = i == 0   ? &ecc->point.x[31]
                        : i == 1 ? &ecc->point.y[0]
                                 : (uint8_t *)rsa->modulus.data + 100;
        size_t key = i == 2;
        const char *name = key ? "ca-rsa" : "ca-ecc";

        *byte ^= 0x10;
        expect(fixture, name, key, "trust-ca", now, OUTCOME_BAD_IDENTITY, "another endorsement");
        *byte ^= 0x10;
        expect(fixture, name, key, "trust-ca", now, 0, "");
    }
    rsa->exponent = 3;
    expect(fixture, "ca-rsa", 1, "trust-ca", now, OUTCOME_BAD_IDENTITY, "another endorsement");
    ecc->point.curve = ECDH_P384;
    expect(fixture, "ca-ecc", 0, "trust-ca", now, OUTCOME_BAD_IDENTITY, "another endorsement");
}

static void test_no_byte_may_change(void **state)
{
    Fixture *fixture = *state;
    uint64_t now = soon(fixture);
    _cleanup_(bytes_done) Bytes certificate = {0};
    _cleanup_(tpm_authorities_freep) TpmAuthorities *trust = NULL;

    make_authorities(fixture);
    certificate = certificate_of("ca-ecc", fixture);
    assert_int_equal(
        tpm_authorities_load(test_path(&fixture->folder, "trust-ca"), &fixture->reason, &trust), 0);
    for (size_t i = 0; i < certificate.size; i++) {
        int r;

        certificate.data[i] ^= (uint8_t)(1 << i % 8);
        r = tpm_certificate_check(bytes_view(&certificate), &fixture->keys[0], trust, now, NULL);
        certificate.data[i] ^= (uint8_t)(1 << i % 8);
        if (r <= 0)
            fail_msg("byte %zu may change", i);
    }
    for (size_t size = 0; size < certificate.size; size++)
        assert_int_equal(tpm_certificate_check((BytesView){certificate.data, size},
                                               &fixture->keys[0], trust, now, NULL),
                         OUTCOME_BAD_IDENTITY);
}

/* What openssl makes: by a root of its own, for one day, with the extensions of each row. */
static void test_extensions(void **state)
{
    static const struct {
        const char *name;
        const char *extensions;
        int expected;
        const char *words;
    } rows[] = {
        {"none", "basicConstraints=CA:FALSE", 0, ""},
        {"endorsement", "extendedKeyUsage=2.23.133.8.1,serverAuth", 0, ""},
        {"server", "extendedKeyUsage=serverAuth", OUTCOME_BAD_IDENTITY, "purpose"},
        {"attributes", "2.5.29.9=critical,DER:30:00", 0, ""},
        {"unknown", "1.2.3.4=critical,DER:05:00", OUTCOME_BAD_IDENTITY, "critical"},
        {"both", "2.5.29.9=critical,DER:30:00\n1.2.3.4=critical,DER:05:00", OUTCOME_BAD_IDENTITY,
         "critical"},
    };
    Fixture *fixture = *state;
    uint64_t now = soon(fixture);
    TpmStorageKey *key = &fixture->keys[0];
    _cleanup_(bytes_done) Bytes point = {0};

    if (system("command -v openssl >/dev/null") != 0)
        test_skip("openssl is not installed");
    assert_int_equal(
        shell(fixture,
              "set -e; exec >\"$DIR/log\" 2>&1; cd \"$DIR\"; mkdir roots\n"
              "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key "
              "-out roots/root.pem -subj /CN=root -days 10\n"
              "openssl ecparam -name prime256v1 -genkey -noout -out ek.key\n"
              "openssl ec -in ek.key -pubout -outform DER | tail -c 64 >point"),
        0);
    point = certificate_of("point", fixture);
    memcpy(key->point.x, point.data, ECDH_P256_BYTES);
    memcpy(key->point.y, point.data + ECDH_P256_BYTES, ECDH_P256_BYTES);
    for (size_t i = 0; i < COUNT(rows); i++) {
        setenv("NAME", rows[i].name, 1);
        setenv("EXTENSIONS", rows[i].extensions, 1);
        assert_int_equal(
            shell(
                fixture,
                "set -e; exec >>\"$DIR/log\" 2>&1; cd \"$DIR\"; echo \"$EXTENSIONS\" >extensions\n"
                "openssl req -new -key ek.key -subj /CN=ek -out request\n"
                "openssl x509 -req -in request -CA roots/root.pem -CAkey ca.key -CAserial serial "
                "-CAcreateserial -days 1 -extfile extensions -outform DER -out \"$NAME\""),
            0);
        expect(fixture, rows[i].name, 0, "roots", now, rows[i].expected, rows[i].words);
    }
    expect(fixture, "none", 0, "roots", now + 2 * DAY, OUTCOME_EXPIRED, "expired");
    expect(fixture, "none", 0, "roots", now - 2 * DAY, OUTCOME_CLOCK, "not yet valid");
    assert_int_equal(shell(fixture, "cd \"$DIR\"; cp none longer; echo >>longer"), 0);
    expect(fixture, "longer", 0, "roots", now, OUTCOME_BAD_IDENTITY, "not an X.509");
    assert_int_equal(shell(fixture, "mkdir \"$DIR/empty\""), 0);
    expect(fixture, "none", 0, "empty", now, OUTCOME_USAGE, "any certificates");
    expect(fixture, "none", 0, "missing", now, -ENOENT, "cannot open the directory ");
    expect(fixture, "none", 0, "none", now, -ENOTDIR, "cannot open the directory ");
    assert_int_equal(shell(fixture, "echo hello >\"$DIR/roots/README\""), 0);
    expect(fixture, "none", 0, "roots", now, OUTCOME_USAGE, "README");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_byte_may_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_extensions, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
