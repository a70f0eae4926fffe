/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the certificate of an endorsement key: the TPM2B_PUBLIC of a key, then a certificate
 * in DER.
 *
 * Nobody has the key of the only authority, so no certificate is accepted; libcrypto parses it, and
 * what follows is ours.
 */

#include "tpm/blob.h"
#include "tpm/certificate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char authority[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBdTCCARugAwIBAgIUT3D76nGfoUEfeab1H3dgjZopRhAwCgYIKoZIzj0EAwIw\n"
                                "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjkxNzQ2MDRaGA8yMDgxMDkwMTE3NDYw\n"
                                "NFowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPyt\n"
                                "dOLKZHYBqQrs88J7Wi8b2FxcI9tfQZOdohkCOQOfp2HiF0cne1LDshk5NA28d/Ts\n"
                                "Gbe3ddcPPsl36F8Xe36jUzBRMB0GA1UdDgQWBBSu11sfA65FehrkM6dlBqOCCREk\n"
                                "tTAfBgNVHSMEGDAWgBSu11sfA65FehrkM6dlBqOCCREktTAPBgNVHRMBAf8EBTAD\n"
                                "AQH/MAoGCCqGSM49BAMCA0gAMEUCIBiiE8SFX/dZ8TAL6tWOG+zGQT/Li5a17pYK\n"
                                "lYZBaiMWAiEAvx1oN7pq99lM8x3n7GywFw3WdVXhw+iMt0+p8lcIGrA=\n"
                                "-----END CERTIFICATE-----\n";

static TpmAuthorities *load(void)
{
    char directory[] = "/tmp/fuzz-certificate-XXXXXX", path[sizeof(directory) + 8];
    TpmAuthorities *authorities = NULL;
    FILE *file;

    if (!mkdtemp(directory))
        abort();
    snprintf(path, sizeof(path), "%s/root", directory);
    file = fopen(path, "w");
    if (!file || fputs(authority, file) < 0 || fclose(file) != 0 ||
        tpm_authorities_load(directory, NULL, &authorities) != 0)
        abort();
    unlink(path);
    rmdir(directory);
    return authorities;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static TpmAuthorities *authorities;
    Reader reader = reader_new((BytesView){data, size});
    BytesView area = tpm_2b_read(&reader), bytes = {data, 2 + area.size};
    TpmStorageKey key;

    authorities = authorities ? authorities : load();
    if (!reader.failed && (tpm_endorsement_key_parse(bytes, NULL, &key) == 0 ||
                           tpm_storage_key_parse(bytes, NULL, &key) == 0))
        assert(tpm_certificate_check(reader.rest, &key, authorities, 0, NULL) != 0);
    return 0;
}
