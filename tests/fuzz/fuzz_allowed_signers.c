/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: files of allowed signers.
 *
 * In a file that is valid, each key is supported and found as its own line's, and each principal is
 * a plain name. If a file is refused, the reason has no control characters.
 */

#include "base/context.h"
#include "fleet/allowed_signers.h"
#include "fleet/ssh_signature.h"
#include "reason.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    Reason reason = {0};
    int r = allowed_signers_parse((BytesView){data, size}, &reason, &signers);

    assert(r == 0 || r == OUTCOME_BAD_SIGNERS);
    check_reason(r, &reason);
    assert((r == 0) == (signers.count > 0));
    for (size_t i = 0; i < signers.count; i++) {
        const AllowedSigner *signer = &signers.signers[i];

        assert(allowed_signers_find(&signers, bytes_view(&signer->key)) == signer);
        assert(ssh_signature_check_key(bytes_view(&signer->key), NULL) == 0);
        assert(signer->principal[0] && !strpbrk(signer->principal, "*?!, \t"));
        assert(signer->valid_from < signer->valid_until);
        assert(!allowed_signer_may_sign(signer, USEC_INFINITY));
    }
    return 0;
}
