/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signers of PCR policies, for tests. See pcr_signer.h.
 */

#include "pcr_signer.h"

#include "base/base64.h"
#include "support.h"
#include "tpm/policy.h"
#include "tpm/tpm_internal.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdio.h>

PcrSigner pcr_signer_new(void)
{
    PcrSigner signer = {.key = EVP_RSA_gen(2048)};
    BIO *bio = BIO_new(BIO_s_mem());
    TpmSigner parsed;
    char *data;
    long size;

    assert_non_null(signer.key);
    assert_int_equal(PEM_write_bio_PUBKEY(bio, signer.key), 1);
    size = BIO_get_mem_data(bio, &data);
    assert_int_equal(bytes_dup((BytesView){(uint8_t *)data, (size_t)size}, &signer.pem), 0);
    BIO_free_all(bio);
    assert_int_equal(tpm_signer_parse(bytes_view(&signer.pem), NULL, &parsed), 0);
    sodium_bin2hex(signer.fingerprint, sizeof(signer.fingerprint), parsed.fingerprint,
                   sizeof(parsed.fingerprint));
    return signer;
}

void pcr_signer_done(PcrSigner *signer)
{
    EVP_PKEY_free(signer->key);
    bytes_done(&signer->pem);
}

Bytes pcr_sign(Tpm *tpm, const PcrSigner *signer, const PcrSigner *by, unsigned pcr, uint16_t bank)
{
    uint8_t policy[TPM_POLICY_BYTES] = {0}, signature[512];
    char hex[2 * sizeof(policy) + 1], text[2048];
    _cleanup_(bytes_done) Bytes base64 = {0};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = sizeof(signature);
    TpmPcrs now;
    Bytes file;
    int n;

    assert_int_equal(tpm_begin(tpm, NULL), 0);
    assert_int_equal(tpm_pcr_peek(tpm, UINT64_C(1) << pcr, bank, NULL, &now), 0);
    tpm_policy_of(NULL, &now, policy);
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, by->key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &size, policy, sizeof(policy)), 1);
    EVP_MD_CTX_free(context);
    assert_int_equal(base64_encode((BytesView){signature, size}, 0, &base64), 0);
    n = snprintf(text, sizeof(text),
                 "{\"%s\":[{\"pcrs\":[%u],\"pkfp\":\"%s\",\"pol\":\"%s\",\"sig\":\"%.*s\"}]}",
                 tpm_bank_name(bank), pcr, signer->fingerprint,
                 sodium_bin2hex(hex, sizeof(hex), policy, sizeof(policy)), (int)base64.size,
                 (const char *)base64.data);
    assert_int_equal(bytes_dup((BytesView){(uint8_t *)text, (size_t)n}, &file), 0);
    return file;
}
