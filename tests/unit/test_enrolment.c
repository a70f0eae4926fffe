/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/credential/enrolment.h with a software TPM: what a TPM answers is a proof, and
 * nothing else is, whatever is changed on the way.
 */

#include "tpm_fixture.h"

#include "base/json.h"
#include "credential/enrolment.h"
#include "credential/offline.h"
#include "tpm/endorsement.h"

#define DAY   (UINT64_C(24) * 3600 * 1000 * 1000)
#define HOURS (UINT64_C(3600) * 1000 * 1000)

static const TpmEndorsementKind kinds[] = {TPM_ENDORSEMENT_L2, TPM_ENDORSEMENT_H2,
                                           TPM_ENDORSEMENT_L1, TPM_ENDORSEMENT_H1};

/* An administrator, without a TPM, whose clock stands still at TEST_NOW. */
typedef struct Enrolment {
    Context context;
    Secret *key;
    Identity identity;
    EnrolmentChallenge challenge;
    EnrolmentAnswer answer;
    Reason reason;
} Enrolment;

static void enrolment_done(Enrolment *enrolment)
{
    secret_free(enrolment->key);
    identity_done(&enrolment->identity);
    enrolment_challenge_done(&enrolment->challenge);
}

/* With an endorsement key of each of the KINDS. */
static void export(Fixture *fixture, size_t first, size_t last, Identity *identity)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n";
    _cleanup_(tpm_export_done) TpmExport exported = {0};

    assert_int_equal(tpm_export(fixture->tpm, &fixture->reason, &exported), 0);
    *identity = (Identity){.host_name = "web1", .machine_id = TEST_MACHINE_ID};
    identity->pcrs = exported.pcrs;
    assert_int_equal(identity_add_key(identity, bytes_view(&exported.legacy), NULL), 0);
    if (exported.srk.size > 0)
        assert_int_equal(identity_add_key(identity, bytes_view(&exported.srk), NULL), 0);
    assert_int_equal(bytes_dup(test_view(pem), &identity->pcr_public_key), 0);
    assert_int_equal(
        bytes_dup((BytesView){(const uint8_t *)TEST_MACHINE_ID, 32}, &identity->report), 0);
    for (size_t i = first; i <= last; i++) {
        _cleanup_(tpm_endorsement_done) TpmEndorsement key = {0};

        assert_int_equal(tpm_endorsement_read(fixture->tpm, kinds[i], &fixture->reason, &key), 0);
        assert_int_equal(
            identity_add_endorsement(identity, bytes_view(&key.area), test_view("DER"), NULL), 0);
    }
}

static int challenge(Enrolment *enrolment, size_t endorsement, uint64_t pcrs)
{
    EnrolmentRequest request = {&enrolment->identity, endorsement, IDENTITY_BY_INVENTORY,
                                TEST_NOW + DAY, pcrs};

    enrolment_challenge_done(&enrolment->challenge);
    return enrolment_challenge_new(&enrolment->context, enrolment->key, &request,
                                   &enrolment->reason, &enrolment->challenge);
}

/* As the host's software does. */
static int reveal_pcrs(Fixture *fixture, const Enrolment *enrolment, Secret **ret)
{
    OfflineRequest request = {.identity = &enrolment->identity,
                              .pcrs.mask = enrolment->challenge.pcrs};
    _cleanup_(offline_key_done) OfflineKey key = {0};
    TpmSealedView sealed;

    assert_int_equal(offline_describe(&request, &fixture->reason, &key), 0);
    sealed = tpm_sealed_view(&key.sealed);
    sealed.blob = bytes_view(&enrolment->challenge.secrets[ENROLMENT_PCRS]);
    return tpm_unseal(fixture->tpm, &sealed, &fixture->reason, ret);
}

static int answer(Fixture *fixture, Enrolment *enrolment)
{
    const EnrolmentChallenge *asked = &enrolment->challenge;
    size_t endorsement = enrolment_endorsement_find(&enrolment->identity, asked->endorsement);
    int r = 0;

    assert_true(endorsement < enrolment->identity.endorsement_count);
    enrolment->answer = (EnrolmentAnswer){0};
    memcpy(enrolment->answer.nonce, asked->nonce, sizeof(asked->nonce));
    for (size_t i = 0; r == 0 && i < ENROLMENT_SECRETS; i++) {
        _cleanup_(secret_freep) Secret *secret = NULL;

        if (asked->secrets[i].size == 0)
            continue;
        tap.count = 0;
        if (i == ENROLMENT_PCRS)
            r = reveal_pcrs(fixture, enrolment, &secret);
        else
            r = tpm_activate(
                fixture->tpm,
                &(TpmChallenge){bytes_view(&enrolment->identity.endorsements[endorsement].area),
                                bytes_view(&enrolment->identity.keys[i]),
                                bytes_view(&asked->secrets[i])},
                &fixture->reason, &secret);
        if (r == 0)
            assert_int_equal(enrolment_answer_add(secret, asked->identity, i, &fixture->reason,
                                                  &enrolment->answer),
                             0);
    }
    return r;
}

static int verify_at(Enrolment *enrolment, uint64_t now, IdentityProof *ret)
{
    enrolment->reason = (Reason){0};
    return enrolment_verify(now, enrolment->key, &enrolment->identity, &enrolment->challenge,
                            &enrolment->answer, &enrolment->reason, ret);
}

static int verify(Enrolment *enrolment)
{
    IdentityProof proof = {0};
    int r = verify_at(enrolment, TEST_NOW + HOURS, &proof);

    assert_true((r == 0) == (proof.by != IDENTITY_UNPROVED));
    return r;
}

/* A genuine enrolment, up to the answer. */
static void enrol(Fixture *fixture, size_t first, size_t last, uint64_t pcrs, Enrolment *ret)
{
    *ret = (Enrolment){.context = test_context(NULL), .key = test_secret_of(ENROLMENT_KEY_BYTES)};
    export(fixture, first, last, &ret->identity);
    assert_int_equal(challenge(ret, 0, pcrs), 0);
    assert_int_equal(answer(fixture, ret), 0);
    assert_int_equal(verify(ret), 0);
}

static void test_genuine(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    _cleanup_(freep) uint8_t *srk = NULL;
    size_t size;

    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    enrol(fixture, 0, COUNT(kinds) - 1, MASK(7) | MASK(0), &enrolment);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        IdentityProof proof;
        uint8_t digest[IDENTITY_DIGEST_BYTES];

        assert_int_equal(challenge(&enrolment, i, 0), 0);
        assert_int_equal(answer(fixture, &enrolment), 0);
        assert_int_equal(verify_at(&enrolment, TEST_NOW + HOURS + 1, &proof), 0);
        assert_int_equal(proof.by, IDENTITY_BY_INVENTORY);
        assert_int_equal(proof.time, TEST_NOW + HOURS);
        enrolment_endorsement_digest(&enrolment.identity.endorsements[i], digest);
        assert_memory_equal(proof.endorsement, digest, sizeof(digest));
    }
}

/* Every member of the identity, each changed on its way. */
static void test_changed_identity(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    Identity *identity = &enrolment.identity;
    IdentityProof proof;
    uint8_t *const bytes[] = {
        (uint8_t *)identity->host_name,  (uint8_t *)identity->machine_id,
        &identity->pcrs.values[7][0],    &identity->pcrs.values[23][31],
        (uint8_t *)&identity->pcrs.mask,
    };

    enrol(fixture, 0, 2, 0, &enrolment);
    for (size_t i = 0; i < COUNT(bytes); i++) {
        *bytes[i] ^= 1;
        assert_int_equal(verify(&enrolment), OUTCOME_IDENTITY_CHANGED);
        *bytes[i] ^= 1;
    }
    {
        Bytes *const fields[] = {&identity->pcr_public_key, &identity->report,
                                 &identity->endorsements[1].certificate};

        for (size_t i = 0; i < COUNT(fields); i++) {
            fields[i]->data[0] ^= 1;
            assert_int_equal(verify(&enrolment), OUTCOME_IDENTITY_CHANGED);
            fields[i]->data[0] ^= 1;
        }
    }
    identity->endorsement_count--;
    assert_int_equal(verify(&enrolment), OUTCOME_IDENTITY_CHANGED);
    identity->endorsement_count++;
    /* what is proved can be proved once more */
    assert_int_equal(verify_at(&enrolment, TEST_NOW, &identity->proof), 0);
    assert_int_equal(verify_at(&enrolment, TEST_NOW, &proof), 0);
}

/* A storage key that is not in the TPM: another TPM's or one in software. */
static void test_other_storage_key(void **state)
{
    Fixture *fixture = *state, *other = NULL;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    _cleanup_(tpm_export_done) TpmExport theirs = {0};
    void *other_state = NULL;

    enrol(fixture, 0, 0, 0, &enrolment);
    assert_int_equal(set_up(&other_state), 0);
    other = other_state;
    assert_int_equal(tpm_export(other->tpm, &other->reason, &theirs), 0);
    assert_int_equal(identity_add_key(&enrolment.identity, bytes_view(&theirs.legacy), NULL), 0);
    assert_int_equal(verify(&enrolment), OUTCOME_IDENTITY_CHANGED);
    assert_int_equal(challenge(&enrolment, 0, 0), 0);
    assert_int_equal(answer(fixture, &enrolment), OUTCOME_TPM_FOREIGN);
    assert_int_equal(answer(other, &enrolment), OUTCOME_TPM_FOREIGN);
    /* so there is no answer, and a made-up one does not help */
    memset(enrolment.answer.macs, 0x5a, sizeof(enrolment.answer.macs));
    memset(enrolment.answer.given, true, IDENTITY_KEYS);
    for (size_t i = 0; i < IDENTITY_KEYS; i++)
        enrolment.answer.given[i] = enrolment.identity.keys[i].size > 0;
    assert_int_equal(verify(&enrolment), OUTCOME_NOT_PROVED);
    assert_int_equal(tear_down(&other_state), 0);
}

static bool same_head(const EnrolmentChallenge *a, const EnrolmentChallenge *b)
{
    return memcmp(a->identity, b->identity, sizeof(a->identity)) == 0 &&
           memcmp(a->nonce, b->nonce, sizeof(a->nonce)) == 0 &&
           memcmp(a->endorsement, b->endorsement, sizeof(a->endorsement)) == 0 &&
           memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->by == b->by &&
           a->issued == b->issued && a->expires == b->expires && a->pcrs == b->pcrs;
}

static Bytes print(struct json_object *object)
{
    Bytes text = {0};

    assert_int_equal(json_print(object, &text), 0);
    json_object_put(object);
    return text;
}

/* One bit of each byte, and each truncation. */
static void test_changed_challenge(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    EnrolmentChallenge original;
    _cleanup_(bytes_done) Bytes text = {0};
    size_t refused = 0;

    enrol(fixture, 0, 0, MASK(7), &enrolment);
    original = enrolment.challenge;
    text = print(enrolment_challenge_to_json(&original));
    for (size_t i = 0; i < text.size; i++) {
        EnrolmentChallenge changed = {0};
        int r;

        text.data[i] ^= (uint8_t)(1 << i % 7);
        r = enrolment_challenge_parse(bytes_view(&text), NULL, &changed);
        text.data[i] ^= (uint8_t)(1 << i % 7);
        assert_true(r == 0 || r == OUTCOME_BAD_CHALLENGE);
        assert_int_equal(enrolment_challenge_parse((BytesView){text.data, i}, NULL, &changed),
                         OUTCOME_BAD_CHALLENGE);
        if (r == 0 && !same_head(&original, &changed)) {
            enrolment.challenge = changed;
            assert_int_equal(verify(&enrolment), OUTCOME_OTHER_CHALLENGE);
            enrolment.challenge = original;
            refused++;
        }
        enrolment_challenge_done(&changed);
    }
    assert_true(refused > 40); /* digits that became others; which ones do is chance */
    assert_int_equal(verify(&enrolment), 0);
}

static void test_changed_answer(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    EnrolmentAnswer original;
    _cleanup_(bytes_done) Bytes text = {0};

    enrol(fixture, 0, 0, MASK(7), &enrolment);
    original = enrolment.answer;
    text = print(enrolment_answer_to_json(&original));
    for (size_t i = 0; i < text.size; i++) {
        int r;

        text.data[i] ^= (uint8_t)(1 << i % 7);
        r = enrolment_answer_parse(bytes_view(&text), NULL, &enrolment.answer);
        text.data[i] ^= (uint8_t)(1 << i % 7);
        if (r == 0)
            r = verify(&enrolment);
        assert_true(r == OUTCOME_BAD_CHALLENGE || r == OUTCOME_NOT_PROVED ||
                    r == OUTCOME_OTHER_CHALLENGE);
        assert_int_equal(enrolment_answer_parse((BytesView){text.data, i}, NULL, &enrolment.answer),
                         OUTCOME_BAD_CHALLENGE);
    }
    assert_int_equal(enrolment_answer_parse(bytes_view(&text), NULL, &enrolment.answer), 0);
    assert_int_equal(verify(&enrolment), 0);
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++) {
        enrolment.answer = original;
        enrolment.answer.given[i] = !enrolment.answer.given[i];
        assert_int_equal(verify(&enrolment), OUTCOME_NOT_PROVED);
    }
}

static void test_other_challenge(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    EnrolmentChallenge *asked = &enrolment.challenge;
    IdentityProof proof;
    Secret *other = test_secret("a key of 32 bytes, of another...");

    enrol(fixture, 0, 0, 0, &enrolment);
    /* the same answer to a later challenge */
    enrolment.context = test_context(NULL);
    enrolment.context.random(&enrolment.context, &(uint8_t){0}, 1);
    assert_int_equal(challenge(&enrolment, 0, 0), 0);
    assert_int_equal(verify(&enrolment), OUTCOME_OTHER_CHALLENGE);
    memcpy(enrolment.answer.nonce, asked->nonce, sizeof(asked->nonce));
    assert_int_equal(verify(&enrolment), OUTCOME_NOT_PROVED);
    /* times */
    assert_int_equal(answer(fixture, &enrolment), 0);
    assert_int_equal(verify_at(&enrolment, TEST_NOW, &proof), 0);
    assert_int_equal(verify_at(&enrolment, TEST_NOW - 1, &proof), OUTCOME_CLOCK);
    assert_int_equal(verify_at(&enrolment, asked->expires - 1, &proof), 0);
    assert_int_equal(verify_at(&enrolment, asked->expires, &proof), OUTCOME_CHALLENGE_EXPIRED);
    asked->expires += DAY;
    assert_int_equal(verify_at(&enrolment, TEST_NOW, &proof), OUTCOME_OTHER_CHALLENGE);
    asked->expires -= DAY;
    /* another administrator */
    secret_free(enrolment.key);
    enrolment.key = other;
    assert_int_equal(verify(&enrolment), OUTCOME_OTHER_CHALLENGE);
}

/* A proof only holds for the administrator who made it, and as it was made. */
static void test_proof(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    _cleanup_(identity_done) Identity read = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    _cleanup_(secret_freep) Secret *other = test_secret("a key of 32 bytes, of another...");
    IdentityProof proof;

    enrol(fixture, 0, 0, MASK(7), &enrolment);
    assert_int_equal(enrolment_check_proof(enrolment.key, &enrolment.identity, NULL),
                     OUTCOME_NOT_PROVED);
    assert_int_equal(verify_at(&enrolment, TEST_NOW, &proof), 0);
    assert_int_equal(proof.pcrs, MASK(7));
    enrolment.identity.proof = proof;
    text = print(identity_to_json(&enrolment.identity));
    assert_int_equal(identity_parse(bytes_view(&text), &enrolment.reason, &read), 0);
    assert_int_equal(enrolment_check_proof(enrolment.key, &read, NULL), 0);
    assert_int_equal(enrolment_check_proof(other, &read, NULL), OUTCOME_NOT_PROVED);
    assert_int_equal(enrolment_check_proof(NULL, &read, NULL), OUTCOME_NOT_PROVED);
    for (size_t i = 0; i < 6; i++) {
        if (i == 0)
            read.proof.by = IDENTITY_BY_CERTIFICATE;
        else if (i == 1)
            read.proof.endorsement[31] ^= 1;
        else if (i == 2)
            read.proof.time += 1000000;
        else if (i == 3)
            read.proof.pcrs |= MASK(0);
        else if (i == 4)
            read.proof.mac[0] ^= 1;
        else
            read.host_name[0] = 'x';
        assert_int_equal(enrolment_check_proof(enrolment.key, &read, NULL), OUTCOME_NOT_PROVED);
        read.proof = proof;
    }
}

/* The members of an identity that only enrolment needs. */
static void test_members(void **state)
{
    static const struct {
        const char *find, *replacement, *words;
    } rows[] = {
        {"\"endorsement\":[", "\"endorsement\":[],\"x\":[", "endorsement"},
        {"\"endorsement\":[", "\"endorsement\":1,\"x\":[", "endorsement"},
        {"\"endorsement\":[", "\"endorsement\":[1,", "endorsement"},
        {"\"endorsement\":[{", "\"endorsement\":[{\"x\":1,", "endorsement"},
        {"\"endorsement\":[{\"public\":\"A", "\"endorsement\":[{\"public\":\"*", "endorsement"},
        {"\"endorsement\":[{\"public\":\"A", "\"endorsement\":[{\"public\":\"B", "endorsement: "},
        {"\"certificate\":\"", "\"certificate\":\"\",\"x\":\"", "endorsement"},
        {"\"certificate\":\"", "\"certificate\":\"*", "endorsement"},
        {"\"proof\":{", "\"proof\":[],\"x\":{", "proof"},
        {"\"proof\":{", "\"proof\":{\"x\":1,", "proof"},
        {"\"by\":\"inventory", "\"by\":\"hearsay", "proof"},
        {"\"by\":\"inventory\",", "", "proof"},
        {"\"time\":\"2026-11", "\"time\":\"2026-13", "proof"},
        {"\"pcrs\":\"7\"", "\"pcrs\":\"\"", "proof"},
        {"\"pcrs\":\"7\"", "\"pcrs\":\"24\"", "proof"},
        {"\"mac\":\"", "\"mac\":\"0", "proof"},
    };
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    _cleanup_(bytes_done) Bytes text = {0};

    enrol(fixture, 0, 0, MASK(7), &enrolment);
    assert_int_equal(verify_at(&enrolment, TEST_NOW, &enrolment.identity.proof), 0);
    text = print(identity_to_json(&enrolment.identity));
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(identity_done) Identity identity = {0};
        _cleanup_(freep) char *changed = NULL;
        const char *at = memmem(text.data, text.size, rows[i].find, strlen(rows[i].find));
        size_t before;

        assert_non_null(at);
        before = (size_t)(at - (const char *)text.data);
        assert_true(asprintf(&changed, "%.*s%s%.*s", (int)before, (const char *)text.data,
                             rows[i].replacement, (int)(text.size - before - strlen(rows[i].find)),
                             at + strlen(rows[i].find)) > 0);
        if (identity_parse(test_view(changed), &enrolment.reason, &identity) !=
                OUTCOME_BAD_IDENTITY ||
            !strstr(enrolment.reason.text, rows[i].words))
            fail_msg("%s: %s", rows[i].replacement, enrolment.reason.text);
    }
    while (enrolment.identity.endorsement_count < IDENTITY_ENDORSEMENTS)
        assert_int_equal(
            identity_add_endorsement(&enrolment.identity,
                                     bytes_view(&enrolment.identity.endorsements[0].area),
                                     (BytesView){0}, NULL),
            0);
    assert_int_equal(identity_add_endorsement(&enrolment.identity,
                                              bytes_view(&enrolment.identity.endorsements[0].area),
                                              (BytesView){0}, NULL),
                     OUTCOME_MALFORMED);
}

static void test_pcrs(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};

    enrol(fixture, 0, 0, MASK(7) | MASK(12), &enrolment);
    assert_true(enrolment.answer.given[ENROLMENT_PCRS]);
    assert_int_equal(swtpm_extend(fixture->swtpm, 12, "other"), 0);
    assert_int_equal(answer(fixture, &enrolment), OUTCOME_TPM_PCR_MISMATCH);
    /* an answer for the keys alone is not enough */
    assert_int_equal(verify(&enrolment), OUTCOME_NOT_PROVED);
    enrolment.identity.pcrs.mask &= ~MASK(12);
    enrolment.identity.pcrs.given = enrolment.identity.pcrs.mask;
    assert_int_equal(challenge(&enrolment, 0, MASK(12)), OUTCOME_USAGE);
}

static void test_limits(void **state)
{
    static uint8_t spaces[LIMIT_ENROLMENT_BYTES + 1];
    Fixture *fixture = *state;
    _cleanup_(enrolment_done) Enrolment enrolment = {0};
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge read = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    EnrolmentRequest request;

    enrol(fixture, 3, 3, MASK(7), &enrolment);
    text = print(enrolment_challenge_to_json(&enrolment.challenge));
    memset(spaces, ' ', sizeof(spaces));
    memcpy(spaces, text.data, text.size);
    assert_int_equal(
        enrolment_challenge_parse((BytesView){spaces, LIMIT_ENROLMENT_BYTES}, NULL, &read), 0);
    assert_int_equal(
        enrolment_challenge_parse((BytesView){spaces, LIMIT_ENROLMENT_BYTES + 1}, NULL, &read),
        OUTCOME_BAD_CHALLENGE);
    request = (EnrolmentRequest){&enrolment.identity, 0, IDENTITY_BY_INVENTORY, TEST_NOW, 0};
    assert_int_equal(enrolment_challenge_new(&enrolment.context, enrolment.key, &request, NULL,
                                             &enrolment.challenge),
                     OUTCOME_USAGE);
    request.expires = UINT64_C(1) << 62;
    assert_int_equal(enrolment_challenge_new(&enrolment.context, enrolment.key, &request, NULL,
                                             &enrolment.challenge),
                     OUTCOME_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_genuine),
        with_tpm(test_changed_identity),
        with_tpm(test_other_storage_key),
        with_tpm(test_changed_challenge),
        with_tpm(test_changed_answer),
        with_tpm(test_other_challenge),
        with_tpm(test_proof),
        with_tpm(test_members),
        with_tpm(test_pcrs),
        with_tpm(test_limits),
    };

    return run_with_swtpm(tests);
}
