/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: what a header and an identity hold of a TPM: sealed keys, pinned storage root keys
 * and the public parts of storage keys.
 *
 * The first byte says which; for a sealed key the policy's 32 bytes follow. A sealed key that is
 * taken must write back to itself up to its seed, and never open with a password; a storage key
 * that is taken must, pinned, be taken for pinned.
 */

#include "tpm/blob.h"
#include "tpm/storage_key.h"
#include "tpm/tpm.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_blob(BytesView policy, BytesView bytes)
{
    _cleanup_(bytes_done) Bytes written = {0};
    Reason reason = {0};
    TpmBlob blob;

    if (tpm_blob_parse(bytes, policy, &reason, &blob) != 0) {
        assert(reason.text[0]);
        return;
    }
    assert(!(blob.public_part.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH));
    assert(tpm_blob_write(&blob.private_part, &blob.public_part, NULL, &written) == 0);
    assert(written.size + (blob.seed.size ? 2U + blob.seed.size : 0U) == bytes.size);
    assert(memcmp(written.data, bytes.data, written.size) == 0);
}

static void check_storage_key(BytesView bytes)
{
    _cleanup_(bytes_done) Bytes pinned = {0};
    TpmStorageKey key;

    if (tpm_storage_key_parse(bytes, NULL, &key) == 0)
        assert(tpm_storage_key_pin(&key, &pinned) == 0 &&
               tpm_srk_check(bytes_view(&pinned), NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Reader reader = reader_new((BytesView){data, size});
    BytesView kind = reader_take(&reader, 1), policy;

    if (kind.size == 1 && kind.data[0] == 0) {
        policy = reader_take(&reader, TPM_POLICY_BYTES);
        check_blob(policy, reader.rest);
    } else if (kind.size == 1 && kind.data[0] == 1) {
        tpm_srk_check(reader.rest, NULL);
    } else {
        check_storage_key(reader.rest);
    }
    return 0;
}
