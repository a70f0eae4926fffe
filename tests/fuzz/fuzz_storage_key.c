/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: storage keys, as in an identity and as pinned in a header, and endorsement keys.
 *
 * The first byte says what follows: the pinned form; a public area, which is pinned here with its
 * right name; an endorsement key, which is never also a storage key; or a public area as in an
 * identity. An accepted pinned key has a name and an
 * algorithm. An accepted public area must also be accepted in its pinned form.
 */

#include "tpm/storage_key.h"
#include "tpm/tpm.h"

#include <assert.h>
#include <sodium.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pinned(BytesView srk)
{
    TpmSrk parsed;

    if (tpm_srk_parse(srk, NULL, &parsed) != 0)
        return;
    assert(parsed.algorithm == TPM_ALGORITHM_ECC || parsed.algorithm == TPM_ALGORITHM_RSA);
    assert(parsed.name.size == TPM_NAME_BYTES &&
           parsed.name.data == srk.data + sizeof(uint32_t) + 2);
}

static void check_area(BytesView area)
{
    TpmStorageKey key = {.area = area, .name = {0, TPM_ALGORITHM_SHA256}};
    _cleanup_(bytes_done) Bytes pinned = {0};

    crypto_hash_sha256(key.name + 2, area.data, area.size);
    assert(tpm_storage_key_pin(&key, &pinned) == 0);
    check_pinned(bytes_view(&pinned));
}

static void check_public(BytesView bytes)
{
    _cleanup_(bytes_done) Bytes pinned = {0};
    TpmStorageKey key;
    TpmSrk srk;

    if (tpm_storage_key_parse(bytes, NULL, &key) == 0)
        assert(tpm_storage_key_pin(&key, &pinned) == 0 &&
               tpm_srk_parse(bytes_view(&pinned), NULL, &srk) == 0 &&
               srk.algorithm == key.algorithm);
}

static void check_endorsement(BytesView bytes)
{
    TpmStorageKey key, other;

    if (tpm_endorsement_key_parse(bytes, NULL, &key) == 0)
        assert((key.role == TPM_ENDORSEMENT_LOW || key.role == TPM_ENDORSEMENT_HIGH) &&
               (key.algorithm == TPM_ALGORITHM_RSA || ecdh_check(&key.point) == 0) &&
               tpm_storage_key_parse(bytes, NULL, &other) == OUTCOME_MALFORMED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Reader reader = reader_new((BytesView){data, size});
    BytesView form = reader_take(&reader, 1);
    uint8_t c = form.size == 1 ? form.data[0] : 0;

    (c == 'P'   ? check_pinned
     : c == 'A' ? check_area
     : c == 'E' ? check_endorsement
                : check_public)(reader.rest);
    return 0;
}
