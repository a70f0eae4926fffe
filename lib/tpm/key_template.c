/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/key_template.h"

#include "tpm/tpm.h"

#include <tss2/tss2_tpm2_types.h>

/* The attributes of systemd's two templates differ only in noDA (TCG TPM v2.0 Provisioning
 * Guidance, 7.5.1, for the SRK). */
#define SRK_ATTRIBUTES (TPM_LEGACY_ATTRIBUTES | TPMA_OBJECT_NODA)

/* Those of the low and the high range differ only in userWithAuth. */
#define LOW_ATTRIBUTES                                                                             \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |            \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define HIGH_ATTRIBUTES (LOW_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH)

/* Policies A and B of the profile (Annex B.6): TPM2_PolicySecret of the endorsement hierarchy, and
 * that or TPM2_PolicyAuthorizeNV. */
static const uint8_t policy_a[] = {
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
static const uint8_t policy_b_sha256[] = {
    0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3,
    0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0,
};
static const uint8_t policy_b_sha384[] = {
    0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
    0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
    0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
};

#define RSA(size) .words = "RSA-" #size, .algorithm = TPM_ALGORITHM_RSA, .bits = size
#define ECC(size)                                                                                  \
    .words = "P-" #size, .algorithm = TPM_ALGORITHM_ECC, .bits = size, .curve = ECDH_P##size
#define SRK           .role = TPM_STORAGE_SRK, .attributes = SRK_ATTRIBUTES
#define LEGACY        .role = TPM_STORAGE_LEGACY, .attributes = TPM_LEGACY_ATTRIBUTES
#define LOW           .role = TPM_ENDORSEMENT_LOW, .attributes = LOW_ATTRIBUTES
#define HIGH          .role = TPM_ENDORSEMENT_HIGH, .attributes = HIGH_ATTRIBUTES
#define SHA256        .hash = TCG_SHA256, .cipher_bits = 128
#define SHA384        .hash = TCG_SHA384, .cipher_bits = 256
#define POLICY(bytes) .policy = {bytes, sizeof(bytes)}

const TpmKeyTemplate tpm_endorsement_templates[_TPM_ENDORSEMENT_MAX] = {
    [TPM_ENDORSEMENT_L1] = {RSA(2048), LOW, SHA256, POLICY(policy_a)},
    [TPM_ENDORSEMENT_L2] = {ECC(256), LOW, SHA256, POLICY(policy_a)},
    [TPM_ENDORSEMENT_H1] = {RSA(2048), HIGH, SHA256, POLICY(policy_b_sha256)},
    [TPM_ENDORSEMENT_H2] = {ECC(256), HIGH, SHA256, POLICY(policy_b_sha256)},
    [TPM_ENDORSEMENT_H3] = {ECC(384), HIGH, SHA384, POLICY(policy_b_sha384)},
    [TPM_ENDORSEMENT_H6] = {RSA(3072), HIGH, SHA384, POLICY(policy_b_sha384)},
    [TPM_ENDORSEMENT_H7] = {RSA(4096), HIGH, SHA384, POLICY(policy_b_sha384)},
};

const TpmKeyTemplate tpm_storage_templates[TPM_STORAGE_TEMPLATES] = {
    {ECC(256), SRK, SHA256},
    {RSA(2048), SRK, SHA256},
    {ECC(256), LEGACY, SHA256},
    {RSA(2048), LEGACY, SHA256},
};
