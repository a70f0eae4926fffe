/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sealing what has not been sealed before. See sealing.h.
 */

#include "seal/sealing.h"

#include "seal/keys.h"
#include "seal/sharing.h"
#include "terminal/progress.h"

int sealing_check(const Context *context, const Options *options, Reason *reason,
                  CredentialMetadata *metadata)
{
    int r = sharing_check(options, reason);

    if (r != 0)
        return r;
    metadata->timestamp =
        options->given & OPTION_TIMESTAMP ? options->timestamp : context->now(context);
    metadata->not_after = options->not_after;
    if (!credential_times_valid(metadata))
        return reason_set(reason, OUTCOME_USAGE, "--not-after= is not after the time of sealing");
    return 0;
}

int sealing_seal(const Context *context, const Options *options, const CredentialMetadata *metadata,
                 const Secret *plaintext, Reason *reason, Bytes *ret)
{
    _cleanup_(plan_done) Plan plan = {0};
    _cleanup_(keys_done) Keys keys = {0};
    int r = plan_make(context, options, NULL, NULL, reason, &plan);

    progress_about(metadata->name);
    if (r == 0)
        r = keys_settle(context, options, reason, &plan);
    if (r == 0)
        r = keys_make(context, options, &plan, NULL, true, reason, &keys);
    return r == 0 ? keys_seal(context, &keys, plaintext, metadata, options->raw, reason, ret) : r;
}
