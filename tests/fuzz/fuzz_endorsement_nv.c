/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: what vendors write into a TPM's NV: the template of an endorsement key, whose kind
 * the first byte says, and a certificate.
 *
 * A template changes nothing but the unique part of ours, which tpm2-tss can still marshal. A
 * certificate does not end after the index.
 */

#include "tpm/tpm_internal.h"

#include <assert.h>
#include <string.h>
#include <tss2/tss2_mu.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t marshal(const TPMT_PUBLIC *area, uint8_t bytes[sizeof(*area)])
{
    size_t size = 0;
    TSS2_RC rc = Tss2_MU_TPMT_PUBLIC_Marshal(area, bytes, sizeof(*area), &size);

    assert(rc == TSS2_RC_SUCCESS);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Reader reader = reader_new((BytesView){data, size});
    BytesView kind = reader_take(&reader, 1);
    uint8_t before[sizeof(TPMT_PUBLIC)], after[sizeof(TPMT_PUBLIC)];
    TPMT_PUBLIC ours, area;

    if (reader.failed)
        return 0;
    ours = tpm_template_area(&tpm_endorsement_templates[kind.data[0] % _TPM_ENDORSEMENT_MAX]);
    area = ours;
    if (tpm_endorsement_adopt(reader.rest, &area)) {
        assert(marshal(&area, after) <= reader.rest.size);
        area.unique = ours.unique;
        assert(marshal(&ours, before) == marshal(&area, after) &&
               memcmp(before, after, marshal(&ours, before)) == 0);
    }
    assert(tpm_certificate_size(reader.rest) <= reader.rest.size);
    return 0;
}
