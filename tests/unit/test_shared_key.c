/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/store/shared_key.c with a software TPM: which keys are shared, and how often the TPM
 * is used.
 */

#include "pcr_signer.h"
#include "store_put.h"
#include "tpm_fixture.h"

#include "credential/offline.h"
#include "credential/seal.h"
#include "store/shared_key.h"
#include "tpm/tpm.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A request as a literal, with the kind's key types and the PCRs. */
#define WANTED(wanted_key_types, wanted_mask)                                                      \
    ((SharedKeyRequest){.key_types = (wanted_key_types),                                           \
                        .request = &(TpmSealRequest){.pcrs.mask = (wanted_mask)}})

#define any_state WANTED(KIND_TPM, 0)

static TestFolder folder;
static Store *store;

static int set_up_store(void **state)
{
    folder = test_folder();
    assert_int_equal(store_new(folder.path, NULL, &store), 0);
    return set_up(state);
}

static int tear_down_store(void **state)
{
    store = store_free(store);
    test_folder_remove(&folder);
    return tear_down(state);
}

#define with_store(test) cmocka_unit_test_setup_teardown(test, set_up_store, tear_down_store)

/* web's credential ID with this key, written MINUTE minutes after midnight. */
static void put(Fixture *fixture, const char *id, unsigned key_types, const TpmSealed *sealed,
                const Secret *key, int minute)
{
    _cleanup_(secret_freep) Secret *host_key = test_host_key("host key");
    _cleanup_(secret_freep) Secret *plaintext = test_secret("hello");
    _cleanup_(bytes_done) Bytes file = {0};
    struct timespec times[2] = {{.tv_sec = minute * 60}, {.tv_sec = minute * 60}};
    char path[64];
    CredentialName name;
    SealRequest request = {
        .kind = kind_find_by_key_types(key_types),
        .plaintext = plaintext,
        .host_key = key_types & KIND_HOST ? host_key : NULL,
        .tpm_key = key_types & KIND_TPM ? key : NULL,
        .metadata = {.not_after = USEC_INFINITY},
    };

    if (key_types & KIND_TPM)
        request.tpm = tpm_sealed_view(sealed);
    assert_int_equal(credential_seal(&fixture->context, &request, NULL, &file), 0);
    assert_int_equal(credential_name_new("web", id, NULL, &name), 0);
    assert_int_equal(store_put(store, &name, bytes_view(&file)), 0);
    snprintf(path, sizeof(path), "web/%s.cred", id);
    assert_int_equal(utimensat(AT_FDCWD, test_path(&folder, path), times, 0), 0);
}

/* The same, with a key made by the TPM; RET_… may be NULL. */
static void put_fresh(Fixture *fixture, const char *id, uint64_t mask, int minute, Secret **ret_key)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;

    seal(fixture, mask, &sealed, &key);
    put(fixture, id, KIND_TPM, &sealed, key, minute);
    if (ret_key)
        *ret_key = TAKE_PTR(key);
}

/* For a value of web's credential ID. */
static int share_for(Tpm *tpm, const char *id, const SharedKeyRequest *wanted, Reason *reason,
                     TpmResult *ret)
{
    _cleanup_(shared_keys_done) SharedKeys keys = {0};
    CredentialName name;
    int r;

    assert_int_equal(credential_name_new("web", id, NULL, &name), 0);
    r = shared_keys_of_machine(store, &name, wanted, reason, &keys);

    return r == 0 ? shared_keys_unseal(tpm, &keys, wanted, reason, ret) : r;
}

/* For a new credential. */
static int share_of_machine(Tpm *tpm, const SharedKeyRequest *wanted, Reason *reason,
                            TpmResult *ret)
{
    return share_for(tpm, "new", wanted, reason, ret);
}

static int share_of_file(Tpm *tpm, BytesView file, const SharedKeyRequest *wanted, Reason *reason,
                         TpmResult *ret)
{
    _cleanup_(shared_keys_done) SharedKeys keys = {0};
    int r = shared_keys_of_file(file, wanted, reason, &keys);

    return r == 0 ? shared_keys_unseal(tpm, &keys, wanted, reason, ret) : r;
}

static int find(Fixture *fixture, const SharedKeyRequest *wanted, TpmResult *ret)
{
    int r = share_of_machine(fixture->tpm, wanted, &fixture->reason, ret);

    assert_nothing_left(fixture);
    return r;
}

static void expect_key(Fixture *fixture, const SharedKeyRequest *wanted, const Secret *key)
{
    _cleanup_(tpm_result_done) TpmResult shared = {0};

    assert_int_equal(find(fixture, wanted, &shared), 0);
    assert_true(secret_equal(shared.key, key));
    assert_unseals(fixture, &shared.sealed, key);
}

static unsigned unsealings(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < tap.count; i++)
        count += tap.commands[i] == TPM2_CC_Load;
    return count;
}

/* --- tests --- */

static void test_nothing_there(void **state)
{
    Fixture *fixture = *state;
    TpmResult shared = {0};

    assert_int_equal(find(fixture, &any_state, &shared), OUTCOME_NOT_FOUND);
    put(fixture, "host", KIND_HOST, NULL, NULL, 1);
    test_write_file(test_path(&folder, "web/garbage.cred"), test_view("AAAA"), 0640);
    assert_int_equal(find(fixture, &any_state, &shared), OUTCOME_NOT_FOUND);
    assert_int_equal(tap.count, 0);
}

static void test_shared_by_both_kinds(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;

    seal(fixture, 0, &sealed, &key);
    put(fixture, "x", KIND_HOST | KIND_TPM, &sealed, key, 1);
    expect_key(fixture, &any_state, key);
    expect_key(fixture, &WANTED(KIND_HOST | KIND_TPM, 0), key);
}

static void test_another_policy(void **state)
{
    static const uint64_t masks[] = {0, MASK(7), MASK(7) | MASK(4)};
    Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(masks); i++) {
        SharedKeyRequest wanted = WANTED(KIND_TPM, masks[i]);
        _cleanup_(secret_freep) Secret *key = NULL;
        TpmResult shared = {0};
        char id[8];

        assert_int_equal(find(fixture, &wanted, &shared), OUTCOME_NOT_FOUND);
        snprintf(id, sizeof(id), "x%zu", i);
        put_fresh(fixture, id, masks[i], (int)i, &key);
        expect_key(fixture, &wanted, key);
    }
}

/* A key in another form, or one that others may know. */
static void test_another_form(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(tpm_sealed_done) TpmSealed pinned = {0};
    _cleanup_(secret_freep) Secret *pinned_key = NULL;
    _cleanup_(tpm_export_done) TpmExport export = {0};
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(offline_key_done) OfflineKey offline = {0};
    OfflineRequest request = {.identity = &identity, .form = OFFLINE_LEGACY};
    TpmResult shared = {0};

    seal_pinned(fixture, 0, &pinned, &pinned_key);
    put(fixture, "pinned", KIND_TPM | KIND_PINNED, &pinned, pinned_key, 1);
    assert_int_equal(find(fixture, &any_state, &shared), OUTCOME_NOT_FOUND);
    expect_key(fixture, &WANTED(KIND_TPM | KIND_PINNED, 0), pinned_key);

    assert_int_equal(tpm_export(fixture->tpm, &fixture->reason, &export), 0);
    assert_int_equal(identity_add_key(&identity, bytes_view(&export.legacy), NULL), 0);
    assert_int_equal(offline_key_new(&fixture->context, &request, &fixture->reason, &offline), 0);
    put(fixture, "offline", KIND_TPM, &offline.sealed, offline.key, 2);
    assert_int_equal(find(fixture, &any_state, &shared), OUTCOME_NOT_FOUND);
}

/* A key for a signed policy is shared by credentials for the same signer, as long as a signature
 * fits. */
static void test_a_signed_policy(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new(), other = pcr_signer_new();
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    TpmSealRequest request = {.public_key = bytes_view(&signer.pem), .public_key_mask = MASK(11)};
    SharedKeyRequest wanted = {.key_types = KIND_TPM | KIND_PUBLIC_KEY, .request = &request};
    TpmResult shared = {0};

    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &sealed, &key), 0);
    put(fixture, "a", wanted.key_types, &sealed, key, 1);
    assert_int_equal(find(fixture, &wanted, &shared), OUTCOME_TPM_NO_SIGNATURE);
    signatures = pcr_sign(fixture->tpm, &signer, &signer, 11, TPM_ALGORITHM_SHA256);
    wanted.signatures = bytes_view(&signatures);
    assert_int_equal(find(fixture, &wanted, &shared), 0);
    assert_true(secret_equal(shared.key, key));
    tpm_result_done(&shared);

    assert_int_equal(find(fixture, &any_state, &shared), OUTCOME_NOT_FOUND);
    request.public_key_mask = MASK(11) | MASK(12);
    assert_int_equal(find(fixture, &wanted, &shared), OUTCOME_NOT_FOUND);
    request.public_key_mask = MASK(11);
    request.public_key = bytes_view(&other.pem);
    assert_int_equal(find(fixture, &wanted, &shared), OUTCOME_NOT_FOUND);
    request.public_key = bytes_view(&signer.pem);
    request.pcrs = (TpmPcrs){.mask = MASK(7), .given = MASK(7), .bank = TPM_ALGORITHM_SHA256};
    assert_int_equal(find(fixture, &wanted, &shared), OUTCOME_NOT_FOUND);
}

static void test_last_written_first(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *newest = NULL;

    put_fresh(fixture, "a", 0, 2, NULL);
    put_fresh(fixture, "b", 0, 3, &newest);
    put_fresh(fixture, "c", 0, 1, NULL);
    expect_key(fixture, &any_state, newest);
}

/* Otherwise whoever planted it could have it shared for as long as they like. */
static void test_a_time_in_the_future(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *ours = NULL;
    CredentialName found;

    put_fresh(fixture, "a", 0, 1, NULL);
    put_fresh(fixture, "b", 0, 2, &ours);
    put_fresh(fixture, "planted", 0, (int)(time(NULL) / 60) + 60, NULL);
    expect_key(fixture, &any_state, ours);
    assert_int_equal(shared_key_find(store, "web", &any_state, NULL, &found), 0);
    assert_string_equal(found.id, "b");
}

typedef struct NewValue {
    const char *rule;
    const char *id;
    int key; /* -1: a fresh one */
} NewValue;

/* A new value gets neither the old value's key nor any other key that existed at that time. */
static void test_a_new_value(void **state)
{
    static const struct {
        const char *id;
        int key, minute;
    } files[] = {{"a", 0, 1}, {"b", 0, 2}, {"c", 1, 4}, {"d", 2, 4}, {"e", 2, 6}, {"back", 0, 7}};
    static const NewValue rows[] = {
        {"the most recent key that came after it", "a", 2},
        {"its own key is not one, though it was written again later", "b", 2},
        {"a key that came with it, or before it, is not one", "c", -1},
        {"nor is one of the same time", "d", -1},
        {"nothing came after it", "back", -1},
        {"a new credential has no old key", "new", 0},
    };
    Fixture *fixture = *state;
    TpmSealed sealed[3];
    Secret *keys[COUNT(sealed)];

    for (size_t i = 0; i < COUNT(sealed); i++)
        seal(fixture, 0, &sealed[i], &keys[i]);
    for (size_t i = 0; i < COUNT(files); i++)
        put(fixture, files[i].id, KIND_TPM, &sealed[files[i].key], keys[files[i].key],
            files[i].minute);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(tpm_result_done) TpmResult shared = {0};
        int r = share_for(fixture->tpm, rows[i].id, &any_state, NULL, &shared);

        if (r != (rows[i].key < 0 ? OUTCOME_NOT_FOUND : 0) ||
            (r == 0 && !secret_equal(shared.key, keys[rows[i].key])))
            fail_msg("%s", rows[i].rule);
    }
    for (size_t i = 0; i < COUNT(sealed); i++) {
        tpm_sealed_done(&sealed[i]);
        secret_free(keys[i]);
    }
}

static void test_pcr_changed(void **state)
{
    Fixture *fixture = *state;
    SharedKeyRequest wanted = WANTED(KIND_TPM, MASK(7));
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *old = NULL, *fresh = NULL;
    TpmResult shared = {0};
    unsigned before;

    seal(fixture, MASK(7), &sealed, &old);
    put(fixture, "a", KIND_TPM, &sealed, old, 1);
    put(fixture, "b", KIND_TPM, &sealed, old, 2);
    put(fixture, "c", KIND_TPM, &sealed, old, 4);
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
    before = unsealings();
    assert_int_equal(find(fixture, &wanted, &shared), OUTCOME_TPM_PCR_MISMATCH);
    assert_says(fixture, "PCR 7");
    assert_int_equal(unsealings(), before + 1);
    /* a suitable one is found even if it is not the newest */
    put_fresh(fixture, "d", MASK(7), 3, &fresh);
    expect_key(fixture, &wanted, fresh);
}

/* Only a limited number of old keys is tried. */
static void test_too_many_old_keys(void **state)
{
    Fixture *fixture = *state;
    SharedKeyRequest wanted = WANTED(KIND_TPM, MASK(7));
    TpmResult shared = {0};
    unsigned before;
    char id[8];

    for (int i = 0; i < (int)LIMIT_SHARED_KEYS + 2; i++) {
        snprintf(id, sizeof(id), "x%d", i);
        put_fresh(fixture, id, MASK(7), i, NULL);
    }
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
    before = unsealings();
    assert_int_equal(find(fixture, &wanted, &shared), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(unsealings(), before + LIMIT_SHARED_KEYS);
}

static void test_another_tpm(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *ours = NULL;
    TpmResult shared = {0};
    Swtpm *other;
    Tpm *other_tpm;

    put_fresh(fixture, "a", 0, 2, &ours);
    assert_int_equal(swtpm_start(NULL, &other), 0);
    assert_int_equal(tpm_new(swtpm_device(other), NULL, &other_tpm), 0);
    assert_int_equal(share_of_machine(other_tpm, &any_state, &fixture->reason, &shared),
                     OUTCOME_TPM_FOREIGN);
    tpm_free(other_tpm);
    swtpm_stop(other);
    expect_key(fixture, &any_state, ours);
}

static void test_tpm_is_gone(void **state)
{
    Fixture *fixture = *state;
    TpmResult shared = {0};
    int r;

    put_fresh(fixture, "a", 0, 2, NULL);
    put_fresh(fixture, "b", 0, 3, NULL);
    tap.fault = TAP_BREAK;
    tap.fault_at = tap.count + 1;
    r = share_of_machine(fixture->tpm, &any_state, &fixture->reason, &shared);
    tap.fault = TAP_NO_FAULT;
    assert_true(r > 0 && r != OUTCOME_NOT_FOUND);
}

static void test_a_given_file(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(tpm_result_done) TpmResult shared = {0};
    _cleanup_(bytes_done) Bytes file = {0};

    put_fresh(fixture, "a", MASK(7), 1, &key);
    file = test_read_file(test_path(&folder, "web/a.cred"));
    assert_int_equal(
        share_of_file(fixture->tpm, bytes_view(&file), &any_state, &fixture->reason, &shared),
        OUTCOME_NOT_FOUND);
    assert_says(fixture, "PCRs are 7, not none");
    assert_int_equal(share_of_file(fixture->tpm, bytes_view(&file),
                                   &WANTED(KIND_HOST | KIND_TPM, MASK(7)), &fixture->reason,
                                   &shared),
                     0);
    assert_true(secret_equal(shared.key, key));
}

/* The store's keys, the last written first, and nothing else. */
static void test_list(void **state)
{
    static const char *const order[] = {"b", "a", "a.b"};
    Fixture *fixture = *state;
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 7;

    assert_int_equal(store_list(store, "web", NULL, &entries, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(store_list(store, "..", NULL, &entries, &count), OUTCOME_INVALID_NAME);
    put(fixture, "a", KIND_HOST, NULL, NULL, 1);
    put(fixture, "b", KIND_HOST, NULL, NULL, 2);
    put(fixture, "a.b", KIND_HOST, NULL, NULL, 1);
    test_write_file(test_path(&folder, "web/.cred"), test_view("x"), 0640);
    test_write_file(test_path(&folder, "web/x"), test_view("x"), 0640);
    test_write_file(test_path(&folder, "web/.x.cred.tmp"), test_view("x"), 0640);
    assert_int_equal(store_list(store, "web", NULL, &entries, &count), 0);
    assert_int_equal(count, COUNT(order));
    for (size_t i = 0; i < count; i++)
        assert_string_equal(entries[i].name.id, order[i]);
    assert_int_equal(symlink("web", test_path(&folder, "link")), 0);
    assert_int_equal(store_list(store, "link", NULL, NULL, NULL), OUTCOME_STORE_UNSAFE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        with_store(test_nothing_there),        with_store(test_shared_by_both_kinds),
        with_store(test_another_policy),       with_store(test_another_form),
        with_store(test_a_signed_policy),      with_store(test_last_written_first),
        with_store(test_a_time_in_the_future), with_store(test_a_new_value),
        with_store(test_pcr_changed),          with_store(test_too_many_old_keys),
        with_store(test_another_tpm),          with_store(test_tpm_is_gone),
        with_store(test_a_given_file),         with_store(test_list),
    };

    return run_with_swtpm(tests);
}
