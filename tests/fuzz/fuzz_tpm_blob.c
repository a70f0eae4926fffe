/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: sealed keys in a header, after the 32 bytes of their policy.
 *
 * A key that is accepted must write back to itself up to its seed, and must not open with a
 * password.
 */

#include "tpm/blob.h"
#include "tpm/tpm.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Reader reader = reader_new((BytesView){data, size});
    BytesView policy = reader_take(&reader, TPM_POLICY_BYTES), bytes = reader.rest;
    _cleanup_(bytes_done) Bytes written = {0};
    Reason reason = {0};
    TpmBlob blob;

    if (tpm_blob_parse(bytes, policy, &reason, &blob) != 0) {
        assert(reason.text[0]);
        return 0;
    }
    assert(!(blob.public_part.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH));
    assert(tpm_blob_write(&blob.private_part, &blob.public_part, NULL, &written) == 0);
    assert(written.size + (blob.seed.size ? 2U + blob.seed.size : 0U) == bytes.size);
    assert(memcmp(written.data, bytes.data, written.size) == 0);
    return 0;
}
