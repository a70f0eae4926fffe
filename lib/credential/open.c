/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential/open.h"

#include "base/timestamp.h"
#include "credential/derive.h"
#include "crypto/aead.h"

#include <assert.h>
#include <string.h>

int credential_openable(const CredentialSections *sections, Reason *reason)
{
    /* 252 writes bank 0xffff when it seals for no PCRs. No version opens that. */
    if (kind_has(sections->kind, KIND_TPM) && tpm_bank_digest_bytes(sections->tpm.pcr_bank) == 0)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "its PCR bank 0x%04x does not exist (systemd 252 writes 0xffff for no "
                          "PCRs, which nothing opens)",
                          sections->tpm.pcr_bank);
    if (kind_has(sections->kind, KIND_SCOPED) && sections->scope_flags != USER_SCOPE_FLAGS)
        return reason_set(reason, OUTCOME_UNSUPPORTED,
                          "it is sealed for one user in an unknown way (0x%llx)",
                          (unsigned long long)sections->scope_flags);
    return 0;
}

int credential_scope_fits(const OpenRequest *request, Reason *reason)
{
    bool scoped = kind_has(request->sections->kind, KIND_SCOPED);

    if (scoped && !request->scope)
        return reason_set(reason, OUTCOME_SCOPE_MISMATCH, "it is sealed for one user (%s)",
                          request->sections->kind->name);
    if (!scoped && request->scope)
        return reason_set(reason, OUTCOME_SCOPE_MISMATCH,
                          "it is sealed for the system (%s), not for the user %s",
                          request->sections->kind->name, request->scope->name);
    return 0;
}

static int check_name(const OpenRequest *request, const CredentialMetadata *metadata,
                      Reason *reason)
{
    if (!request->name || strcmp(request->name, metadata->name) == 0)
        return 0;
    if (metadata->name[0] == '\0' && request->allow_unnamed)
        return 0;
    if (metadata->name[0] == '\0')
        return reason_set(reason, OUTCOME_NAME_MISMATCH,
                          "it is sealed without a name, but must be sealed as \"%s\"",
                          request->name);
    return reason_set(reason, OUTCOME_NAME_MISMATCH, "it is sealed as \"%s\", not as \"%s\"",
                      metadata->name, request->name);
}

static int check_time(const OpenRequest *request, const CredentialMetadata *metadata,
                      Reason *reason)
{
    char until[TIMESTAMP_TEXT_BYTES], ago[TIMESTAMP_LENGTH_BYTES];

    if (metadata->not_after == USEC_INFINITY || request->now == USEC_INFINITY ||
        request->now <= metadata->not_after)
        return 0;
    timestamp_format(metadata->not_after, until);
    timestamp_format_length(request->now - metadata->not_after, ago);
    return reason_set(reason, OUTCOME_EXPIRED, "it was valid until %s (%s ago)", until, ago);
}

static int decrypt(const OpenRequest *request, Reason *reason, Secret **ret)
{
    const CredentialSections *sections = request->sections;
    _cleanup_(secret_freep) Secret *key = NULL;
    int r =
        credential_derive_key(request->host_key, request->tpm_key, request->scope, reason, &key);

    if (r != 0)
        return r;
    r = aead_decrypt(key, sections->iv, sections->header, sections->ciphertext, sections->tag, ret);
    if (r == OUTCOME_NOT_AUTHENTIC && request->scope)
        return reason_set(
            reason, r,
            "the %s key does not fit, it is for another user than %s (uid %u), or the "
            "file was changed",
            sections->kind->name, request->scope->name, request->scope->uid);
    if (r == OUTCOME_NOT_AUTHENTIC)
        return reason_set(reason, r, "the %s key does not fit, or the file was changed",
                          sections->kind->name);
    return r == 0 ? 0 : reason_set(reason, r, "cannot decrypt");
}

int credential_open(const OpenRequest *request, Reason *reason, CredentialMetadata *ret_metadata,
                    Secret **ret_plaintext)
{
    _cleanup_(secret_freep) Secret *decrypted = NULL;
    const Kind *kind = request->sections->kind;
    CredentialMetadata metadata;
    size_t front;
    int r;

    assert(kind_has(kind, KIND_HOST) == (request->host_key != NULL));
    assert(kind_has(kind, KIND_TPM) == (request->tpm_key != NULL));

    r = credential_openable(request->sections, reason);
    if (r == 0)
        r = credential_scope_fits(request, reason);
    if (r != 0)
        return r;
    if (kind->key_types == 0 && !request->allow_null)
        return reason_set(reason, OUTCOME_UNPROTECTED, "it is sealed with the null key");
    r = decrypt(request, reason, &decrypted);
    if (r != 0)
        return r;
    r = credential_metadata_parse(secret_view(decrypted), reason, &metadata, &front);
    if (r == 0)
        r = check_name(request, &metadata, reason);
    if (r == 0)
        r = check_time(request, &metadata, reason);
    if (r != 0)
        return r;
    secret_drop_front(decrypted, front);
    if (secret_size(decrypted) > LIMIT_PLAINTEXT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the secret has %zu bytes, but at most %zu are allowed",
                          secret_size(decrypted), LIMIT_PLAINTEXT_BYTES);
    if (ret_metadata)
        *ret_metadata = metadata;
    *ret_plaintext = TAKE_PTR(decrypted);
    return 0;
}
