/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See enrolment.h. The administrator's key makes the key of a challenge, and that the secrets:
 *
 *     K        = HMAC(key, "nspawn-creds-challenge\n" ‖ identity ‖ nonce ‖ endorsement ‖ by ‖
 * issued ‖ expires ‖ pcrs) secret   = HMAC(K, "srk"), and so on mac      = HMAC(K, "") answer   =
 * HMAC(secret, identity) proof    = HMAC(key, "nspawn-creds-proof\n" ‖ identity ‖ by ‖ endorsement
 * ‖ time ‖ pcrs)
 *
 * All members have a fixed size.
 */

#include "credential/enrolment.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "credential/offline.h"
#include "tpm/challenge.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define VERSION          1
/* Nesting: the object, its secrets or answers, and the values in them; and one more, as an identity
 * has, which somebody may take for a challenge. */
#define DEPTH            4
#define CHALLENGE_PREFIX "nspawn-creds-challenge\n"
#define PROOF_PREFIX     "nspawn-creds-proof\n"
/* The longest text that is digested, bytes. */
#define TEXT_BYTES       256

_Static_assert(ENROLMENT_KEY_BYTES == crypto_auth_hmacsha256_KEYBYTES, "the key of an HMAC");
_Static_assert(IDENTITY_DIGEST_BYTES == crypto_auth_hmacsha256_BYTES, "an HMAC");
_Static_assert(TPM_CHALLENGE_SECRET_BYTES == crypto_auth_hmacsha256_BYTES, "a secret is an HMAC");
_Static_assert(TPM_KEY_BYTES == crypto_auth_hmacsha256_BYTES, "so is that of PCRs");

void enrolment_challenge_done(EnrolmentChallenge *challenge)
{
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++)
        bytes_done(&challenge->secrets[i]);
    *challenge = (EnrolmentChallenge){0};
}

const char *enrolment_secret_name(size_t which)
{
    return which == ENROLMENT_PCRS ? "pcrs" : identity_key_names[which];
}

/* Whether a challenge about IDENTITY and PCRS has the secret WHICH. */
static bool has_secret(const Identity *identity, uint64_t pcrs, size_t which)
{
    return which == ENROLMENT_PCRS ? pcrs != 0 : identity->keys[which].size > 0;
}

/* --- endorsement keys --- */

void enrolment_endorsement_digest(const IdentityEndorsement *endorsement,
                                  uint8_t ret[IDENTITY_DIGEST_BYTES])
{
    crypto_hash_sha256(ret, endorsement->area.data, endorsement->area.size);
}

size_t enrolment_endorsement_find(const Identity *identity,
                                  const uint8_t digest[IDENTITY_DIGEST_BYTES])
{
    size_t i = 0;

    for (; i < identity->endorsement_count; i++) {
        uint8_t own[IDENTITY_DIGEST_BYTES];

        enrolment_endorsement_digest(&identity->endorsements[i], own);
        if (memcmp(own, digest, sizeof(own)) == 0)
            break;
    }
    return i;
}

/* --- derived keys --- */

static void challenge_key(const Secret *key, const EnrolmentChallenge *challenge,
                          SecretTemporary *ret)
{
    uint8_t text[TEXT_BYTES];
    Writer writer = writer_into(text, sizeof(text));

    assert(secret_size(key) == ENROLMENT_KEY_BYTES);
    writer_text(&writer, CHALLENGE_PREFIX);
    writer_bytes(&writer, (BytesView){challenge->identity, sizeof(challenge->identity)});
    writer_bytes(&writer, (BytesView){challenge->nonce, sizeof(challenge->nonce)});
    writer_bytes(&writer, (BytesView){challenge->endorsement, sizeof(challenge->endorsement)});
    writer_u32le(&writer, (uint32_t)challenge->by);
    writer_u64le(&writer, challenge->issued);
    writer_u64le(&writer, challenge->expires);
    writer_u64le(&writer, challenge->pcrs);
    assert(!writer.failed);
    crypto_auth_hmacsha256(ret->bytes, text, writer.bytes.size, secret_view(key).data);
}

static void derive(const SecretTemporary *from, const char *name, uint8_t ret[32])
{
    crypto_auth_hmacsha256(ret, (const uint8_t *)name, strlen(name), from->bytes);
}

static void answer_with(const uint8_t secret[32], const uint8_t identity[IDENTITY_DIGEST_BYTES],
                        uint8_t ret[IDENTITY_DIGEST_BYTES])
{
    crypto_auth_hmacsha256(ret, identity, IDENTITY_DIGEST_BYTES, secret);
}

static void proof_mac(const Secret *key, const uint8_t identity[IDENTITY_DIGEST_BYTES],
                      const IdentityProof *proof, uint8_t ret[IDENTITY_DIGEST_BYTES])
{
    uint8_t text[TEXT_BYTES];
    Writer writer = writer_into(text, sizeof(text));

    assert(secret_size(key) == ENROLMENT_KEY_BYTES);
    writer_text(&writer, PROOF_PREFIX);
    writer_bytes(&writer, (BytesView){identity, IDENTITY_DIGEST_BYTES});
    writer_u32le(&writer, (uint32_t)proof->by);
    writer_bytes(&writer, (BytesView){proof->endorsement, sizeof(proof->endorsement)});
    writer_u64le(&writer, proof->time);
    writer_u64le(&writer, proof->pcrs);
    assert(!writer.failed);
    crypto_auth_hmacsha256(ret, text, writer.bytes.size, secret_view(key).data);
}

/* --- making a challenge --- */

static int encrypt_secret(const Context *context, const EnrolmentRequest *request, size_t which,
                          const Secret *secret, Reason *reason, Bytes *ret)
{
    const Identity *identity = request->identity;
    OfflineRequest offline = {.identity = identity, .pcrs.mask = request->pcrs, .key = secret};
    _cleanup_(offline_key_done) OfflineKey sealed = {0};
    TpmStorageKey endorsement, key;
    int r;

    if (which == ENROLMENT_PCRS) {
        r = offline_key_new(context, &offline, reason, &sealed);
        if (r == 0)
            *ret = TAKE(sealed.sealed.blob);
        return r;
    }
    r = tpm_endorsement_key_parse(bytes_view(&identity->endorsements[request->endorsement].area),
                                  reason, &endorsement);
    if (r == 0)
        r = tpm_storage_key_parse(bytes_view(&identity->keys[which]), reason, &key);
    return r == 0 ? tpm_challenge_new(context, &endorsement, key.name, secret, reason, ret) : r;
}

static int make_secrets(const Context *context, const EnrolmentRequest *request,
                        const SecretTemporary *key, Reason *reason, EnrolmentChallenge *challenge)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ENROLMENT_SECRETS; i++) {
        _cleanup_(secret_freep) Secret *secret = NULL;

        if (!has_secret(request->identity, request->pcrs, i))
            continue;
        r = secret_new(TPM_CHALLENGE_SECRET_BYTES, reason, &secret);
        if (r != 0)
            break;
        derive(key, enrolment_secret_name(i), secret_borrow(secret));
        r = encrypt_secret(context, request, i, secret, reason, &challenge->secrets[i]);
    }
    return r;
}

int enrolment_challenge_new(const Context *context, const Secret *key,
                            const EnrolmentRequest *request, Reason *reason,
                            EnrolmentChallenge *ret)
{
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {
        .by = request->by,
        .issued = context->now(context) / USEC_PER_SEC * USEC_PER_SEC,
        .expires = request->expires / USEC_PER_SEC * USEC_PER_SEC,
        .pcrs = request->pcrs,
    };
    _cleanup_(secret_temporary_done) SecretTemporary of_challenge;
    char text[TIMESTAMP_UTC_BYTES];
    int r = identity_digest(request->identity, challenge.identity);

    assert(request->endorsement < request->identity->endorsement_count);
    assert(request->by != IDENTITY_UNPROVED);
    timestamp_format_utc(challenge.expires, text);
    if (r == 0 && challenge.expires <= challenge.issued)
        r = reason_set(reason, OUTCOME_USAGE, "the challenge would expire at once");
    else if (r == 0 && !text[0])
        r = reason_set(reason, OUTCOME_USAGE, "a challenge has to expire before the year 10000");
    if (r != 0)
        return r;
    enrolment_endorsement_digest(&request->identity->endorsements[request->endorsement],
                                 challenge.endorsement);
    context->random(context, challenge.nonce, sizeof(challenge.nonce));
    challenge_key(key, &challenge, &of_challenge);
    derive(&of_challenge, "", challenge.mac);
    r = make_secrets(context, request, &of_challenge, reason, &challenge);
    if (r == 0)
        *ret = TAKE(challenge);
    return r;
}

/* --- documents --- */

static bool add_hex(struct json_object *object, const char *name, const uint8_t *bytes)
{
    return json_add_hex(object, name, bytes, IDENTITY_DIGEST_BYTES);
}

static bool read_hex(struct json_object *object, const char *name, uint8_t *ret)
{
    return json_hex(json_object_object_get(object, name), ret, IDENTITY_DIGEST_BYTES);
}

static bool read_time(struct json_object *object, const char *name, uint64_t *ret)
{
    const char *text = json_text(json_object_object_get(object, name));

    return text && timestamp_parse_utc(text, ret);
}

/* Parses an object of this version. */
static int parse_document(BytesView file, Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    Reason why = {0};
    int r = file.size <= LIMIT_ENROLMENT_BYTES
                ? json_parse(file, DEPTH, NULL, &why, &object)
                : reason_set(&why, OUTCOME_TOO_LARGE, "it is larger than %zu bytes",
                             LIMIT_ENROLMENT_BYTES);

    if (r < 0)
        return r;
    if (r == 0 && !json_object_is_type(object, json_type_object))
        r = reason_set(&why, OUTCOME_MALFORMED, "it is not a JSON object");
    if (r == 0 && !json_is_version(object, VERSION))
        r = reason_set(&why, OUTCOME_MALFORMED, "its version is not %d", VERSION);
    if (r != 0)
        return reason_set(reason, OUTCOME_BAD_CHALLENGE, "%s", why.text);
    *ret = TAKE_PTR(object);
    return 0;
}

struct json_object *enrolment_challenge_to_json(const EnrolmentChallenge *challenge)
{
    struct json_object *object = json_object_new_object(), *secrets = json_object_new_object();
    char time[TIMESTAMP_UTC_BYTES], pcrs[TPM_PCR_TEXT_BYTES];

    json_add_number(object, "version", VERSION);
    add_hex(object, "identity", challenge->identity);
    add_hex(object, "nonce", challenge->nonce);
    add_hex(object, "endorsement", challenge->endorsement);
    json_add_text(object, "by", identity_trust_name(challenge->by));
    timestamp_format_utc(challenge->issued, time);
    json_add_text(object, "issued", time);
    timestamp_format_utc(challenge->expires, time);
    json_add_text(object, "expires", time);
    tpm_pcr_mask_format(challenge->pcrs, pcrs);
    json_add_text(object, "pcrs", pcrs);
    add_hex(object, "mac", challenge->mac);
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++)
        if (challenge->secrets[i].size > 0)
            json_add_base64(secrets, enrolment_secret_name(i), bytes_view(&challenge->secrets[i]));
    json_add(object, "secrets", secrets);
    return object;
}

static int read_secrets(struct json_object *secrets, EnrolmentChallenge *challenge)
{
    int members = 0;

    if (!json_object_is_type(secrets, json_type_object))
        return OUTCOME_MALFORMED;
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++) {
        struct json_object *value;
        int r;

        if (!json_object_object_get_ex(secrets, enrolment_secret_name(i), &value))
            continue;
        members++;
        r = json_base64(value, &challenge->secrets[i]);
        if (r != 0 || challenge->secrets[i].size == 0)
            return r < 0 ? r : OUTCOME_MALFORMED;
    }
    if (members != json_object_object_length(secrets) ||
        (challenge->pcrs != 0) != (challenge->secrets[ENROLMENT_PCRS].size > 0))
        return OUTCOME_MALFORMED;
    return 0;
}

int enrolment_challenge_parse(BytesView file, Reason *reason, EnrolmentChallenge *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(enrolment_challenge_done) EnrolmentChallenge challenge = {0};
    const char *pcrs;
    int r = parse_document(file, reason, &object);

    if (r != 0)
        return r;
    pcrs = json_text(json_object_object_get(object, "pcrs"));
    challenge.by = identity_trust_parse(json_text(json_object_object_get(object, "by")));
    if (challenge.by == IDENTITY_UNPROVED || !pcrs ||
        tpm_pcr_mask_parse(pcrs, NULL, &challenge.pcrs) != 0 ||
        !read_hex(object, "identity", challenge.identity) ||
        !read_hex(object, "nonce", challenge.nonce) ||
        !read_hex(object, "endorsement", challenge.endorsement) ||
        !read_hex(object, "mac", challenge.mac) ||
        !read_time(object, "issued", &challenge.issued) ||
        !read_time(object, "expires", &challenge.expires) ||
        json_object_object_length(object) != 10)
        r = OUTCOME_MALFORMED;
    if (r == 0)
        r = read_secrets(json_object_object_get(object, "secrets"), &challenge);
    if (r > 0)
        return reason_set(reason, OUTCOME_BAD_CHALLENGE, "it is not a challenge");
    if (r == 0)
        *ret = TAKE(challenge);
    return r;
}

struct json_object *enrolment_answer_to_json(const EnrolmentAnswer *answer)
{
    struct json_object *object = json_object_new_object(), *answers = json_object_new_object();

    json_add_number(object, "version", VERSION);
    add_hex(object, "nonce", answer->nonce);
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++)
        if (answer->given[i])
            add_hex(answers, enrolment_secret_name(i), answer->macs[i]);
    json_add(object, "answers", answers);
    return object;
}

int enrolment_answer_parse(BytesView file, Reason *reason, EnrolmentAnswer *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    struct json_object *answers = NULL;
    EnrolmentAnswer answer = {0};
    int members = 0, r = parse_document(file, reason, &object);
    bool good;

    if (r != 0)
        return r;
    good = json_object_object_length(object) == 3 && read_hex(object, "nonce", answer.nonce) &&
           json_object_object_get_ex(object, "answers", &answers) &&
           json_object_is_type(answers, json_type_object);
    for (size_t i = 0; good && i < ENROLMENT_SECRETS; i++) {
        answer.given[i] = json_object_object_get_ex(answers, enrolment_secret_name(i), NULL);
        members += answer.given[i];
        good = !answer.given[i] || read_hex(answers, enrolment_secret_name(i), answer.macs[i]);
    }
    if (!good || members != json_object_object_length(answers))
        return reason_set(reason, OUTCOME_BAD_CHALLENGE, "it is not an answer to a challenge");
    *ret = answer;
    return 0;
}

/* --- answering and verifying --- */

int enrolment_answer_add(const Secret *secret, const uint8_t identity[IDENTITY_DIGEST_BYTES],
                         size_t which, Reason *reason, EnrolmentAnswer *answer)
{
    if (secret_size(secret) != TPM_CHALLENGE_SECRET_BYTES)
        return reason_set(reason, OUTCOME_BAD_CHALLENGE,
                          "the secret for %s does not have %zu bytes", enrolment_secret_name(which),
                          TPM_CHALLENGE_SECRET_BYTES);
    answer_with(secret_view(secret).data, identity, answer->macs[which]);
    answer->given[which] = true;
    return 0;
}

static int check_time(uint64_t now, const EnrolmentChallenge *challenge, Reason *reason)
{
    char text[TIMESTAMP_UTC_BYTES];

    if (now < challenge->issued) {
        timestamp_format_utc(challenge->issued, text);
        return reason_set(reason, OUTCOME_CLOCK,
                          "it was made at %s, which is in the future by this machine's clock",
                          text);
    }
    if (now < challenge->expires)
        return 0;
    timestamp_format_utc(challenge->expires, text);
    return reason_set(reason, OUTCOME_CHALLENGE_EXPIRED, "it expired at %s", text);
}

static int check_answers(const SecretTemporary *key, const Identity *identity,
                         const EnrolmentChallenge *challenge, const EnrolmentAnswer *answer,
                         Reason *reason)
{
    for (size_t i = 0; i < ENROLMENT_SECRETS; i++) {
        _cleanup_(secret_temporary_done) SecretTemporary secret;
        uint8_t expected[IDENTITY_DIGEST_BYTES];

        derive(key, enrolment_secret_name(i), secret.bytes);
        answer_with(secret.bytes, challenge->identity, expected);
        if (has_secret(identity, challenge->pcrs, i) != answer->given[i])
            return reason_set(reason, OUTCOME_NOT_PROVED, "the answer %s %s",
                              answer->given[i] ? "should not be about" : "is not about",
                              enrolment_secret_name(i));
        if (answer->given[i] && sodium_memcmp(expected, answer->macs[i], sizeof(expected)) != 0)
            return reason_set(reason, OUTCOME_NOT_PROVED, "the answer for %s is wrong",
                              enrolment_secret_name(i));
    }
    return 0;
}

int enrolment_challenge_check(uint64_t now, const Secret *key, const Identity *identity,
                              const EnrolmentChallenge *challenge, Reason *reason)
{
    _cleanup_(secret_temporary_done) SecretTemporary of_challenge;
    uint8_t digest[IDENTITY_DIGEST_BYTES], mac[IDENTITY_DIGEST_BYTES];
    int r = identity_digest(identity, digest);

    if (r != 0)
        return r;
    challenge_key(key, challenge, &of_challenge);
    derive(&of_challenge, "", mac);
    if (sodium_memcmp(mac, challenge->mac, sizeof(mac)) != 0)
        return reason_set(
            reason, OUTCOME_OTHER_CHALLENGE,
            "the challenge was made with another administrator's key, or was changed");
    if (memcmp(digest, challenge->identity, sizeof(digest)) != 0)
        return reason_set(reason, OUTCOME_IDENTITY_CHANGED,
                          "the identity is not the one that the challenge was made for");
    return check_time(now, challenge, reason);
}

int enrolment_verify(uint64_t now, const Secret *key, const Identity *identity,
                     const EnrolmentChallenge *challenge, const EnrolmentAnswer *answer,
                     Reason *reason, IdentityProof *ret)
{
    _cleanup_(secret_temporary_done) SecretTemporary of_challenge;
    uint8_t digest[IDENTITY_DIGEST_BYTES];
    IdentityProof proof = {
        .by = challenge->by, .time = now / USEC_PER_SEC * USEC_PER_SEC, .pcrs = challenge->pcrs};
    int r = identity_digest(identity, digest);

    if (r == 0)
        r = enrolment_challenge_check(now, key, identity, challenge, reason);
    if (r == 0 && memcmp(answer->nonce, challenge->nonce, sizeof(answer->nonce)) != 0)
        r = reason_set(reason, OUTCOME_OTHER_CHALLENGE, "the answer is to another challenge");
    if (r != 0)
        return r;
    challenge_key(key, challenge, &of_challenge);
    r = check_answers(&of_challenge, identity, challenge, answer, reason);
    if (r != 0)
        return r;
    memcpy(proof.endorsement, challenge->endorsement, sizeof(proof.endorsement));
    proof_mac(key, digest, &proof, proof.mac);
    *ret = proof;
    return 0;
}

int enrolment_check_proof(const Secret *key, const Identity *identity, Reason *reason)
{
    uint8_t digest[IDENTITY_DIGEST_BYTES], mac[IDENTITY_DIGEST_BYTES];
    int r;

    if (identity->proof.by == IDENTITY_UNPROVED)
        return reason_set(reason, OUTCOME_NOT_PROVED, "the identity has no proof");
    if (!key)
        return reason_set(reason, OUTCOME_NOT_PROVED,
                          "you have not made the proof: you have no key for enrolments");
    r = identity_digest(identity, digest);
    if (r != 0)
        return r;
    proof_mac(key, digest, &identity->proof, mac);
    return sodium_memcmp(mac, identity->proof.mac, sizeof(mac)) == 0
               ? 0
               : reason_set(reason, OUTCOME_NOT_PROVED,
                            "its proof was made with another administrator's key, or the identity "
                            "was changed afterwards");
}
