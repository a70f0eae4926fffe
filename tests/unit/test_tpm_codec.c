/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the parts of lib/tpm that need no TPM: PCR masks, policy digests, the codecs of sealed
 * keys and pinned storage root keys, and return codes.
 *
 * The bytes are from credentials that systemd-creds 257 and 262 wrote (tests/vectors).
 */

#include "support.h"

#include "tpm/blob.h"
#include "tpm/policy.h"
#include "tpm/tpm.h"
#include "tpm/tpm_internal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* --- bytes --- */

/* 262-tpm2-pcr7: made on the TPM */
static const char policy_text[] =
    "c73b2d5162b824149fc25be12b686170d406d912131400b18d9e0c56902ad2e9";
static const char blob_text[] =
    "009e00206bd57b56725c606f137de03a9e59d7273e58fd1e3c4ce139096b5dfb765a33f10010053a7a3b443e05eaff"
    "fa28b229a07f86b1fbf816578582677af059cef438292f38eb75ced649af2dca9507daf980061616f0f4027e5672f7"
    "2ed52a4c16c3a7b42afa1e5ac17971691d73e50485d6b503d0c63f9f10dad7d7fbc21108963f74a3ce7b37e00f00e5"
    "3419ae70e9a8f681dd5ce80a7feaac3c87eb10004e0008000b000004120020c73b2d5162b824149fc25be12b686170"
    "d406d912131400b18d9e0c56902ad2e900100020c331a42162e7c3320342a4c6d1b337a0e5a21609df4389e1bfe1c3"
    "192295bb16";
/* where the TPMT_PUBLIC in it begins: TPM2B_PRIVATE has 0x9e bytes */
#define AREA_OFFSET 0xa2U

/* poc-B-srk-nopcr-400: sealed outside of the TPM */
static const char seeded_text[] =
    "006c0020c3badf308e74f0604617d86e4a058481df6cc6dfe5b3c83e6dbebb3889ca2f0c7a23c0394efcb96e6ffe7b"
    "0918d7be789d9b328d4c2f68ec76837b737a311291a840cc532227d90f05ad6123e8b55b175911ecf916d1819614c9"
    "8e43ee11c92b852863cec4c711022d05004e0008000b00000400002000000000000000000000000000000000000000"
    "0000000000000000000000000000100020d09fd8c6e39462de7d883489dbd49f9e5b7d213d29b6b845ddaeb8e28b9e"
    "0bee0044002038c686b077e80b91df0e6fba4f2ce8c37c141c42cd69f675b327ac632bfac8a400203fa999336a534b"
    "411bf3cedf5bc62c87e1b41fe8bf9534856f9dc1ccb5e9c0ad";

/* 262-*: the pinned storage root key */
static const char srk_text[] =
    "810000010022000bd506cace12838c7931c71a07a2d80fa05e5ef82d3f5575534cb4b70dc6d1d58200000001005a00"
    "23000b000304720000000600800043001000030010002024748b2dda1b03b09776e58cad07de57ac1517eaf3df4bc4"
    "c82ff54d0fc090a000207b001f94005c73f2a11075ee011ad283361b49dcdf361d9e543148a85c47ba68";
/* the offsets of the name's digest and of the TPMT_PUBLIC */
#define SRK_NAME_OFFSET 8U
#define SRK_AREA_OFFSET 46U

static const uint8_t no_policy[TPM_POLICY_BYTES];

typedef struct Buffer {
    uint8_t bytes[512];
    size_t size;
} Buffer;

static Buffer from_hex(const char *text)
{
    Buffer buffer = {0};

    assert_int_equal(sodium_hex2bin(buffer.bytes, sizeof(buffer.bytes), text, strlen(text), NULL,
                                    &buffer.size, NULL),
                     0);
    return buffer;
}

static BytesView view_of(const Buffer *buffer)
{
    return (BytesView){buffer->bytes, buffer->size};
}

/* --- PCR masks --- */

static void test_mask_parse(void **state)
{
    static const struct {
        const char *text;
        int expected;
        uint64_t mask;
    } rows[] = {
        {"", 0, 0},
        {"0", 0, 0x1},
        {"7", 0, 0x80},
        {"23", 0, 0x800000},
        {"0+2+4+7", 0, 0x95},
        {"7+0,4+2", 0, 0x95},
        {"7+7", 0, 0x80},
        {"07", 0, 0x80},
        {"24", OUTCOME_USAGE, 0},         /* no such PCR */
        {"4294967303", OUTCOME_USAGE, 0}, /* nor by overflow */
        {"-1", OUTCOME_USAGE, 0},         /* no sign */
        {"+7", OUTCOME_USAGE, 0},         /* an empty part */
        {"7+", OUTCOME_USAGE, 0},         /* an empty part */
        {"7++8", OUTCOME_USAGE, 0},       /* an empty part */
        {" 7", OUTCOME_USAGE, 0},         /* no spaces */
        {"7 ", OUTCOME_USAGE, 0},         /* no spaces */
        {"7-9", OUTCOME_USAGE, 0},        /* no ranges */
        {"0x7", OUTCOME_USAGE, 0},        /* decimal only */
        {"kernel", OUTCOME_USAGE, 0},     /* no names */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t mask = 12345;
        Reason reason = {0};

        assert_int_equal(tpm_pcr_mask_parse(rows[i].text, &reason, &mask), rows[i].expected);
        assert_true(mask == (rows[i].expected == 0 ? rows[i].mask : 12345));
        assert_true((rows[i].expected == 0) == (reason.text[0] == '\0'));
    }
}

static void test_mask_format(void **state)
{
    static const struct {
        uint64_t mask;
        const char *text;
    } rows[] = {
        {0, ""},
        {0x80, "7"},
        {0x95, "0+2+4+7"},
        {0x800000, "23"},
        {UINT64_C(1) << 24, ""}, /* no PCR */
        {TPM_PCR_MASK_ALL, "0+1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16+17+18+19+20+21+22+23"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[TPM_PCR_TEXT_BYTES];

        tpm_pcr_mask_format(rows[i].mask, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_banks(void **state)
{
    static const struct {
        uint16_t bank;
        const char *name;
        size_t bytes;
    } rows[] = {
        {TPM_ALGORITHM_SHA1, "sha1", 20},     {TPM_ALGORITHM_SHA256, "sha256", 32},
        {TPM_ALGORITHM_SHA384, "sha384", 48}, {TPM_ALGORITHM_SHA512, "sha512", 64},
        {TPM_ALGORITHM_ECC, "unknown", 0},    {0xffff, "unknown", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(tpm_bank_name(rows[i].bank), rows[i].name);
        assert_int_equal(tpm_bank_digest_bytes(rows[i].bank), rows[i].bytes);
    }
}

/* --- PCRs with values --- */

#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX20 "00112233445566778899aabbccddeeff00112233"

static void test_pcrs_parse(void **state)
{
    static const struct {
        const char *text;
        int expected;
        uint64_t mask, given;
        uint16_t bank;
    } rows[] = {
        {"", 0, 0, 0, 0},
        {"7", 0, 0x80, 0, 0},
        {"0+7,11", 0, 0x881, 0, 0},
        {"7:sha256", 0, 0x80, 0, TPM_ALGORITHM_SHA256},
        {"7:sha1+4", 0, 0x90, 0, TPM_ALGORITHM_SHA1},
        {"4+7:sha384", 0, 0x90, 0, TPM_ALGORITHM_SHA384},
        {"7:sha256=" HEX32, 0, 0x80, 0x80, TPM_ALGORITHM_SHA256},
        {"7:sha256=0x" HEX32 "+4", 0, 0x90, 0x80, TPM_ALGORITHM_SHA256},
        {"4+7:sha256=" HEX32 ",8:sha256", 0, 0x190, 0x80, TPM_ALGORITHM_SHA256},
        {"7:sha1=" HEX20, 0, 0x80, 0x80, TPM_ALGORITHM_SHA1},
        {"7:", OUTCOME_USAGE, 0, 0, 0},                   /* no bank */
        {"7:md5", OUTCOME_USAGE, 0, 0, 0},                /* an unknown one */
        {"7:sha25", OUTCOME_USAGE, 0, 0, 0},              /* nor a prefix of one */
        {"7:SHA256", OUTCOME_USAGE, 0, 0, 0},             /* small letters */
        {"7=" HEX32, OUTCOME_USAGE, 0, 0, 0},             /* a value needs a bank */
        {"7:sha256=", OUTCOME_USAGE, 0, 0, 0},            /* no value */
        {"7:sha256=" HEX20, OUTCOME_USAGE, 0, 0, 0},      /* another bank's size */
        {"7:sha256=" HEX32 "00", OUTCOME_USAGE, 0, 0, 0}, /* too long */
        {"7:sha1=" HEX32, OUTCOME_USAGE, 0, 0, 0},        /* another bank's size */
        {"7:sha256=zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", OUTCOME_USAGE,
         0, 0, 0},                                        /* no digits */
        {"7:sha256+4:sha1", OUTCOME_USAGE, 0, 0, 0},      /* all must be of one bank */
        {"7:sha256=" HEX32 "+7", OUTCOME_USAGE, 0, 0, 0}, /* twice */
        {"7:sha256=" HEX32 "+", OUTCOME_USAGE, 0, 0, 0},  /* an empty part */
        {"7+", OUTCOME_USAGE, 0, 0, 0},                   /* an empty part */
        {"24:sha256=" HEX32, OUTCOME_USAGE, 0, 0, 0},     /* no such PCR */
        {"x", OUTCOME_USAGE, 0, 0, 0},                    /* no names */
    };
    Buffer value = from_hex(HEX32);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        TpmPcrs pcrs = {.mask = 12345};
        Reason reason = {0};

        if (tpm_pcrs_parse(rows[i].text, &reason, &pcrs) != rows[i].expected)
            fail_msg("\"%s\": %s", rows[i].text, reason.text);
        assert_true(pcrs.mask == (rows[i].expected == 0 ? rows[i].mask : 12345));
        assert_true((rows[i].expected == 0) == (reason.text[0] == '\0'));
        assert_true(pcrs.given == rows[i].given);
        assert_int_equal(pcrs.bank, rows[i].bank);
        if (pcrs.given & 0x80)
            assert_memory_equal(pcrs.values[7], value.bytes, tpm_bank_digest_bytes(pcrs.bank));
    }
}

/* --- policy --- */

/* Each PCR was extended once, with the digest of "credpoc-pcrN", when the vectors were made. */
static void give_pcr(unsigned pcr, TpmPcrs *pcrs)
{
    uint8_t extended[64] = {0};
    char text[32];

    snprintf(text, sizeof(text), "credpoc-pcr%u", pcr);
    crypto_hash_sha256(extended + 32, (const uint8_t *)text, strlen(text));
    crypto_hash_sha256(pcrs->values[pcr], extended, sizeof(extended));
    pcrs->given |= UINT64_C(1) << pcr;
}

static void test_policy_is_systemds(void **state)
{
    static const struct {
        uint64_t mask;
        const char *policy;
    } rows[] = {
        {0x80, policy_text},
        {0x95, "3a826f2f24dacaecbcb0c45b4fc9a55013e657e9851aab31c2b97cda9d4263bb"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        TpmPcrs pcrs = {.mask = rows[i].mask, .bank = TPM_ALGORITHM_SHA256};
        Buffer expected = from_hex(rows[i].policy);
        uint8_t policy[TPM_POLICY_BYTES];

        for (unsigned pcr = 0; pcr < TPM_PCR_COUNT; pcr++)
            if (rows[i].mask & UINT64_C(1) << pcr)
                give_pcr(pcr, &pcrs);
        tpm_policy_of(NULL, &pcrs, policy);
        assert_memory_equal(policy, expected.bytes, sizeof(policy));
    }
}

/* --- sealed keys --- */

static int parse(const Buffer *blob, BytesView policy)
{
    TpmBlob parsed = {.seed.size = 4711};
    Reason reason = {0};
    int r = tpm_blob_parse(view_of(blob), policy, &reason, &parsed);

    assert_true((r == 0) == (parsed.seed.size != 4711));
    assert_true((r == 0) == (reason.text[0] == '\0'));
    return r;
}

static void test_blob(void **state)
{
    Buffer blob = from_hex(blob_text), seeded = from_hex(seeded_text);
    Buffer policy = from_hex(policy_text);
    _cleanup_(bytes_done) Bytes written = {0};
    TpmBlob parsed;

    (void)state;
    assert_int_equal(tpm_blob_parse(view_of(&blob), view_of(&policy), NULL, &parsed), 0);
    assert_int_equal(parsed.private_part.size, 0x9e);
    assert_int_equal(parsed.seed.size, 0);
    assert_int_equal(parsed.public_part.publicArea.objectAttributes, TPM_SEALED_ATTRIBUTES);
    assert_int_equal(tpm_blob_write(&parsed.private_part, &parsed.public_part, NULL, &written), 0);
    assert_true(bytes_view_equal(bytes_view(&written), view_of(&blob)));

    assert_int_equal(
        tpm_blob_parse(view_of(&seeded), (BytesView){no_policy, sizeof(no_policy)}, NULL, &parsed),
        0);
    assert_int_equal(parsed.seed.size, 0x44);
}

static void test_blob_truncated(void **state)
{
    Buffer blob = from_hex(blob_text), seeded = from_hex(seeded_text);
    Buffer policy = from_hex(policy_text);
    BytesView no = {no_policy, sizeof(no_policy)};
    size_t without_seed = seeded.size - 0x44 - 2;

    (void)state;
    while (blob.size-- > 0)
        assert_int_equal(parse(&blob, view_of(&policy)), OUTCOME_MALFORMED);
    while (seeded.size-- > 0)
        /* cut before its seed it is a complete blob, which no TPM loads */
        assert_int_equal(parse(&seeded, no), seeded.size == without_seed ? 0 : OUTCOME_MALFORMED);
}

static void test_blob_with_more(void **state)
{
    Buffer blob = from_hex(blob_text), seeded = from_hex(seeded_text);
    Buffer policy = from_hex(policy_text);

    (void)state;
    for (int i = 0; i < 3; i++) {
        blob.bytes[blob.size++] = 0;
        seeded.bytes[seeded.size++] = 0;
        assert_int_equal(parse(&blob, view_of(&policy)), OUTCOME_MALFORMED);
        assert_int_equal(parse(&seeded, (BytesView){no_policy, sizeof(no_policy)}),
                         OUTCOME_MALFORMED);
    }
}

static void test_blob_fields(void **state)
{
    static const struct {
        const char *rule;
        size_t offset; /* in the TPMT_PUBLIC */
        uint8_t value;
        int expected;
    } rows[] = {
        {"a keyed hash", 1, 0x25, OUTCOME_MALFORMED},
        {"named by SHA-256", 3, 0x0c, OUTCOME_MALFORMED},
        {"without userWithAuth", 7, 0x52, OUTCOME_MALFORMED},
        {"without restricted", 5, 0x01, OUTCOME_MALFORMED},
        {"without decrypt", 5, 0x02, OUTCOME_MALFORMED},
        {"without sign", 5, 0x04, OUTCOME_MALFORMED},
        {"with a secret from outside", 7, 0x32, OUTCOME_MALFORMED},
        {"without attributes that do not exist", 4, 0x80, OUTCOME_MALFORMED},
        {"with the header's policy", 10, 0x00, OUTCOME_MALFORMED},
        {"with a policy", 9, 0x00, OUTCOME_MALFORMED},
        {"without a scheme", 43, 0x05, OUTCOME_MALFORMED},
        {"with a unique part of 32 bytes", 45, 0x1f, OUTCOME_MALFORMED},
        {"systemd 252's attributes are good", 6, 0x00, 0},
    };
    Buffer policy = from_hex(policy_text);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Buffer blob = from_hex(blob_text);

        blob.bytes[AREA_OFFSET + rows[i].offset] = rows[i].value;
        if (parse(&blob, view_of(&policy)) != rows[i].expected)
            fail_msg("a sealed key is %s", rows[i].rule);
    }
}

static void test_seeded_blob_that_cannot_leave_its_tpm(void **state)
{
    Buffer seeded = from_hex(seeded_text);

    (void)state;
    /* TPM2B_PRIVATE has 0x6c bytes: the lowest byte of the attributes */
    seeded.bytes[2 + 0x6c + 2 + 7] = 0x12;
    assert_int_equal(parse(&seeded, (BytesView){no_policy, sizeof(no_policy)}), OUTCOME_MALFORMED);
}

static void test_blob_policy_sizes(void **state)
{
    Buffer blob = from_hex(blob_text), policy = from_hex(policy_text);

    (void)state;
    for (size_t size = 0; size < TPM_POLICY_BYTES; size++)
        assert_int_equal(parse(&blob, (BytesView){policy.bytes, size}), OUTCOME_MALFORMED);
}

/* --- pinned storage root keys --- */

static void test_srk(void **state)
{
    Buffer srk = from_hex(srk_text);
    Reason reason = {0};
    TpmSrk parsed;

    (void)state;
    assert_int_equal(tpm_srk_parse(view_of(&srk), &reason, &parsed), 0);
    assert_string_equal(reason.text, "");
    assert_int_equal(parsed.algorithm, TPM_ALGORITHM_ECC);
}

static void test_srk_every_bit_counts(void **state)
{
    Buffer srk = from_hex(srk_text);
    TpmSrk parsed;

    (void)state;
    for (size_t bit = 0; bit < srk.size * 8; bit++) {
        srk.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(tpm_srk_parse(view_of(&srk), NULL, &parsed), OUTCOME_MALFORMED);
        srk.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    srk.size++;
    assert_int_equal(tpm_srk_parse(view_of(&srk), NULL, &parsed), OUTCOME_MALFORMED);
    for (srk.size--; srk.size-- > 0;)
        assert_int_equal(tpm_srk_parse(view_of(&srk), NULL, &parsed), OUTCOME_MALFORMED);
}

/* A key with the right name that is still not a storage key that can pin an HMAC session. */
static void test_srk_fields(void **state)
{
    static const struct {
        const char *rule;
        size_t offset; /* in the TPMT_PUBLIC */
        uint8_t value;
    } rows[] = {
        {"of a type that we know", 1, 0x08},
        {"RSA only if it looks like it", 1, 0x01},
        {"named by SHA-256", 3, 0x0c},
        {"restricted", 5, 0x02},
        {"for decryption", 5, 0x01},
        {"not for signatures", 5, 0x07},
        {"without a policy of odd size", 9, 0x01},
        {"with AES", 11, 0x10},
        {"with AES-128", 13, 0x40},
        {"with CFB", 15, 0x44},
        {"without a scheme", 17, 0x18},
        {"on a curve", 19, 0x00},
        {"without a kdf", 21, 0x20},
        {"with a whole x", 23, 0x21},
        {"with an x", 23, 0x00},
        {"with a whole y", 57, 0x21},
    };
    TpmSrk parsed;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Buffer srk = from_hex(srk_text);

        srk.bytes[SRK_AREA_OFFSET + rows[i].offset] = rows[i].value;
        crypto_hash_sha256(srk.bytes + SRK_NAME_OFFSET, srk.bytes + SRK_AREA_OFFSET,
                           srk.size - SRK_AREA_OFFSET);
        if (tpm_srk_parse(view_of(&srk), NULL, &parsed) != OUTCOME_MALFORMED)
            fail_msg("a storage key is %s", rows[i].rule);
    }
}

static void append(Buffer *buffer, const char *hex)
{
    Buffer more = from_hex(hex);

    memcpy(buffer->bytes + buffer->size, more.bytes, more.size);
    buffer->size += more.size;
}

static void test_srk_rsa(void **state)
{
    Buffer srk = {0};
    TpmSrk parsed;

    (void)state;
    /* handle, name (filled in below), type, size, RSA-2048 storage key */
    append(&srk, "810000010022000b");
    append(&srk, "0000000000000000000000000000000000000000000000000000000000000000");
    append(&srk, "00000001011a0001000b0003047200000006008000430010080000000000"
                 "0100");
    srk.size += 256;
    crypto_hash_sha256(srk.bytes + SRK_NAME_OFFSET, srk.bytes + SRK_AREA_OFFSET,
                       srk.size - SRK_AREA_OFFSET);
    assert_int_equal(tpm_srk_parse(view_of(&srk), NULL, &parsed), 0);
}

/* --- return codes --- */

static void test_responses(void **state)
{
    static const struct {
        TSS2_RC rc;
        int expected;
        const char *words;
    } rows[] = {
        {0x921, OUTCOME_TPM_LOCKOUT, "lockout"},
        {0x1df, OUTCOME_TPM_FOREIGN, "another TPM"},
        {0x3df, OUTCOME_TPM_FOREIGN, "another TPM"},
        {0x18b, OUTCOME_TPM_NO_SRK, "0x81000001"},
        {0x99d, OUTCOME_TPM_PCR_MISMATCH, "policy"},
        {0x9a2, OUTCOME_TPM_PASSWORD, "password"},
        {0x98e, OUTCOME_TPM_PASSWORD, "password"},
        {0x185, OUTCOME_TPM_DISABLED, "hierarchy"},
        {0x120, OUTCOME_TPM_DISABLED, "command"},
        {0x902, OUTCOME_TPM_FULL, "object"},
        {0x903, OUTCOME_TPM_FULL, "session"},
        {0x904, OUTCOME_TPM_FULL, "memory"},
        {0x905, OUTCOME_TPM_FULL, "session"},
        {0x906, OUTCOME_TPM_FULL, "object"},
        {0x901, OUTCOME_TPM_FULL, "old sessions"},
        {0x910, OUTCOME_TPM_RESET, "lost"},
        {0x916, OUTCOME_TPM_RESET, "lost"},
        {0x918, OUTCOME_TPM_RESET, "lost"},
        {0x91e, OUTCOME_TPM_RESET, "lost"},
        {0x922, OUTCOME_TPM_BUSY, "too many retries"},
        {0x908, OUTCOME_TPM_BUSY, "too many retries"},
        {0x90a, OUTCOME_TPM_BUSY, "testing itself"},
        {0x920, OUTCOME_TPM_BUSY, "writes"},
        {0x923, OUTCOME_TPM_BUSY, "memory"},
        {0x128, OUTCOME_TPM_BUSY, "changing"},
        {0x100, OUTCOME_TPM_NOT_STARTED, "TPM2_Startup"},
        {0x101, OUTCOME_TPM_NEEDS_REBOOT, "failure mode"},
        {0x130, OUTCOME_TPM_NEEDS_REBOOT, "reset"},
        {0x2e6, OUTCOME_TPM_UNABLE, "curve"},
        {0x2ca, OUTCOME_TPM_FAILED, "0x2ca"}, /* decoded by tpm2-tss */
        {TSS2_RESMGR_TPM_RC_LAYER | 0x902, OUTCOME_TPM_FULL, "object"},
        {TSS2_RESMGR_RC_LAYER | 0x143, OUTCOME_TPM_UNABLE, "command"},
        {TSS2_TCTI_RC_IO_ERROR, OUTCOME_TPM_UNREACHABLE, "broke"},
        {TSS2_TCTI_RC_NO_CONNECTION, OUTCOME_TPM_UNREACHABLE, "answers"},
        {TSS2_ESYS_RC_RSP_AUTH_FAILED, OUTCOME_TPM_FAILED, "modified on its way"},
        {TSS2_ESYS_RC_MEMORY, -ENOMEM, "Cannot allocate"},
        {TSS2_ESYS_RC_BAD_VALUE, OUTCOME_TPM_FAILED, "0x7000b"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        assert_int_equal(tpm_response(rows[i].rc, "doing this", &reason), rows[i].expected);
        assert_non_null(strstr(reason.text, rows[i].words));
        assert_memory_equal(reason.text, "doing this: ", 12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mask_parse),
        cmocka_unit_test(test_mask_format),
        cmocka_unit_test(test_banks),
        cmocka_unit_test(test_pcrs_parse),
        cmocka_unit_test(test_policy_is_systemds),
        cmocka_unit_test(test_blob),
        cmocka_unit_test(test_blob_truncated),
        cmocka_unit_test(test_blob_with_more),
        cmocka_unit_test(test_blob_fields),
        cmocka_unit_test(test_seeded_blob_that_cannot_leave_its_tpm),
        cmocka_unit_test(test_blob_policy_sizes),
        cmocka_unit_test(test_srk),
        cmocka_unit_test(test_srk_every_bit_counts),
        cmocka_unit_test(test_srk_fields),
        cmocka_unit_test(test_srk_rsa),
        cmocka_unit_test(test_responses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
