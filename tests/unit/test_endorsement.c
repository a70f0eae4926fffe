/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/challenge.h and tpm_activate() with software TPMs: a challenge that was made
 * without a TPM is answered by the TPM with both keys, and by no other. tpm2-tools understand our
 * challenges, and we theirs.
 */

#include "endorsement_host.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static void test_genuine(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);
    _cleanup_(freep) uint8_t *srk = NULL;
    size_t size;

    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        _cleanup_(host_done) Host host = {0};

        if (!read_host(fixture, i, &host))
            continue;
        assert_int_equal(host.endorsement.certificate.size, 0);
        for (unsigned j = 0; j < 2; j++) {
            const Bytes *area = j == 0 ? &host.export.srk : &host.export.legacy;
            _cleanup_(secret_freep) Secret *revealed = NULL;
            _cleanup_(bytes_done) Bytes blob = {0};

            challenge(fixture, &host.key, area, secret, &blob);
            assert_int_equal(answer(fixture, &host, area, bytes_view(&blob), &revealed), 0);
            assert_true(secret_equal(secret, revealed));
        }
    }
    assert_int_equal(swtpm_count_failures(fixture->swtpm), 0);
}

/* Neither TPM answers for the other's endorsement key or storage key. */
static void test_another_tpm(void **state)
{
    Fixture *fixture = *state, *other = NULL;
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);

    assert_int_equal(set_up((void **)&other), 0);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        _cleanup_(host_done) Host ours = {0}, theirs = {0};
        _cleanup_(bytes_done) Bytes blob = {0}, mixed = {0};

        if (!read_host(fixture, i, &ours))
            continue;
        assert_true(read_host(other, i, &theirs));
        challenge(fixture, &theirs.key, &theirs.export.legacy, secret, &blob);
        refused(fixture, &theirs, &theirs.export.legacy, bytes_view(&blob), OUTCOME_TPM_FOREIGN,
                "another TPM");
        /* one that lies about whom it is for */
        refused(fixture, &ours, &ours.export.legacy, bytes_view(&blob), OUTCOME_TPM_FOREIGN,
                "other keys");
        /* our endorsement key, and a storage key that is not in this TPM */
        challenge(fixture, &ours.key, &theirs.export.legacy, secret, &mixed);
        refused(fixture, &ours, &theirs.export.legacy, bytes_view(&mixed), OUTCOME_TPM_FOREIGN,
                "does not have");
        refused(fixture, &ours, &ours.export.legacy, bytes_view(&mixed), OUTCOME_TPM_FOREIGN,
                "other keys");
    }
    tear_down((void **)&other);
}

/* Every bit of a challenge counts; neither is anything left out or added. */
static void test_changed(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);
    _cleanup_(host_done) Host host = {0};
    _cleanup_(bytes_done) Bytes blob = {0};

    assert_true(read_host(fixture, 1, &host));
    challenge(fixture, &host.key, &host.export.legacy, secret, &blob);
    for (size_t i = 0; i < blob.size; i++) {
        Secret *none = NULL;
        int r;

        blob.data[i] ^= (uint8_t)(1 << i % 8);
        r = answer(fixture, &host, &host.export.legacy, bytes_view(&blob), &none);
        blob.data[i] ^= (uint8_t)(1 << i % 8);
        if (r != OUTCOME_TPM_FOREIGN && r != OUTCOME_MALFORMED)
            fail_msg("byte %zu: %s, %s", i, outcome_name(r), fixture->reason.text);
    }
    for (size_t size = 0; size < blob.size; size++)
        refused(fixture, &host, &host.export.legacy, (BytesView){blob.data, size},
                OUTCOME_MALFORMED, "wrong size");
}

/* BLOB with another object and secret. */
static Bytes join(BytesView object, BytesView secret)
{
    _cleanup_(writer_done) Writer writer = {0};
    Bytes joined;

    tpm_2b_write(object, &writer);
    tpm_2b_write(secret, &writer);
    assert_int_equal(writer_take(&writer, &joined), 0);
    return joined;
}

static int parse_parts(const Host *host, BytesView object, BytesView secret)
{
    _cleanup_(bytes_done) Bytes blob = join(object, secret);
    _cleanup_(writer_done) Writer longer = {0};
    TpmChallengeParts parts;

    writer_bytes(&longer, bytes_view(&blob));
    writer_bytes(&longer, (BytesView){(const uint8_t[]){0}, 1});
    assert_int_equal(tpm_challenge_parse(bytes_view(&longer.bytes), &host->key, NULL, &parts),
                     OUTCOME_MALFORMED);
    return tpm_challenge_parse(bytes_view(&blob), &host->key, NULL, &parts);
}

/* Only parts of the sizes that the endorsement key makes get to a TPM. */
static void test_sizes(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);

    for (size_t i = 0; i < COUNT(kinds); i++) {
        _cleanup_(host_done) Host host = {0};
        _cleanup_(bytes_done) Bytes blob = {0};
        TpmChallengeParts parts;
        uint8_t changed[600] = {0};
        size_t digest;

        if (!read_host(fixture, i, &host))
            continue;
        digest = tcg_digest_bytes(host.key.template->hash);
        challenge(fixture, &host.key, &host.export.legacy, secret, &blob);
        assert_int_equal(tpm_challenge_parse(bytes_view(&blob), &host.key, NULL, &parts), 0);
        assert_int_equal(parse_parts(&host, parts.object, parts.secret), 0);
        memcpy(changed, parts.object.data, parts.object.size);
        /* a secret that is longer than a digest, none at all, and an HMAC by another hash */
        assert_int_equal(parse_parts(&host, (BytesView){changed, 2 * (2 + digest)}, parts.secret),
                         0);
        assert_int_equal(
            parse_parts(&host, (BytesView){changed, 2 * (2 + digest) + 1}, parts.secret),
            OUTCOME_MALFORMED);
        assert_int_equal(parse_parts(&host, (BytesView){changed, 2 + digest + 2}, parts.secret),
                         OUTCOME_MALFORMED);
        changed[1]--;
        assert_int_equal(parse_parts(&host, (BytesView){changed, parts.object.size}, parts.secret),
                         OUTCOME_MALFORMED);
        /* a seed that is longer or shorter than the key encrypts */
        memcpy(changed, parts.secret.data, parts.secret.size);
        assert_int_equal(
            parse_parts(&host, parts.object, (BytesView){changed, parts.secret.size + 1}),
            OUTCOME_MALFORMED);
        assert_int_equal(
            parse_parts(&host, parts.object, (BytesView){changed, parts.secret.size - 1}),
            OUTCOME_MALFORMED);
        if (host.key.algorithm == TPM_ALGORITHM_RSA)
            continue;
        changed[1]++; /* an x of one byte more, and a whole y */
        memmove(changed + 3, changed + 2, parts.secret.size - 2);
        assert_int_equal(
            parse_parts(&host, parts.object, (BytesView){changed, parts.secret.size + 1}),
            OUTCOME_MALFORMED);
    }
}

/* --- tpm2-tools --- */

static void write_file(const TestFolder *folder, const char *name, BytesView content)
{
    test_write_file(test_path(folder, name), content, 0600);
}

/* Runs SCRIPT in the folder, with the TPM for its tools. */
static int run_tools(Fixture *fixture, const TestFolder *folder, const char *script)
{
    setenv("DIR", folder->path, 1);
    setenv("TPM2TOOLS_TCTI", swtpm_device(fixture->swtpm), 1);
    setenv("SCRIPT", script, 1);
    return system("cd \"$DIR\" && sh -ec \"$SCRIPT\" >log 2>&1");
}

/* The file of tpm2_makecredential: a magic number, a version, and what we call a challenge. */
static const uint8_t tools_header[] = {0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1};

/* Their challenge to the key in the file ek, for the storage key KEY. */
static Bytes make_their_challenge(Fixture *fixture, const TestFolder *folder,
                                  const TpmStorageKey *key)
{
    char name[2 * TPM_NAME_BYTES + 1];
    Bytes file;

    for (size_t i = 0; i < TPM_NAME_BYTES; i++)
        snprintf(name + 2 * i, 3, "%02x", key->name[i]);
    setenv("NAME", name, 1);
    assert_int_equal(run_tools(fixture, folder,
                               "tpm2_makecredential -T none -u ek -s secret -n $NAME -o theirs"),
                     0);
    file = test_read_file(test_path(folder, "theirs"));
    assert_true(file.size > sizeof(tools_header));
    assert_memory_equal(file.data, tools_header, sizeof(tools_header));
    return file;
}

/* Their challenge, with our answer. */
static void check_their_challenge(Fixture *fixture, const TestFolder *folder, const Host *host,
                                  const Secret *secret)
{
    _cleanup_(secret_freep) Secret *revealed = NULL;
    _cleanup_(bytes_done) Bytes file = {0};
    TpmStorageKey key;

    assert_int_equal(tpm_storage_key_parse(bytes_view(&host->export.legacy), NULL, &key), 0);
    file = make_their_challenge(fixture, folder, &key);
    assert_int_equal(
        answer(fixture, host, &host->export.legacy,
               (BytesView){file.data + sizeof(tools_header), file.size - sizeof(tools_header)},
               &revealed),
        0);
    assert_true(secret_equal(secret, revealed));
}

/* Makes the key HOST again, to ek.ctx, and a session for it if it needs one. */
static void make_key(Fixture *fixture, const TestFolder *folder, const Host *host)
{
    const TpmKeyTemplate *template = host->key.template;
    bool ecc = template->algorithm == TPM_ALGORITHM_ECC;
    char kind[32];

    if (template->role == TPM_ENDORSEMENT_LOW) {
        setenv("KIND", ecc ? "ecc" : "rsa", 1);
        assert_int_equal(
            run_tools(fixture, folder,
                      "tpm2_createek -c ek.ctx -G $KIND -u created; cmp created ek\n"
                      "tpm2_flushcontext -t; tpm2_startauthsession --policy-session -S session\n"
                      "tpm2_policysecret -S session -c e"),
            0);
        setenv("AUTH", "session:session", 1);
        return;
    }
    snprintf(kind, sizeof(kind), "%s%u:null:aes%ucfb", ecc ? "ecc" : "rsa", template->bits,
             template->cipher_bits);
    setenv("KIND", kind, 1);
    setenv("HASH", template->hash == TCG_SHA384 ? "sha384" : "sha256", 1);
    write_file(folder, "policy", template->policy);
    assert_int_equal(
        run_tools(fixture, folder,
                  "tpm2_createprimary -C e -G $KIND -g $HASH -L policy -c ek.ctx -a 'fixedtpm|"
                  "fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|restricted|"
                  "decrypt'\n"
                  "tpm2_readpublic -c ek.ctx -o created; cmp created ek; tpm2_flushcontext -t"),
        0);
    setenv("AUTH", "", 1);
}

/* Our challenge, with their answer, for the SRK. */
static void check_our_challenge(Fixture *fixture, const TestFolder *folder, const Host *host,
                                const Secret *secret)
{
    _cleanup_(bytes_done) Bytes blob = {0}, revealed = {0};
    _cleanup_(writer_done) Writer writer = {0};

    challenge(fixture, &host->key, &host->export.srk, secret, &blob);
    writer_bytes(&writer, (BytesView){tools_header, sizeof(tools_header)});
    writer_bytes(&writer, bytes_view(&blob));
    write_file(folder, "ours", bytes_view(&writer.bytes));
    make_key(fixture, folder, host);
    assert_int_equal(
        run_tools(fixture, folder,
                  "tpm2_activatecredential -c 0x81000001 -C ek.ctx ${AUTH:+-P \"$AUTH\"} -i ours "
                  "-o revealed\n"
                  "[ -z \"$AUTH\" ] || tpm2_flushcontext session; tpm2_flushcontext -t"),
        0);
    revealed = test_read_file(test_path(folder, "revealed"));
    assert_true(bytes_view_equal(bytes_view(&revealed), secret_view(secret)));
}

/* --- RSA-4096, which not all software TPMs have --- */

/* The TPM2B_PUBLIC of H-7 with the key KEY. */
static Bytes area_of(EVP_PKEY *key)
{
    /* AES-256-CFB, no scheme, 4096 bits, the usual exponent */
    static const uint8_t parameters[] = {0, 6, 1, 0, 0, 0x43, 0, 0x10, 0x10, 0, 0, 0, 0, 0};
    const TpmKeyTemplate *template = &tpm_endorsement_templates[TPM_ENDORSEMENT_H7];
    _cleanup_(writer_done) Writer inner = {0}, writer = {0};
    uint8_t modulus[512];
    BIGNUM *n = NULL;
    Bytes area;

    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
    assert_int_equal(BN_bn2binpad(n, modulus, sizeof(modulus)), sizeof(modulus));
    BN_free(n);
    writer_u16be(&inner, TPM_ALGORITHM_RSA);
    writer_u16be(&inner, TPM_ALGORITHM_SHA384);
    writer_u32be(&inner, template->attributes);
    tpm_2b_write(template->policy, &inner);
    writer_bytes(&inner, (BytesView){parameters, sizeof(parameters)});
    tpm_2b_write((BytesView){modulus, sizeof(modulus)}, &inner);
    tpm_2b_write(bytes_view(&inner.bytes), &writer);
    assert_int_equal(writer_take(&writer, &area), 0);
    return area;
}

static TcgKey decrypt_seed(EVP_PKEY *key, BytesView encrypted)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    uint8_t opened[512];
    size_t size = sizeof(opened);
    TcgKey seed = {.size = 48};

    assert_int_equal(EVP_PKEY_decrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha384()), 1);
    assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_memdup("IDENTITY", 9), 9),
                     1);
    assert_int_equal(EVP_PKEY_decrypt(context, opened, &size, encrypted.data, encrypted.size), 1);
    assert_int_equal(size, seed.size);
    memcpy(seed.bytes, opened, size);
    EVP_PKEY_CTX_free(context);
    return seed;
}

/* Answers BLOB as a TPM with KEY does, which has the storage key NAME. */
static void expect_secret(EVP_PKEY *key, const uint8_t *name, BytesView blob, const Secret *secret)
{
    static const uint8_t iv[16];
    Reader reader = reader_new(blob), object = reader_new(tpm_2b_read(&reader));
    BytesView mac = tpm_2b_read(&object), encrypted = object.rest,
              name_view = {name, TPM_NAME_BYTES};
    TcgKey seed = decrypt_seed(key, tpm_2b_read(&reader)), derived;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t expected[TCG_DIGEST_BYTES_MAX], text[64];
    int size = 0;

    assert_int_equal(tcg_kdfa(TCG_SHA384, &seed, "INTEGRITY", (BytesView){0}, 384, &derived), 0);
    assert_int_equal(tcg_hmac(TCG_SHA384, &derived, encrypted, name_view, expected), 0);
    assert_true(bytes_view_equal(mac, (BytesView){expected, 48}));
    assert_int_equal(tcg_kdfa(TCG_SHA384, &seed, "STORAGE", name_view, 256, &derived), 0);
    assert_true(encrypted.size == 2 + secret_size(secret));
    assert_int_equal(EVP_DecryptInit_ex(cipher, EVP_aes_256_cfb128(), NULL, derived.bytes, iv), 1);
    assert_int_equal(EVP_DecryptUpdate(cipher, text, &size, encrypted.data, (int)encrypted.size),
                     1);
    EVP_CIPHER_CTX_free(cipher);
    assert_true(bytes_view_equal((BytesView){text + 2, (size_t)size - 2}, secret_view(secret)));
}

/* The same test understands their challenge and ours. */
static void test_rsa_4096(void **state)
{
    Fixture *fixture = *state;
    TestFolder folder = test_folder();
    EVP_PKEY *private = EVP_RSA_gen(4096);
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);
    _cleanup_(bytes_done) Bytes area = area_of(private), blob = {0}, theirs = {0};
    _cleanup_(tpm_export_done) TpmExport export = {0};
    TpmStorageKey endorsement, key;

    assert_true(area.size <= TPM_ENDORSEMENT_MAX_BYTES);
    assert_int_equal(tpm_endorsement_key_parse(bytes_view(&area), &fixture->reason, &endorsement),
                     0);
    assert_int_equal(tpm_export(fixture->tpm, &fixture->reason, &export), 0);
    assert_int_equal(tpm_storage_key_parse(bytes_view(&export.legacy), NULL, &key), 0);
    challenge(fixture, &endorsement, &export.legacy, secret, &blob);
    expect_secret(private, key.name, bytes_view(&blob), secret);
    if (system("command -v tpm2_makecredential >/dev/null") == 0) {
        write_file(&folder, "secret", secret_view(secret));
        write_file(&folder, "ek", bytes_view(&area));
        theirs = make_their_challenge(fixture, &folder, &key);
        expect_secret(
            private, key.name,
            (BytesView){theirs.data + sizeof(tools_header), theirs.size - sizeof(tools_header)},
            secret);
    }
    EVP_PKEY_free(private);
    test_folder_remove(&folder);
}

static void test_tools(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);
    _cleanup_(freep) uint8_t *srk = NULL;
    size_t size;

    if (system("command -v tpm2_makecredential >/dev/null") != 0)
        test_skip("tpm2-tools are not installed");
    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        TestFolder folder = test_folder();
        _cleanup_(host_done) Host host = {0};

        if (!read_host(fixture, i, &host)) {
            test_folder_remove(&folder);
            continue;
        }
        write_file(&folder, "secret", secret_view(secret));
        write_file(&folder, "ek", bytes_view(&host.endorsement.area));
        check_their_challenge(fixture, &folder, &host, secret);
        check_our_challenge(fixture, &folder, &host, secret);
        test_folder_remove(&folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_tools),       with_tpm(test_rsa_4096), with_tpm(test_genuine),
        with_tpm(test_another_tpm), with_tpm(test_changed),  with_tpm(test_sizes),
    };

    return run_with_swtpm(tests);
}
