/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/signature.c and lib/tpm/signer.c: invalid files are refused, the right entry is
 * found, and keys have the names that systemd gives them. The entry and the key are those of
 * tests/vectors.
 */

#include "support.h"

#include "base/limits.h"
#include "tpm/policy.h"
#include "tpm/signature.h"
#include "tpm/signer.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#ifndef VECTORS
#error "VECTORS is the folder of the vectors"
#endif

#define FP    "61738a3f479845efd39549b97466a180e9a52e8301603a9e3994198ff6e5b3bb"
#define POL   "8becf0a630bddbe5e15350aba43bf731725a527086bfce1b4b2e23e73e54f54b"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"
#define ENTRY(pcrs, fp, pol, sig)                                                                  \
    "{\"pcrs\":" pcrs ",\"pkfp\":\"" fp "\",\"pol\":\"" pol "\",\"sig\":\"" sig "\"}"
#define GOOD        ENTRY("[11]", FP, POL, "AAEC")
#define SHA256(...) "{\"sha256\":[" __VA_ARGS__ "]}"

static void from_hex(const char *text, uint8_t ret[32])
{
    size_t size;

    assert_int_equal(sodium_hex2bin(ret, 32, text, strlen(text), NULL, &size, NULL), 0);
    assert_int_equal(size, 32);
}

/* --- the file --- */

static const struct {
    const char *rule, *json;
    int outcome;
} files[] = {
    {"the entry that fits", SHA256(GOOD), 0},
    {"the first of two that fit", SHA256(GOOD "," ENTRY("[11]", FP, POL, "////")), 0},
    {"others around it",
     SHA256(ENTRY("[11]", FP, OTHER, "AA==") "," ENTRY("[11]", OTHER, POL, "AA==") "," GOOD), 0},
    {"capital digits",
     SHA256(ENTRY("[11]",
                  "61738A3F479845EFD39549B97466A180E9A52E8301603A9E3994198"
                  "FF6E5B3BB",
                  POL, "AAEC")),
     0},
    {"a PCR named twice is one", SHA256(ENTRY("[11,11]", FP, POL, "AAEC")), 0},
    {"unknown members",
     "{\"x\":1,\"sha256\":[{\"y\":null,\"pcrs\":[11],\"pkfp\":\"" FP "\",\"pol\":\"" POL
     "\",\"sig\":\"AAEC\"}]}",
     0},
    {"entries of another format", SHA256("{}," GOOD), 0},
    {"white space", " {\"sha256\" : [" GOOD " ] } \n", 0},
    {"another bank may be anything", "{\"sha1\":7,\"sha256\":[" GOOD "]}", 0},

    {"no bank at all", "{}", OUTCOME_TPM_NO_SIGNATURE},
    {"another bank", "{\"sha1\":[" GOOD "]}", OUTCOME_TPM_NO_SIGNATURE},
    {"no entries", SHA256(""), OUTCOME_TPM_NO_SIGNATURE},
    {"another signer", SHA256(ENTRY("[11]", OTHER, POL, "AAEC")), OUTCOME_TPM_NO_SIGNATURE},
    {"other PCRs", SHA256(ENTRY("[12]", FP, POL, "AAEC")), OUTCOME_TPM_NO_SIGNATURE},
    {"more PCRs", SHA256(ENTRY("[11,12]", FP, POL, "AAEC")), OUTCOME_TPM_NO_SIGNATURE},
    {"no PCRs", SHA256(ENTRY("[]", FP, POL, "AAEC")), OUTCOME_TPM_NO_SIGNATURE},
    {"other values", SHA256(ENTRY("[11]", FP, OTHER, "AAEC")), OUTCOME_TPM_PCR_MISMATCH},

    {"nothing", "", OUTCOME_MALFORMED},
    {"not JSON", "sha256", OUTCOME_MALFORMED},
    {"cut short", "{\"sha256\":[" GOOD, OUTCOME_MALFORMED},
    {"something behind it", SHA256(GOOD) "x", OUTCOME_MALFORMED},
    {"two members of one name", "{\"sha256\":[],\"sha256\":[" GOOD "]}", OUTCOME_MALFORMED},
    {"a list", "[" GOOD "]", OUTCOME_MALFORMED},
    {"a string", "\"sha256\"", OUTCOME_MALFORMED},
    {"null", "null", OUTCOME_MALFORMED},
    {"a bank that is no list", "{\"sha256\":" GOOD "}", OUTCOME_MALFORMED},
    {"an entry that is no object", SHA256("[]"), OUTCOME_MALFORMED},
    {"nested too deep", SHA256("{\"x\":[[[[[[[[]]]]]]]]}"), OUTCOME_MALFORMED},
    {"PCRs that are no list", SHA256(ENTRY("11", FP, POL, "AAEC")), OUTCOME_MALFORMED},
    {"a PCR that does not exist", SHA256(ENTRY("[24]", FP, POL, "AAEC")), OUTCOME_MALFORMED},
    {"a negative PCR", SHA256(ENTRY("[-1]", FP, POL, "AAEC")), OUTCOME_MALFORMED},
    {"a PCR beyond 64 bits", SHA256(ENTRY("[18446744073709551627]", FP, POL, "AAEC")),
     OUTCOME_MALFORMED},
    {"a broken PCR", SHA256(ENTRY("[11.0]", FP, POL, "AAEC")), OUTCOME_MALFORMED},
    {"a PCR as text", SHA256(ENTRY("[\"11\"]", FP, POL, "AAEC")), OUTCOME_MALFORMED},
    {"a fingerprint that is too short", SHA256(ENTRY("[11]", "61", POL, "AAEC")),
     OUTCOME_MALFORMED},
    {"a fingerprint that is too long", SHA256(ENTRY("[11]", FP "00", POL, "AAEC")),
     OUTCOME_MALFORMED},
    {"a policy with other characters",
     SHA256(ENTRY("[11]", FP, "zbecf0a630bddbe5e15350aba43bf731725a527086bfce1b4b2e23e73e54f54b",
                  "AAEC")),
     OUTCOME_MALFORMED},
    {"a policy with a NUL",
     SHA256(ENTRY("[11]", FP, "8becf0a630bddbe5e15350aba43bf731725a527086bfce1b4b2e23e73e54\\u0000",
                  "AAEC")),
     OUTCOME_MALFORMED},
    {"an empty signature", SHA256(ENTRY("[11]", FP, POL, "")), OUTCOME_MALFORMED},
    {"a signature without padding", SHA256(ENTRY("[11]", FP, POL, "AA")), OUTCOME_MALFORMED},
    {"a signature with other characters", SHA256(ENTRY("[11]", FP, POL, "AA_-")),
     OUTCOME_MALFORMED},
    {"a bad entry after the right one", SHA256(GOOD ",7"), OUTCOME_MALFORMED},
};

static int find(BytesView json, Reason *reason, TpmSignature *ret)
{
    uint8_t fingerprint[32], policy[32];
    TpmSignatureQuery query = {TPM_ALGORITHM_SHA256, UINT64_C(1) << 11, fingerprint, policy};

    from_hex(FP, fingerprint);
    from_hex(POL, policy);
    return tpm_signature_find(json, &query, reason, ret);
}

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        TpmSignature signature = {.size = 4711};
        Reason reason = {0};
        int r = find(test_view(files[i].json), &reason, &signature);

        if (r != files[i].outcome)
            fail_msg("%s: %d, %s", files[i].rule, r, reason.text);
        assert_true((r == 0) == (reason.text[0] == '\0'));
        assert_int_equal(signature.size, r == 0 ? 3 : 4711);
        if (r == 0)
            assert_memory_equal(signature.bytes, "\0\1\2", 3);
    }
}

static void test_sizes(void **state)
{
    _cleanup_(freep) uint8_t *large = calloc(1, LIMIT_SIGNATURE_BYTES + 1);
    TpmSignature signature;

    (void)state;
    assert_int_equal(find((BytesView){large, LIMIT_SIGNATURE_BYTES + 1}, NULL, &signature),
                     OUTCOME_TOO_LARGE);
    assert_int_equal(find((BytesView){large, LIMIT_SIGNATURE_BYTES}, NULL, &signature),
                     OUTCOME_MALFORMED);
}

static void test_a_mismatch_says_which_pcr(void **state)
{
    TpmSignature signature;
    Reason reason = {0};

    (void)state;
    assert_int_equal(find(test_view(SHA256(ENTRY("[11]", FP, OTHER,
                                                 "AA==") "," ENTRY("[11]", FP, OTHER, "AAAA"))),
                          &reason, &signature),
                     OUTCOME_TPM_PCR_MISMATCH);
    assert_non_null(strstr(reason.text, "PCR 11 (sha256)"));
    assert_non_null(strstr(reason.text, "none of the 2 signatures"));
}

/* --- the signer --- */

static void test_the_name_is_systemds(void **state)
{
    _cleanup_(bytes_done) Bytes pem = test_read_file(VECTORS "/tpm2-pcr-public-key.pem");
    uint8_t expected[32], policy[TPM_POLICY_BYTES];
    static const TpmPcrs no_pcrs = {0};
    TpmSigner signer;

    (void)state;
    assert_int_equal(tpm_signer_parse(bytes_view(&pem), NULL, &signer), 0);
    from_hex(FP, expected);
    assert_memory_equal(signer.fingerprint, expected, sizeof(expected));
    /* as in 252-tpm2-pk, 257-tpm2-pk and 262-tpm2-pk */
    tpm_policy_of(&signer, &no_pcrs, policy);
    assert_memory_equal(policy, "\x49\xd7\x77\x8f\x59\x54\x56\x40", 8);
}

static Bytes pem_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    Bytes pem;
    char *data;
    long size;

    assert_non_null(key);
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    size = BIO_get_mem_data(bio, &data);
    assert_int_equal(bytes_dup((BytesView){(uint8_t *)data, (size_t)size}, &pem), 0);
    BIO_free_all(bio);
    EVP_PKEY_free(key);
    return pem;
}

static void test_keys_that_do_not_sign(void **state)
{
    static const char encrypted[] =
        "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
        "00000000000000000000000000000000\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END PUBLIC KEY-----\n";
    static const char *const texts[] = {
        "",
        "x",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        encrypted,
    };
    _cleanup_(bytes_done) Bytes curve = pem_of(EVP_EC_gen("P-256"));
    _cleanup_(bytes_done) Bytes small = pem_of(EVP_RSA_gen(512));
    _cleanup_(bytes_done) Bytes odd = pem_of(EVP_RSA_gen(1027));
    _cleanup_(bytes_done) Bytes good = pem_of(EVP_RSA_gen(1024));
    const Bytes *const keys[] = {&curve, &small, &odd};
    TpmSigner key = {.public_part.size = 4711};
    Reason reason = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(tpm_signer_parse(test_view(texts[i]), &reason, &key), OUTCOME_MALFORMED);
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_int_equal(tpm_signer_parse(bytes_view(keys[i]), &reason, &key), OUTCOME_MALFORMED);
    assert_int_equal(key.public_part.size, 4711);
    assert_int_equal(tpm_signer_parse(bytes_view(&good), NULL, &key), 0);
    assert_int_equal(key.public_part.publicArea.unique.rsa.size, 128);
    assert_int_equal(key.public_part.publicArea.parameters.rsaDetail.exponent, 65537);
    /* every shorter text fails; only the last newline may be missing */
    for (good.size -= 2; good.size > 0; good.size--)
        assert_int_equal(tpm_signer_parse(bytes_view(&good), NULL, &key), OUTCOME_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_a_mismatch_says_which_pcr),
        cmocka_unit_test(test_the_name_is_systemds),
        cmocka_unit_test(test_keys_that_do_not_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
