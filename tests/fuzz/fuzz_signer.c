/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the public key of a signer of PCR policies, in PEM.
 *
 * The first byte says whether PEM follows or its decoded content, so that mutations are not hidden
 * in base64. The fingerprint of an accepted key is that of the numbers that the TPM gets.
 */

#include "base/base64.h"
#include "tpm/signer.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_pem(BytesView der, Writer *writer)
{
    _cleanup_(bytes_done) Bytes text = {0};

    assert(base64_encode(der, 64, &text) == 0);
    writer_bytes(writer, (BytesView){(const uint8_t *)"-----BEGIN PUBLIC KEY-----\n", 27});
    writer_bytes(writer, bytes_view(&text));
    writer_bytes(writer, (BytesView){(const uint8_t *)"-----END PUBLIC KEY-----\n", 25});
}

/* RSAPublicKey (RFC 8017, A.1.1) of 2048 bits; the NUL is the modulus' first byte. */
static void check_fingerprint(const TpmSigner *signer)
{
    const TPMT_PUBLIC *area = &signer->public_part.publicArea;
    BytesView modulus = {area->unique.rsa.buffer, area->unique.rsa.size};
    _cleanup_(writer_done) Writer writer = {0};
    uint8_t digest[SIGNER_FINGERPRINT_BYTES];

    assert(modulus.size >= 128 && (modulus.data[0] & 0x80));
    if (modulus.size != 256 || area->parameters.rsaDetail.exponent != 65537)
        return;
    writer_bytes(&writer, (BytesView){(const uint8_t *)"\x30\x82\x01\x0a\x02\x82\x01\x01", 9});
    writer_bytes(&writer, modulus);
    writer_bytes(&writer, (BytesView){(const uint8_t *)"\x02\x03\x01\x00\x01", 5});
    crypto_hash_sha256(digest, writer.bytes.data, writer.bytes.size);
    assert(memcmp(digest, signer->fingerprint, sizeof(digest)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Reader reader = reader_new((BytesView){data, size});
    BytesView form = reader_take(&reader, 1);
    _cleanup_(writer_done) Writer pem = {0};
    TpmSigner signer;

    if (form.size == 1 && form.data[0] == 'D')
        write_pem(reader.rest, &pem);
    else
        writer_bytes(&pem, reader.rest);
    if (tpm_signer_parse(bytes_view(&pem.bytes), NULL, &signer) == 0)
        check_fingerprint(&signer);
    return 0;
}
