/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "seal/unsealer.h"

#include "base/array.h"
#include "key/host_key.h"
#include "key/pcr_files.h"
#include "tpm/tpm_child.h"

#include <errno.h>

struct UnsealedKey {
    TpmSealed sealed;
    Secret *key;
    int rc; /* why the key could not be unsealed */
    Reason reason;
};

void unsealer_done(Unsealer *unsealer)
{
    for (size_t i = 0; i < unsealer->key_count; i++) {
        tpm_sealed_done(&unsealer->keys[i].sealed);
        secret_free(unsealer->keys[i].key);
    }
    free(unsealer->keys);
    secret_free(unsealer->host_key);
    *unsealer = (Unsealer){0};
}

/* The child unseals this. */
typedef struct UnsealTask {
    const char *device, *subject;
    TpmSealedView sealed;
} UnsealTask;

static int work(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const UnsealTask *task = request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r;

    tpm_wait_begin(observer, "unseal a key", task->subject);
    r = tpm_new(task->device, reason, &tpm);
    if (r == 0)
        r = tpm_unseal(tpm, &task->sealed, reason, &ret->key);
    observer_wait_end(observer);
    return r;
}

static int unseal(const Unsealer *unsealer, const CredentialSections *sections, const char *name,
                  Reason *reason, Secret **ret)
{
    _cleanup_(bytes_done) Bytes signatures = {0};
    _cleanup_(tpm_result_done) TpmResult result = {0};
    UnsealTask task = {.device = unsealer->spec.tpm_device,
                       .subject = name ? name : unsealer->subject,
                       .sealed = sections->tpm};
    int r = 0;

    /* only fails for given files: if the search finds none, the TPM reports it when needed */
    if (kind_has(sections->kind, KIND_PUBLIC_KEY))
        r = pcr_signatures_load(unsealer->context, unsealer->spec.signatures, reason, &signatures);
    if (r != 0 && r != OUTCOME_NOT_FOUND)
        return r;
    task.sealed.signatures = bytes_view(&signatures);
    task.sealed.expected = unsealer->expected;
    r = tpm_child_run(work, &task, unsealer->observer, reason, &result);
    if (r == 0)
        *ret = TAKE_PTR(result.key);
    return r;
}

/* Borrowed. */
static int get_tpm_key(Unsealer *unsealer, const CredentialSections *sections, const char *name,
                       Reason *reason, const Secret **ret)
{
    UnsealedKey *key = NULL;
    int r;

    for (size_t i = 0; !key && i < unsealer->key_count; i++)
        if (tpm_sealed_is(&unsealer->keys[i].sealed, &sections->tpm))
            key = &unsealer->keys[i];
    if (!key) {
        if (!ARRAY_GROW(unsealer->keys, unsealer->key_count))
            return -ENOMEM;
        key = &unsealer->keys[unsealer->key_count];
        *key = (UnsealedKey){0};
        r = tpm_sealed_dup(&sections->tpm, &key->sealed);
        if (r != 0)
            return r;
        unsealer->key_count++;
        key->rc = unseal(unsealer, sections, name, &key->reason, &key->key);
    }
    if (key->rc != 0 && reason)
        *reason = key->reason;
    if (key->rc == 0)
        *ret = key->key;
    return key->rc;
}

int unsealer_open(Unsealer *unsealer, const CredentialSections *sections, const char *name,
                  Reason *reason, CredentialMetadata *ret_metadata, Secret **ret_plaintext)
{
    const OpenSpec *spec = &unsealer->spec;
    OpenRequest request = {
        .sections = sections,
        .name = name,
        .allow_unnamed = spec->allow_unnamed,
        .allow_null = spec->allow_null,
        .now = spec->now ? spec->now : unsealer->context->now(unsealer->context),
    };
    int r = credential_openable(sections, reason);

    if (r == 0 && spec->uid && !unsealer->has_scope) {
        r = user_scope_load(unsealer->context, spec->uid, reason, &unsealer->scope);
        unsealer->has_scope = r == 0;
    }
    request.scope = unsealer->has_scope ? &unsealer->scope : NULL;
    if (r == 0)
        r = credential_scope_fits(&request, reason);
    if (r == 0 && kind_has(sections->kind, KIND_HOST) && !unsealer->host_key)
        r = host_key_load(unsealer->context, host_key_path(), reason, &unsealer->host_key);
    if (r == 0 && kind_has(sections->kind, KIND_HOST))
        request.host_key = unsealer->host_key;
    if (r == 0 && kind_has(sections->kind, KIND_TPM))
        r = get_tpm_key(unsealer, sections, name, reason, &request.tpm_key);
    return r == 0 ? credential_open(&request, reason, ret_metadata, ret_plaintext) : r;
}
