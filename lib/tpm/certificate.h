/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether an endorsement key's certificate says that the key is in a genuine TPM: a chain to one of
 * the manufacturers' root certificates that the administrator has collected, checked by libcrypto.
 * Revocation lists are not looked at.
 */

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/outcome.h"
#include "tpm/storage_key.h"

/* The largest file of certificates, bytes. */
#define TPM_AUTHORITY_BYTES_MAX ((size_t)256 * 1024)

/* Takes the certificate in FILE, which is X.509 in DER or PEM, alone. RET is DER.
 * OUTCOME_BAD_IDENTITY; -ENOMEM. */
int tpm_certificate_read(BytesView file, Reason *reason, Bytes *ret);

/* The certificates of manufacturers that an administrator has collected. */
typedef struct TpmAuthorities TpmAuthorities;

void tpm_authorities_free(TpmAuthorities *authorities);
DEFINE_CLEANUP(TpmAuthorities *, tpm_authorities_free);

/* Loads the files in DIRECTORY: roots and intermediate certificates, in PEM (any number) or DER.
 * OUTCOME_USAGE for a directory without certificates or with other files; OUTCOME_TOO_LARGE;
 * -ENOMEM and other errnos. */
int tpm_authorities_load(const char *directory, Reason *reason, TpmAuthorities **ret);

/* Checks that CERTIFICATE (X.509 in DER, alone) is that of KEY, an endorsement key, is valid at NOW
 * (µs since 1970), and leads to a root of AUTHORITIES. OUTCOME_BAD_IDENTITY if the certificate is
 * not good for KEY, OUTCOME_CLOCK if it is not valid yet, OUTCOME_EXPIRED; -ENOMEM. */
int tpm_certificate_check(BytesView certificate, const TpmStorageKey *key,
                          const TpmAuthorities *authorities, uint64_t now, Reason *reason);
