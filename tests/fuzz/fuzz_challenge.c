/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: a challenge, as a host gets it: the TPM2B_PUBLIC of an endorsement key, then
 * TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
 *
 * An accepted one has the sizes of the key's template, and no byte more.
 */

#include "tpm/blob.h"
#include "tpm/challenge.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Reader reader = reader_new((BytesView){data, size});
    BytesView area = tpm_2b_read(&reader);
    TpmChallengeParts parts;
    TpmStorageKey key;
    size_t digest;

    if (reader.failed ||
        tpm_endorsement_key_parse((BytesView){data, 2 + area.size}, NULL, &key) != 0 ||
        tpm_challenge_parse(reader.rest, &key, NULL, &parts) != 0)
        return 0;
    digest = tcg_digest_bytes(key.template->hash);
    assert(2 + parts.object.size + 2 + parts.secret.size == reader.rest.size);
    assert(parts.object.size > 2 + digest + 2 && parts.object.size <= 2 * (2 + digest));
    assert(key.algorithm == TPM_ALGORITHM_RSA
               ? parts.secret.size == key.template->bits / 8U
               : parts.secret.size <= 2 * (2 + key.template->bits / 8U));
    return 0;
}
