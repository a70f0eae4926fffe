/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening a credential. See open.h.
 */

#include "credential/open.h"

#include "credential/derive.h"
#include "crypto/aead.h"

#include <assert.h>
#include <string.h>

/* 252 writes bank 0xffff when it is asked for no PCRs. No version opens that, so it is nothing that
 * anybody can rely on. */
static bool is_pcr_bank(uint16_t bank)
{
    return bank == TPM_ALGORITHM_SHA1 || bank == TPM_ALGORITHM_SHA256 ||
           bank == TPM_ALGORITHM_SHA384 || bank == TPM_ALGORITHM_SHA512;
}

int credential_openable(const CredentialSections *parts, Reason *reason)
{
    if (kind_has(parts->kind, KIND_TPM) && !is_pcr_bank(parts->tpm.pcr_bank))
        return reason_set(reason, OUTCOME_MALFORMED,
                          "its PCR bank is 0x%04x, which is none (systemd 252 writes 0xffff for no "
                          "PCRs, and nothing opens that)",
                          parts->tpm.pcr_bank);
    if (kind_has(parts->kind, KIND_SCOPED) && parts->scope_flags != USER_SCOPE_FLAGS)
        return reason_set(reason, OUTCOME_UNSUPPORTED,
                          "it is sealed for one user in a way that is not known (0x%llx)",
                          (unsigned long long)parts->scope_flags);
    return 0;
}

int credential_scope_fits(const OpenRequest *request, Reason *reason)
{
    bool scoped = kind_has(request->parts->kind, KIND_SCOPED);

    if (scoped && !request->scope)
        return reason_set(reason, OUTCOME_SCOPE_MISMATCH, "it is sealed for one user (%s)",
                          request->parts->kind->name);
    if (!scoped && request->scope)
        return reason_set(reason, OUTCOME_SCOPE_MISMATCH,
                          "it is sealed for the system (%s), not for the user %s",
                          request->parts->kind->name, request->scope->name);
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
                          "it is sealed without a name, and must be sealed as \"%s\"",
                          request->name);
    return reason_set(reason, OUTCOME_NAME_MISMATCH, "it is sealed as \"%s\", not as \"%s\"",
                      metadata->name, request->name);
}

static int check_time(const OpenRequest *request, const CredentialMetadata *metadata,
                      Reason *reason)
{
    uint64_t seconds;

    if (metadata->not_after == USEC_INFINITY || request->now == USEC_INFINITY ||
        request->now <= metadata->not_after)
        return 0;
    seconds = (request->now - metadata->not_after) / 1000000;
    return reason_set(reason, OUTCOME_EXPIRED, "it expired %llu days, %llu h %llu min ago",
                      (unsigned long long)(seconds / 86400),
                      (unsigned long long)(seconds / 3600 % 24),
                      (unsigned long long)(seconds / 60 % 60));
}

static int decrypt(const OpenRequest *request, Reason *reason, Secret **ret)
{
    const CredentialSections *parts = request->parts;
    _cleanup_(secret_freep) Secret *key = NULL;
    CredentialKeys keys = {request->host_key, request->tpm_key, request->scope};
    int r = credential_derive_key(&keys, reason, &key);

    if (r != 0)
        return r;
    r = aead_decrypt(key, parts->iv, parts->header, parts->ciphertext, parts->tag, ret);
    if (r == OUTCOME_NOT_AUTHENTIC && request->scope)
        return reason_set(
            reason, r,
            "the %s key does not fit, it is for another user than %s (uid %u), or the "
            "file was changed",
            parts->kind->name, request->scope->name, request->scope->uid);
    if (r == OUTCOME_NOT_AUTHENTIC)
        return reason_set(reason, r, "the %s key does not fit, or the file was changed",
                          parts->kind->name);
    return r == 0 ? 0 : reason_set(reason, r, "cannot decrypt");
}

int credential_open(const OpenRequest *request, Reason *reason, CredentialMetadata *ret_metadata,
                    Secret **ret_plaintext)
{
    _cleanup_(secret_freep) Secret *decrypted = NULL;
    const Kind *kind = request->parts->kind;
    CredentialMetadata metadata;
    size_t front;
    int r;

    assert(kind_has(kind, KIND_HOST) == (request->host_key != NULL));
    assert(kind_has(kind, KIND_TPM) == (request->tpm_key != NULL));

    r = credential_openable(request->parts, reason);
    if (r == 0)
        r = credential_scope_fits(request, reason);
    if (r != 0)
        return r;
    if (kind->parts == 0 && !request->allow_null)
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
                          "the secret has %zu bytes, at most %zu are allowed",
                          secret_size(decrypted), LIMIT_PLAINTEXT_BYTES);
    if (ret_metadata)
        *ret_metadata = metadata;
    *ret_plaintext = TAKE_PTR(decrypted);
    return 0;
}
