/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/fleet/ssh_signature.c with the signatures in tests/vectors/fleet, and of what
 * `ssh-keygen -Y verify` says to the same ones, if it is installed: we accept nothing that it
 * refuses.
 */

#include "support.h"

#include "base/base64.h"
#include "fleet/ssh_signature.h"

#include <string.h>

typedef enum Stock { REFUSES, ACCEPTS, DEPENDS } Stock; /* on its version */

static const struct {
    const char *signer, *file;
    bool valid; /* for us */
    Stock stock;
} rows[] = {
    {"alice", "alice", true, ACCEPTS},
    {"bob", "bob", true, ACCEPTS},
    {"carol", "carol", true, ACCEPTS},
    {"carol", "carol-verified", true, ACCEPTS}, /* with the token's PIN */
    {"bob", "bob-negated", true, ACCEPTS},      /* (r, -s): a property of ECDSA */
    /* kinds of keys */
    {"rsa", "rsa", false, ACCEPTS},
    {"ecdsa384", "ecdsa384", false, ACCEPTS},
    {"sk-ecdsa", "sk-ecdsa", false, ACCEPTS},
    {"application", "application", false, ACCEPTS},
    {"carol", "carol-untouched", false, ACCEPTS},
    /* what is signed, and for what */
    {"alice", "alice-message", false, REFUSES},
    {"alice", "alice-file", false, REFUSES},
    {"alice", "alice-sha256", false, ACCEPTS},
    {"alice", "alice-reserved", false, ACCEPTS},
    {"alice", "alice-version", false, REFUSES},
    /* another encoding of the same signature */
    {"alice", "alice-type", false, REFUSES},
    {"alice", "alice-more", false, REFUSES},
    {"alice", "alice-trailing", false, REFUSES},
    {"alice", "alice-plus-order", false, DEPENDS},
    {"alice", "alice-lines", false, ACCEPTS},
    {"alice", "alice-crlf", false, DEPENDS},
    {"alice", "alice-no-newline", false, ACCEPTS},
    {"bob", "bob-padded", false, ACCEPTS},
    {"bob", "bob-zero", false, REFUSES},
    {"bob", "bob-order", false, REFUSES},
    {"bob", "bob-more", false, REFUSES},
};

static Bytes vector(const char *name, const char *suffix)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/fleet/%s%s", VECTORS, name, suffix);
    return test_read_file(path);
}

static int verify(BytesView armor, BytesView message, Reason *reason)
{
    _cleanup_(ssh_signature_done) SshSignature signature = {0};
    int r = ssh_signature_parse(armor, reason, &signature);

    return r == 0 ? ssh_signature_verify(&signature, message, reason) : r;
}

static void test_vectors(void **state)
{
    _cleanup_(bytes_done) Bytes statement = vector("statement", "");

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes armor = vector(rows[i].file, ".sig");
        Reason reason = {0};
        int r = verify(bytes_view(&armor), bytes_view(&statement), &reason);

        if (r != (rows[i].valid ? 0 : OUTCOME_NOT_SIGNED))
            fail_msg("%s: %d %s", rows[i].file, r, reason.text);
        assert_int_equal(reason.text[0] == '\0', r == 0);
    }
}

static void test_ssh_keygen_agrees(void **state)
{
    TestFolder folder = test_folder();
    const char *signers = test_path(&folder, "allowed_signers");

    (void)state;
    if (system("command -v ssh-keygen >/dev/null") != 0) {
        test_folder_remove(&folder);
        test_skip("there is no ssh-keygen");
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        char command[2048];
        bool accepts;

        snprintf(command, sizeof(command),
                 "cd %s/fleet && (printf 'signer '; cat %s.pub) >%s && ssh-keygen -Y verify -f %s "
                 "-I signer -n " SSH_SIGNATURE_NAMESPACE " -s %s.sig <statement >/dev/null 2>&1",
                 VECTORS, rows[i].signer, signers, signers, rows[i].file);
        accepts = system(command) == 0;
        if (rows[i].stock != DEPENDS && accepts != (rows[i].stock == ACCEPTS))
            fail_msg("ssh-keygen %s %s", accepts ? "accepts" : "refuses", rows[i].file);
        assert_true(accepts || !rows[i].valid);
    }
    test_folder_remove(&folder);
}

/* Keys and signatures that it makes now, with the version that is installed. */
static void test_ssh_keygen_signs(void **state)
{
    static const char *const types[] = {"ed25519", "ecdsa -b 256"};
    TestFolder folder = test_folder();

    (void)state;
    if (system("command -v ssh-keygen >/dev/null") != 0) {
        test_folder_remove(&folder);
        test_skip("there is no ssh-keygen");
    }
    for (size_t i = 0; i < COUNT(types); i++) {
        _cleanup_(bytes_done) Bytes armor = {0};
        char command[1024];

        snprintf(
            command, sizeof(command),
            "cd %s && rm -f key* && ssh-keygen -q -t %s -N '' -f key && echo a statement >text "
            "&& ssh-keygen -q -Y sign -f key -n " SSH_SIGNATURE_NAMESPACE " <text >text.sig",
            folder.path, types[i]);
        assert_int_equal(system(command), 0);
        armor = test_read_file(test_path(&folder, "text.sig"));
        assert_int_equal(verify(bytes_view(&armor), test_view("a statement\n"), NULL), 0);
        assert_int_equal(verify(bytes_view(&armor), test_view("a statement"), NULL),
                         OUTCOME_NOT_SIGNED);
    }
    test_folder_remove(&folder);
}

static void test_reasons(void **state)
{
    static const struct {
        const char *file, *reason;
    } reasons[] = {
        {"rsa", "ssh-rsa"},
        {"ecdsa384", "ecdsa-sha2-nistp384"},
        {"sk-ecdsa", "sk-ecdsa-sha2-nistp256@openssh.com"},
        {"application", "application ssh:"},
        {"alice-file", "namespace fleet@nspawn-creds"},
        {"alice-sha256", "sha512"},
        {"alice-message", "it does not fit the statement"},
        {"carol-untouched", "nobody touched the token"},
    };
    _cleanup_(bytes_done) Bytes statement = vector("statement", "");

    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        _cleanup_(bytes_done) Bytes armor = vector(reasons[i].file, ".sig");
        Reason reason = {0};

        verify(bytes_view(&armor), bytes_view(&statement), &reason);
        assert_non_null(strstr(reason.text, reasons[i].reason));
    }
}

/* As ssh-keygen writes it. */
static Bytes armored(BytesView binary)
{
    _cleanup_(bytes_done) Bytes base64 = {0};
    _cleanup_(writer_done) Writer writer = {0};
    Bytes armor;

    assert_int_equal(base64_encode(binary, 70, &base64), 0);
    writer_text(&writer, "-----BEGIN SSH SIGNATURE-----\n");
    writer_bytes(&writer, bytes_view(&base64));
    writer_text(&writer, "-----END SSH SIGNATURE-----\n");
    assert_int_equal(writer_take(&writer, &armor), 0);
    return armor;
}

/* Of the text, of what it encodes, and one bit of each byte of the statement. */
static void test_every_flip_is_refused(void **state)
{
    static const char *const files[] = {"alice", "bob", "carol"};
    _cleanup_(bytes_done) Bytes statement = vector("statement", "");

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        _cleanup_(bytes_done) Bytes text = vector(files[i], ".sig");
        _cleanup_(ssh_signature_done) SshSignature good = {0};
        Bytes *const changed[] = {&text, &good.binary, &statement};

        assert_int_equal(ssh_signature_parse(bytes_view(&text), NULL, &good), 0);
        for (size_t j = 0; j < COUNT(changed); j++)
            for (size_t bit = 0; bit < changed[j]->size * 8; bit += j < 2 ? 1 : 9) {
                _cleanup_(bytes_done) Bytes armor = {0};

                changed[j]->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
                armor = armored(bytes_view(&good.binary));
                assert_int_equal(
                    verify(bytes_view(j == 0 ? &text : &armor), bytes_view(&statement), NULL),
                    OUTCOME_NOT_SIGNED);
                changed[j]->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            }
    }
}

static void test_every_truncation_is_refused(void **state)
{
    static const char *const files[] = {"alice", "bob", "carol"};
    _cleanup_(bytes_done) Bytes statement = vector("statement", "");

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        _cleanup_(bytes_done) Bytes text = vector(files[i], ".sig");
        _cleanup_(ssh_signature_done) SshSignature good = {0};

        assert_int_equal(ssh_signature_parse(bytes_view(&text), NULL, &good), 0);
        for (size_t size = 0; size < text.size; size++)
            assert_int_equal(verify((BytesView){text.data, size}, bytes_view(&statement), NULL),
                             OUTCOME_NOT_SIGNED);
        for (size_t size = 0; size < good.binary.size; size++) {
            _cleanup_(bytes_done) Bytes armor = armored((BytesView){good.binary.data, size});

            assert_int_equal(verify(bytes_view(&armor), bytes_view(&statement), NULL),
                             OUTCOME_NOT_SIGNED);
        }
    }
}

/* A field of any length is only too large beyond the limit. */
static void test_size(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        /* lines of 70 characters and 58 bytes of frame: 8056 or 8127 bytes, and 8198 */
        size_t size = (size_t)6000 + 100 * more;
        _cleanup_(freep) uint8_t *binary = calloc(1, size);
        _cleanup_(bytes_done) Bytes armor = {0};
        Reason reason = {0};

        assert_non_null(binary);
        armor = armored((BytesView){binary, size});
        assert_int_equal(armor.size > LIMIT_SSH_SIGNATURE_BYTES, more);
        assert_int_equal(verify(bytes_view(&armor), test_view(""), &reason), OUTCOME_NOT_SIGNED);
        assert_string_equal(reason.text, more ? "it is too large to be a signature"
                                              : "it is not a signature by ssh-keygen");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_ssh_keygen_agrees),
        cmocka_unit_test(test_ssh_keygen_signs),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_every_flip_is_refused),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
