/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Certificates of endorsement keys. See certificate.h.
 *
 * What they contain: TCG EK Credential Profile for TPM Family 2.0, 3.2. Their subject may be empty,
 * and their names, which are critical, are in subjectAltName, which libcrypto handles.
 */

#include "tpm/certificate.h"

#include "base/fsutil.h"
#include "base/timestamp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* tcg-kp-EKCertificate */
#define PURPOSE "2.23.133.8.1"

DEFINE_CLEANUP(X509 *, X509_free);
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free);
DEFINE_CLEANUP(BIO *, BIO_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free);

struct TpmAuthorities {
    X509_STORE *store;
    char *directory; /* for messages */
};

/* NULL if DER is not one certificate, to the last byte. */
static X509 *parse(BytesView der)
{
    const uint8_t *end = der.data;
    X509 *certificate = der.size <= LONG_MAX ? d2i_X509(NULL, &end, (long)der.size) : NULL;

    if (certificate && end == der.data + der.size)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* NULL if TEXT does not begin with one certificate in PEM. */
static X509 *parse_pem(BytesView text)
{
    _cleanup_(BIO_freep) BIO *bio =
        text.size <= INT_MAX ? BIO_new_mem_buf(text.data, (int)text.size) : NULL;

    return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

int tpm_certificate_read(BytesView file, Reason *reason, Bytes *ret)
{
    _cleanup_(X509_freep) X509 *der = parse(file);
    _cleanup_(X509_freep) X509 *pem = der ? NULL : parse_pem(file);
    uint8_t *bytes = NULL;
    int size = pem ? i2d_X509(pem, &bytes) : 0, r;

    ERR_clear_error(); /* libcrypto collects them */
    if (der)
        return bytes_dup(file, ret);
    if (size <= 0)
        return reason_set(reason, OUTCOME_BAD_IDENTITY,
                          "it is not an X.509 certificate in DER or PEM");
    r = bytes_dup((BytesView){bytes, (size_t)size}, ret);
    OPENSSL_free(bytes);
    return r;
}

/* --- authorities --- */

/* Whether FILE consists of certificates. */
static bool add_file(X509_STORE *store, BytesView file)
{
    _cleanup_(BIO_freep) BIO *bio = BIO_new_mem_buf(file.data, (int)file.size);
    _cleanup_(X509_freep) X509 *one = parse(file);
    bool found = false;

    if (one)
        return X509_STORE_add_cert(store, one) == 1;
    while (bio) {
        _cleanup_(X509_freep) X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (!next)
            break;
        if (X509_STORE_add_cert(store, next) != 1)
            return false;
        found = true;
    }
    /* the end of the file, and not a certificate that is damaged */
    return found && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static int add_directory(X509_STORE *store, const char *path, Reason *reason)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *directory = NULL;
    const char *name = NULL;
    bool found = false;
    int r;

    if (fd < 0)
        return reason_set(reason, -errno, "cannot open the directory %s", path);
    r = directory_list(fd, path, reason, &directory);
    while (r == 0 && (r = directory_next(directory, path, reason, &name)) == 0 && name) {
        _cleanup_(bytes_done) Bytes file = {0};
        char full[PATH_MAX];

        snprintf(full, sizeof(full), "%s/%s", path, name);
        r = file_read(full, TPM_AUTHORITY_BYTES_MAX, reason, &file);
        if (r == 0 && !add_file(store, bytes_view(&file)))
            r = reason_set(reason, OUTCOME_USAGE,
                           "%s does not consist of certificates in PEM or DER", full);
        found = true;
    }
    if (r == 0 && !found)
        r = reason_set(reason, OUTCOME_USAGE, "%s does not hold any certificates", path);
    return r;
}

void tpm_authorities_free(TpmAuthorities *authorities)
{
    if (!authorities)
        return;
    X509_STORE_free(authorities->store);
    free(authorities->directory);
    free(authorities);
}

int tpm_authorities_load(const char *directory, Reason *reason, TpmAuthorities **ret)
{
    _cleanup_(tpm_authorities_freep) TpmAuthorities *authorities = calloc(1, sizeof(*authorities));
    int r;

    if (!authorities)
        return -ENOMEM;
    authorities->store = X509_STORE_new();
    authorities->directory = strdup(directory);
    r = authorities->store && authorities->directory
            ? add_directory(authorities->store, directory, reason)
            : -ENOMEM;
    ERR_clear_error(); /* libcrypto collects them */
    if (r == 0)
        *ret = TAKE_PTR(authorities);
    return r;
}

/* --- the key and its purpose --- */

static bool is_rsa(EVP_PKEY *public, const TpmStorageKey *key)
{
    _cleanup_(BN_freep) BIGNUM *n = NULL;
    _cleanup_(BN_freep) BIGNUM *e = NULL;
    _cleanup_(BN_freep) BIGNUM *modulus =
        BN_bin2bn(key->modulus.data, (int)key->modulus.size, NULL);

    return modulus && EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
           EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
           BN_cmp(n, modulus) == 0 && BN_is_word(e, key->exponent);
}

static bool is_ecc(EVP_PKEY *public, const TpmStorageKey *key)
{
    _cleanup_(BN_freep) BIGNUM *x = NULL;
    _cleanup_(BN_freep) BIGNUM *y = NULL;
    size_t size = ecdh_coordinate_bytes(key->point.curve);
    int curve = key->point.curve == ECDH_P384 ? NID_secp384r1 : NID_X9_62_prime256v1;
    uint8_t bytes[2][ECDH_COORDINATE_BYTES_MAX];
    char group[32];

    return EVP_PKEY_get_utf8_string_param(public, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                          NULL) == 1 &&
           OBJ_sn2nid(group) == curve &&
           EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
           EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
           BN_bn2binpad(x, bytes[0], (int)size) >= 0 && BN_bn2binpad(y, bytes[1], (int)size) >= 0 &&
           memcmp(bytes[0], key->point.x, size) == 0 && memcmp(bytes[1], key->point.y, size) == 0;
}

static bool is_of(X509 *certificate, const TpmStorageKey *key)
{
    EVP_PKEY *public = X509_get0_pubkey(certificate);
    int type = public ? EVP_PKEY_get_base_id(public) : EVP_PKEY_NONE;

    return key->algorithm == TPM_ALGORITHM_RSA ? type == EVP_PKEY_RSA && is_rsa(public, key)
                                               : type == EVP_PKEY_EC && is_ecc(public, key);
}

/* A certificate that names purposes has to name this one. Not all do, in the low range. */
static bool is_for_endorsement(X509 *certificate)
{
    int critical;
    _cleanup_(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *purposes =
        X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
    char text[64];

    for (int i = 0; purposes && i < sk_ASN1_OBJECT_num(purposes); i++)
        if (OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(purposes, i), 1) > 0 &&
            strcmp(text, PURPOSE) == 0)
            return true;
    return !purposes && critical == -1; /* there is no such extension */
}

/* --- the chain --- */

/* libcrypto does not know the attributes of a TPM, which some vendors make critical. */
static int verify(int ok, X509_STORE_CTX *check)
{
    const X509 *certificate = X509_STORE_CTX_get_current_cert(check);

    if (ok || X509_STORE_CTX_get_error(check) != X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION ||
        X509_STORE_CTX_get_error_depth(check) != 0)
        return ok;
    for (int i = 0; i < X509_get_ext_count(certificate); i++) {
        X509_EXTENSION *extension = X509_get_ext(certificate, i);

        if (X509_EXTENSION_get_critical(extension) && !X509_supported_extension(extension) &&
            OBJ_obj2nid(X509_EXTENSION_get_object(extension)) != NID_subject_directory_attributes)
            return 0;
    }
    X509_STORE_CTX_set_error(check, X509_V_OK);
    return 1;
}

static int outcome_of(int error)
{
    if (error == X509_V_ERR_CERT_NOT_YET_VALID)
        return OUTCOME_CLOCK;
    return error == X509_V_ERR_CERT_HAS_EXPIRED ? OUTCOME_EXPIRED : OUTCOME_BAD_IDENTITY;
}

static int check_chain(const TpmAuthorities *authorities, X509 *certificate, uint64_t now,
                       Reason *reason)
{
    _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *check = X509_STORE_CTX_new();
    const X509 *blamed;
    char issuer[160], clock[TIMESTAMP_UTC_BYTES] = "";
    int error;

    if (!check || X509_STORE_CTX_init(check, authorities->store, certificate, NULL) != 1)
        return -ENOMEM;
    X509_STORE_CTX_set_time(check, 0, (time_t)(now / 1000000));
    X509_STORE_CTX_set_verify_cb(check, verify);
    if (X509_verify_cert(check) == 1)
        return 0;
    error = X509_STORE_CTX_get_error(check);
    if (error == X509_V_ERR_OUT_OF_MEM)
        return -ENOMEM;
    /* which may be an authority's, while that of its own issuer is what is missing */
    blamed = X509_STORE_CTX_get_current_cert(check);
    X509_NAME_oneline(X509_get_issuer_name(blamed ? blamed : certificate), issuer, sizeof(issuer));
    if (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
        error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT)
        return reason_set(reason, outcome_of(error), "%.100s does not hold the certificate of %s",
                          authorities->directory, issuer);
    if (error == X509_V_ERR_CERT_NOT_YET_VALID || error == X509_V_ERR_CERT_HAS_EXPIRED)
        timestamp_format_utc(now, clock);
    return reason_set(reason, outcome_of(error), "the endorsement key's certificate, by %s: %s%s%s",
                      issuer, X509_verify_cert_error_string(error),
                      clock[0] ? ". This machine's clock says " : "", clock);
}

int tpm_certificate_check(BytesView certificate, const TpmStorageKey *key,
                          const TpmAuthorities *authorities, uint64_t now, Reason *reason)
{
    _cleanup_(X509_freep) X509 *parsed = parse(certificate);
    int r;

    if (!parsed)
        r = reason_set(reason, OUTCOME_BAD_IDENTITY,
                       "the endorsement key's certificate is not an X.509 certificate in DER");
    else if (!is_of(parsed, key))
        r = reason_set(reason, OUTCOME_BAD_IDENTITY,
                       "the certificate is for another endorsement key");
    else if (!is_for_endorsement(parsed))
        r = reason_set(reason, OUTCOME_BAD_IDENTITY,
                       "the certificate is not for an endorsement key, but for another purpose");
    else
        r = check_chain(authorities, parsed, now, reason);
    ERR_clear_error(); /* libcrypto collects them */
    return r;
}
