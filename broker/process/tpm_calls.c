/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker's TPM operations. See tpm_calls.h.
 */

#include "process/tpm_calls.h"

#include "key/pcr_files.h"

int tpm_calls_unseal(const char *device, const TpmSealedView *sealed, Reason *reason,
                     Secret **ret_key)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    TpmSealedView view = *sealed;
    Context context;
    int r = context_system(&context);

    if (r == 0 && view.public_key.size > 0)
        r = pcr_signatures_load(&context, NULL, reason, &signatures);
    /* tpm_unseal() reports missing signatures */
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    view.signatures = bytes_view(&signatures);
    if (r == 0)
        r = tpm_new(device, reason, &tpm);
    return r != 0 ? r : tpm_unseal(tpm, &view, reason, ret_key);
}

int tpm_calls_seal_fresh(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key)
{
    static const TpmSealRequest request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    Context context;
    int r = context_system(&context);

    if (r == 0)
        r = tpm_new(device, reason, &tpm);
    return r != 0 ? r : tpm_seal(tpm, &context, &request, reason, ret, ret_key);
}
