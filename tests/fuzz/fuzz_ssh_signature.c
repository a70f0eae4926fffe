/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: signatures by OpenSSH keys.
 *
 * Key and signature lie within the decoded text. None is a signature of a text that nobody signed.
 * If one is refused, the reason has no control characters.
 */

#include "fleet/ssh_signature.h"
#include "reason.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int r, const Reason *reason)
{
    assert(r == 0 || r == OUTCOME_NOT_SIGNED);
    check_reason(r, reason);
}

static void check_within(const Bytes *binary, BytesView view)
{
    assert(view.size == 0 ||
           (view.data >= binary->data && view.data + view.size <= binary->data + binary->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(ssh_signature_done) SshSignature signature = {0};
    Reason reason = {0};
    int r = ssh_signature_parse((BytesView){data, size}, &reason, &signature);

    check(r, &reason);
    if (r != 0)
        return 0;
    check_within(&signature.binary, signature.key);
    check_within(&signature.binary, signature.signature);
    check(ssh_signature_check_key(signature.key, &reason), &reason);
    reason = (Reason){0};
    r = ssh_signature_verify(&signature, text_view("nobody signs this"), &reason);
    check(r, &reason);
    assert(r != 0);
    return 0;
}
