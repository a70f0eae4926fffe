/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a name to a plaintext. See request.h.
 */

#include "server/request.h"

void request_done(Request *request)
{
    bytes_done(&request->sealed);
    *request = (Request){0};
}

int request_load(Vault *vault, const CredentialName *name, Reason *reason, Request *ret)
{
    _cleanup_(request_done) Request request = {0};
    _cleanup_(bytes_done) Bytes file = {0};
    int r = vault_read(vault, name, reason, &file);

    if (r == 0)
        r = credential_decode(bytes_view(&file), reason, &request.sealed);
    if (r == 0)
        r = credential_parse(bytes_view(&request.sealed), reason, &request.parts);
    if (r == 0)
        r = credential_openable(&request.parts, reason);
    /* before the TPM is asked, which would be in vain */
    if (r == 0 && kind_has(request.parts.kind, KIND_HOST))
        r = vault_host_key(vault, reason, &request.host_key);
    if (r != 0)
        return r;
    *ret = request;
    request = (Request){0};
    return 0;
}

int request_open(const Request *request, const CredentialName *name, const Secret *tpm_key,
                 uint64_t now, Reason *reason, Secret **ret_plaintext)
{
    _cleanup_(secret_freep) Secret *plaintext = NULL;
    char text[CREDENTIAL_NAME_TEXT_BYTES];
    OpenRequest open = {
        .parts = &request->parts,
        .host_key = request->host_key,
        .tpm_key = tpm_key,
        .name = text,
        .now = now,
    };
    int r;

    credential_name_format(name, text);
    r = credential_open(&open, reason, NULL, &plaintext);
    if (r == 0 && secret_size(plaintext) == 0)
        r = reason_set(reason, OUTCOME_EMPTY, "it has no bytes");
    if (r == 0)
        *ret_plaintext = TAKE_PTR(plaintext);
    return r;
}
