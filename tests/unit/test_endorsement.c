/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/challenge.h and lib/tpm/endorsement.h with software TPMs: a challenge that was
 * made without a TPM is answered by the TPM with both keys, and by no other. tpm2-tools
 * understand our challenges, and we theirs.
 */

#include "swtpm_hardships.h"
#include "test_tpm_fixture.h"

#include "tpm/challenge.h"
#include "tpm/endorsement.h"

#define CERTIFICATE_INDEX 0x01c00002U
#define _connected_       __attribute__((cleanup(swtpm_disconnect)))

static const struct {
    uint16_t algorithm;
    TpmStorageRole role;
} kinds[] = {
    {TPM_ALGORITHM_ECC, TPM_ENDORSEMENT_LOW},
    {TPM_ALGORITHM_ECC, TPM_ENDORSEMENT_HIGH},
    {TPM_ALGORITHM_RSA, TPM_ENDORSEMENT_LOW},
    {TPM_ALGORITHM_RSA, TPM_ENDORSEMENT_HIGH},
};

/* What a host tells of itself. */
typedef struct Host {
    TpmEndorsement endorsement;
    TpmExport export;
    TpmStorageKey key; /* of .endorsement.area */
} Host;

static void host_done(Host *host)
{
    tpm_endorsement_done(&host->endorsement);
    tpm_export_done(&host->export);
}

static void read_host(Fixture *fixture, size_t kind, Host *ret)
{
    assert_int_equal(tpm_endorsement_read(fixture->tpm, kinds[kind].algorithm, kinds[kind].role,
                                          &fixture->reason, &ret->endorsement),
                     0);
    assert_int_equal(
        tpm_endorsement_key_parse(bytes_view(&ret->endorsement.area), &fixture->reason, &ret->key),
        0);
    assert_int_equal(ret->key.algorithm, kinds[kind].algorithm);
    assert_int_equal(ret->key.role, kinds[kind].role);
    assert_int_equal(tpm_export(fixture->tpm, &fixture->reason, &ret->export), 0);
    assert_nothing_left(fixture);
}

/* Challenges the TPM with ENDORSEMENT to prove that it has the key AREA. */
static void challenge(Fixture *fixture, const TpmStorageKey *endorsement, const Bytes *area,
                      const Secret *secret, Bytes *ret)
{
    unsigned commands = tap.count;
    TpmStorageKey key;

    assert_int_equal(tpm_storage_key_parse(bytes_view(area), NULL, &key), 0);
    assert_int_equal(
        tpm_challenge_new(&fixture->context, endorsement, key.name, secret, &fixture->reason, ret),
        0);
    assert_int_equal(tap.count, commands); /* without a TPM */
}

static int answer(Fixture *fixture, const Host *host, const Bytes *area, BytesView blob,
                  Secret **ret)
{
    TpmChallenge request = {bytes_view(&host->endorsement.area), bytes_view(area), blob};
    int r;

    tap.count = 0; /* it has room for some hundred */
    r = tpm_activate(fixture->tpm, &request, &fixture->reason, ret);
    assert_true((r == 0) == (*ret != NULL));
    assert_nothing_left(fixture);
    return r;
}

static void refused(Fixture *fixture, const Host *host, const Bytes *area, BytesView blob,
                    int expected, const char *words)
{
    Secret *secret = NULL;

    fixture->reason = (Reason){0};
    assert_int_equal(answer(fixture, host, area, blob, &secret), expected);
    assert_says(fixture, words);
}

static void test_genuine(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);
    _cleanup_(freep) uint8_t *srk = NULL;
    size_t size;

    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        _cleanup_(host_done) Host host = {0};

        read_host(fixture, i, &host);
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

        read_host(fixture, i, &ours);
        read_host(other, i, &theirs);
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

    read_host(fixture, 1, &host);
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

/* Whatever its template does not say is refused before anything is encrypted to it. */
static void test_only_endorsement_keys(void **state)
{
    static const struct {
        const char *rule;
        size_t offset;
        uint8_t value;
        const char *words;
    } rows[] = {
        {"named by SHA-256", 5, 0x0c, "SHA-256"},
        {"cannot leave its TPM", 9, 0xb0, "attributes"},
        {"is restricted", 7, 0x02, "attributes"},
        {"has the policy of its range", 12, 0x00, "policy"},
        {"has AES-128", 47, 0xc0, "AES-128"},
        {"has no scheme", 51, 0x14, "scheme"},
        {"is P-256", 53, 0x04, "P-256"},
    };
    Fixture *fixture = *state;
    _cleanup_(host_done) Host host = {0};
    TpmStorageKey key;

    read_host(fixture, 0, &host);
    assert_int_equal(tpm_storage_key_parse(bytes_view(&host.endorsement.area), NULL, &key),
                     OUTCOME_MALFORMED);
    assert_int_equal(tpm_endorsement_key_parse(bytes_view(&host.export.legacy), NULL, &key),
                     OUTCOME_MALFORMED);
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t *byte = &host.endorsement.area.data[rows[i].offset], before = *byte;

        *byte = rows[i].value;
        if (tpm_endorsement_key_parse(bytes_view(&host.endorsement.area), &fixture->reason, &key) !=
                OUTCOME_MALFORMED ||
            !strstr(fixture->reason.text, rows[i].words))
            fail_msg("an endorsement key %s: \"%s\"", rows[i].rule, fixture->reason.text);
        *byte = before;
    }
}

static void test_password(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(tpm_endorsement_done) TpmEndorsement endorsement = {0};

    assert_int_equal(hardship_endorsement_password(fixture->swtpm), 0);
    assert_int_equal(tpm_endorsement_read(fixture->tpm, TPM_ALGORITHM_ECC, TPM_ENDORSEMENT_LOW,
                                          &fixture->reason, &endorsement),
                     OUTCOME_TPM_PASSWORD);
    assert_says(fixture, "tpm2_changeauth -c endorsement");
    assert_nothing_left(fixture);
}

/* Writes BYTES, which are filled up as vendors do, to where the certificate is. */
static void write_index(Fixture *fixture, const uint8_t *bytes, size_t size)
{
    static const TPM2B_AUTH no_password = {0};
    const TPM2B_NV_PUBLIC area = {
        .nvPublic = {.nvIndex = CERTIFICATE_INDEX,
                     .nameAlg = TPM2_ALG_SHA256,
                     .attributes = TPMA_NV_AUTHREAD | TPMA_NV_OWNERWRITE | TPMA_NV_NO_DA,
                     .dataSize = (UINT16)size}};
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR index;

    assert_int_equal(swtpm_connect(fixture->swtpm, &connection), 0);
    assert_int_equal(Esys_NV_DefineSpace(connection.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE, &no_password, &area, &index),
                     TSS2_RC_SUCCESS);
    for (size_t done = 0; done < size; done += 512) {
        TPM2B_MAX_NV_BUFFER piece = {.size = (UINT16)(size - done < 512 ? size - done : 512)};

        memcpy(piece.buffer, bytes + done, piece.size);
        assert_int_equal(Esys_NV_Write(connection.esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD,
                                       ESYS_TR_NONE, ESYS_TR_NONE, &piece, (UINT16)done),
                         TSS2_RC_SUCCESS);
    }
}

static void test_certificate(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(host_done) Host host = {0}, other = {0};
    uint8_t bytes[1300];

    memset(bytes, 0xff, sizeof(bytes));
    memcpy(bytes, (const uint8_t[]){0x30, 0x82, 0x04, 0x4c}, 4); /* 1100 bytes */
    for (size_t i = 4; i < 1104; i++)
        bytes[i] = (uint8_t)i;
    write_index(fixture, bytes, sizeof(bytes));
    read_host(fixture, 2, &host);
    assert_true(
        bytes_view_equal(bytes_view(&host.endorsement.certificate), (BytesView){bytes, 1104}));
    read_host(fixture, 0, &other); /* it is that of another key */
    assert_int_equal(other.endorsement.certificate.size, 0);
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

/* Their challenge, with our answer. */
static void check_their_challenge(Fixture *fixture, const TestFolder *folder, const Host *host,
                                  const Secret *secret)
{
    _cleanup_(secret_freep) Secret *revealed = NULL;
    _cleanup_(bytes_done) Bytes file = {0};
    char name[2 * TPM_NAME_BYTES + 1];
    TpmStorageKey key;

    assert_int_equal(tpm_storage_key_parse(bytes_view(&host->export.legacy), NULL, &key), 0);
    for (size_t i = 0; i < TPM_NAME_BYTES; i++)
        snprintf(name + 2 * i, 3, "%02x", key.name[i]);
    setenv("NAME", name, 1);
    assert_int_equal(run_tools(fixture, folder,
                               "tpm2_makecredential -T none -u ek -s secret -n $NAME -o theirs"),
                     0);
    file = test_read_file(test_path(folder, "theirs"));
    assert_true(file.size > sizeof(tools_header));
    assert_memory_equal(file.data, tools_header, sizeof(tools_header));
    assert_int_equal(
        answer(fixture, host, &host->export.legacy,
               (BytesView){file.data + sizeof(tools_header), file.size - sizeof(tools_header)},
               &revealed),
        0);
    assert_true(secret_equal(secret, revealed));
}

/* Our challenge, with their answer: for the SRK and the endorsement key of the low range. */
static void check_our_challenge(Fixture *fixture, const TestFolder *folder, const Host *host,
                                const Secret *secret)
{
    _cleanup_(bytes_done) Bytes blob = {0}, revealed = {0};
    _cleanup_(writer_done) Writer writer = {0};

    challenge(fixture, &host->key, &host->export.srk, secret, &blob);
    writer_bytes(&writer, (BytesView){tools_header, sizeof(tools_header)});
    writer_bytes(&writer, bytes_view(&blob));
    write_file(folder, "ours", bytes_view(&writer.bytes));
    setenv("KIND", host->key.algorithm == TPM_ALGORITHM_RSA ? "rsa" : "ecc", 1);
    assert_int_equal(
        run_tools(fixture, folder,
                  "tpm2_createek -c ek.ctx -G $KIND -u created; cmp created ek\n"
                  "tpm2_flushcontext -t; tpm2_startauthsession --policy-session -S session\n"
                  "tpm2_policysecret -S session -c e\n"
                  "tpm2_activatecredential -c 0x81000001 -C ek.ctx -P session:session -i ours -o "
                  "revealed\n"
                  "tpm2_flushcontext session; tpm2_flushcontext -t"),
        0);
    revealed = test_read_file(test_path(folder, "revealed"));
    assert_true(bytes_view_equal(bytes_view(&revealed), secret_view(secret)));
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

        read_host(fixture, i, &host);
        write_file(&folder, "secret", secret_view(secret));
        write_file(&folder, "ek", bytes_view(&host.endorsement.area));
        check_their_challenge(fixture, &folder, &host, secret);
        if (kinds[i].role == TPM_ENDORSEMENT_LOW)
            check_our_challenge(fixture, &folder, &host, secret);
        test_folder_remove(&folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_tools),
        with_tpm(test_genuine),
        with_tpm(test_another_tpm),
        with_tpm(test_changed),
        with_tpm(test_only_endorsement_keys),
        with_tpm(test_password),
        with_tpm(test_certificate),
    };

    return run_with_swtpm(tests);
}
