/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/challenge.h"

#include "tpm/blob.h"
#include "tpm/seed.h"

#include <assert.h>
#include <errno.h>

/* The purpose of a seed that is shared with an endorsement key. */
#define IDENTITY "IDENTITY"

typedef struct Credential {
    uint8_t bytes[2 + TPM_CHALLENGE_SECRET_BYTES]; /* TPM2B_DIGEST */
} Credential;

static void credential_done(Credential *credential)
{
    secret_erase(credential, sizeof(*credential));
}

int tpm_challenge_new(const Context *context, const TpmStorageKey *endorsement,
                      const uint8_t name[TPM_NAME_BYTES], const Secret *secret, Reason *reason,
                      Bytes *ret)
{
    _cleanup_(credential_done) Credential credential;
    _cleanup_(tcg_key_done) TcgKey seed;
    _cleanup_(writer_done) Writer writer = {0}, encrypted = {0};
    Writer inner = writer_into(credential.bytes, sizeof(credential.bytes));
    int r;

    assert(secret_size(secret) <= TPM_CHALLENGE_SECRET_BYTES);
    tpm_2b_write(secret_view(secret), &inner);
    r = tpm_seed_share(context, endorsement, IDENTITY, &encrypted, &seed);
    if (r == 0)
        r = tpm_seed_protect(endorsement->template, &seed, name, bytes_view(&inner.bytes), &writer);
    if (r == 0) {
        writer_bytes(&writer, bytes_view(&encrypted.bytes));
        r = writer_take(&writer, ret);
    }
    return r == 0 ? 0 : reason_set(reason, r, "cannot make a challenge to the endorsement key");
}

/* An HMAC, and a TPM2B_DIGEST that is encrypted with its size. */
static bool is_object(BytesView object, const TpmKeyTemplate *template)
{
    size_t digest = tcg_digest_bytes(template->hash);
    Reader reader = reader_new(object);
    BytesView mac = tpm_2b_read(&reader);

    return !reader.failed && mac.size == digest && reader.rest.size > 2 &&
           reader.rest.size <= 2 + digest;
}

/* A point; some programs omit leading zeros of its coordinates. */
static bool is_point(BytesView point, size_t bytes)
{
    Reader reader = reader_new(point);
    BytesView x = tpm_2b_read(&reader), y = tpm_2b_read(&reader);

    return !reader.failed && reader.rest.size == 0 && x.size <= bytes && y.size <= bytes;
}

int tpm_challenge_parse(BytesView blob, const TpmStorageKey *endorsement, Reason *reason,
                        TpmChallengeParts *ret)
{
    const TpmKeyTemplate *template = endorsement->template;
    Reader reader = reader_new(blob);
    TpmChallengeParts parts = {.object = tpm_2b_read(&reader), .secret = tpm_2b_read(&reader)};
    bool valid = !reader.failed && reader.rest.size == 0 && is_object(parts.object, template);

    if (valid && template->algorithm == TPM_ALGORITHM_RSA)
        valid = parts.secret.size == endorsement->modulus.size;
    else if (valid)
        valid = is_point(parts.secret, ecdh_coordinate_bytes(template->curve));
    if (!valid)
        return reason_set(reason, OUTCOME_MALFORMED, "the challenge has the wrong size");
    *ret = parts;
    return 0;
}
