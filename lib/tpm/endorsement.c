/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Endorsement keys with their certificates. See endorsement.h.
 */

#include "tpm/endorsement.h"

#include "tpm/tpm_internal.h"

#include <errno.h>

/* NV indices of certificates (TCG EK Credential Profile for TPM Family 2.0, 2.2.2). */
static const TPM2_HANDLE certificates[_TPM_ENDORSEMENT_MAX] = {
    [TPM_ENDORSEMENT_L1] = 0x01c00002, [TPM_ENDORSEMENT_L2] = 0x01c0000a,
    [TPM_ENDORSEMENT_H1] = 0x01c00012, [TPM_ENDORSEMENT_H2] = 0x01c00014,
    [TPM_ENDORSEMENT_H3] = 0x01c00016, [TPM_ENDORSEMENT_H6] = 0x01c0001c,
    [TPM_ENDORSEMENT_H7] = 0x01c0001e,
};

void tpm_endorsement_done(TpmEndorsement *endorsement)
{
    bytes_done(&endorsement->area);
    bytes_done(&endorsement->certificate);
    *endorsement = (TpmEndorsement){0};
}

size_t tpm_certificate_size(BytesView nv)
{
    Reader reader = reader_new(nv);
    uint16_t head = reader_u16be(&reader);
    size_t size = reader_u16be(&reader);

    return !reader.failed && head == 0x3082 && size <= reader.rest.size ? 4 + size : 0;
}

/* Leaves RET alone if there is none. */
static int read_certificate(Tpm *tpm, TPM2_HANDLE number, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes bytes = {0};
    size_t size;
    int r = tpm_nv_read(tpm, number, TPM_CERTIFICATE_BYTES_MAX,
                        "reading the endorsement key's certificate", reason, &bytes);

    if (r != 0)
        return r;
    size = tpm_certificate_size(bytes_view(&bytes));
    return size > 0 ? bytes_dup((BytesView){bytes.data, size}, ret) : 0;
}

int tpm_endorsement_has_certificate(Tpm *tpm, TpmEndorsementKind kind, Reason *reason, bool *ret)
{
    _cleanup_(bytes_done) Bytes certificate = {0};
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = read_certificate(tpm, certificates[kind], reason, &certificate);
    if (r == 0)
        *ret = certificate.size > 0;
    return r;
}

int tpm_endorsement_read(Tpm *tpm, TpmEndorsementKind kind, Reason *reason, TpmEndorsement *ret)
{
    _cleanup_(tpm_endorsement_done) TpmEndorsement endorsement = {0};
    _cleanup_(tpm_handle_done) TpmHandle key = {0};
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = tpm_endorsement_new(tpm, &tpm_endorsement_templates[kind], reason, &key,
                                &endorsement.area);
    if (r == 0)
        r = read_certificate(tpm, certificates[kind], reason, &endorsement.certificate);
    if (r == 0)
        *ret = TAKE(endorsement);
    return r;
}
