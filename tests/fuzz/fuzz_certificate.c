/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the certificate of an endorsement key: the TPM2B_PUBLIC of a key, then a certificate
 * in DER.
 *
 * There is no authority, so none is accepted; libcrypto parses it, and what follows is ours. A
 * certificate for another key or another purpose is refused before the authorities are looked for.
 */

#include "tpm/blob.h"
#include "tpm/certificate.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Reader reader = reader_new((BytesView){data, size});
    BytesView area = tpm_2b_read(&reader), bytes = {data, 2 + area.size};
    TpmStorageKey key;

    if (!reader.failed && (tpm_endorsement_key_parse(bytes, NULL, &key) == 0 ||
                           tpm_storage_key_parse(bytes, NULL, &key) == 0))
        assert(tpm_certificate_check(reader.rest, &key, "/nonexistent", 0, NULL) != 0);
    return 0;
}
