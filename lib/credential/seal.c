/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential/seal.h"

#include "credential/derive.h"
#include "crypto/aead.h"

#include <assert.h>
#include <errno.h>

/* Builds the text to encrypt: metadata, then the plaintext. */
static int compose(const SealRequest *request, Reason *reason, Secret **ret)
{
    BytesView plaintext = secret_view(request->plaintext);
    size_t capacity = CREDENTIAL_METADATA_MAX_BYTES + plaintext.size;
    Writer writer;
    int r = secret_new(capacity, reason, ret);

    if (r != 0)
        return r;
    writer = writer_into(secret_borrow(*ret), capacity);
    credential_metadata_write(&request->metadata, &writer);
    writer_bytes(&writer, plaintext);
    assert(!writer.failed);
    secret_truncate(*ret, writer.bytes.size);
    return 0;
}

int credential_seal(const Context *context, const SealRequest *request, Reason *reason, Bytes *ret)
{
    _cleanup_(secret_freep) Secret *key = NULL, *text = NULL;
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes ciphertext = {0};
    uint8_t iv[CREDENTIAL_IV_BYTES], tag[CREDENTIAL_TAG_BYTES];
    CredentialSections sections = {.kind = request->kind,
                                   .iv = {iv, sizeof(iv)},
                                   .tpm = request->tpm,
                                   .scope_flags = USER_SCOPE_FLAGS};
    BytesView header;
    int r;

    assert(kind_has(request->kind, KIND_HOST) == (request->host_key != NULL));
    assert(kind_has(request->kind, KIND_TPM) == (request->tpm_key != NULL));
    assert(kind_has(request->kind, KIND_SCOPED) == (request->scope != NULL));

    if (secret_size(request->plaintext) > LIMIT_PLAINTEXT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the secret has %zu bytes, but at most %zu are allowed",
                          secret_size(request->plaintext), LIMIT_PLAINTEXT_BYTES);
    r = compose(request, reason, &text);
    if (r == 0)
        r = credential_derive_key(request->host_key, request->tpm_key, request->scope, reason,
                                  &key);
    if (r != 0)
        return r;

    context->random(context, iv, sizeof(iv));
    credential_header_write(&sections, &writer);
    ciphertext.data = malloc(secret_size(text));
    ciphertext.size = secret_size(text);
    if (!ciphertext.data || writer.failed)
        return reason_set(reason, -ENOMEM, "cannot seal");
    header = bytes_view(&writer.bytes);
    r = aead_encrypt(key, sections.iv, header, secret_view(text), ciphertext.data, tag);
    if (r != 0)
        return reason_set(reason, r, "cannot encrypt");
    writer_bytes(&writer, bytes_view(&ciphertext));
    writer_bytes(&writer, (BytesView){tag, sizeof(tag)});
    return writer_take(&writer, ret);
}
