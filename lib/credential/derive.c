/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys of credentials. See derive.h.
 */

#include "credential/derive.h"

#include "crypto/kdf.h"

int credential_derive_key(const CredentialKeys *keys, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes scope = {0};
    int r = kdf_credential_key(keys->host_key, keys->tpm_key, reason, &key);

    if (r != 0)
        return r;
    if (!keys->scope) {
        *ret = TAKE_PTR(key);
        return 0;
    }
    user_scope_write(keys->scope, USER_SCOPE_FLAGS, &writer);
    r = writer_take(&writer, &scope);
    if (r != 0)
        return reason_set(reason, r, "cannot derive the key");
    return kdf_scoped_key(key, bytes_view(&scope), reason, ret);
}
