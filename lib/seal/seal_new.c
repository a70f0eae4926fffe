/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sealing a new value. See seal_new.h.
 */

#include "seal/seal_new.h"

#include "seal/seal_keys.h"

#include <string.h>

int seal_new(const SealContext *seal, const CredentialSections *like, const Secret *plaintext,
             Reason *reason, Bytes *ret)
{
    const SealSpec *spec = seal->spec;
    _cleanup_(seal_target_done) SealTarget target = {0};
    _cleanup_(seal_keys_done) SealKeys keys = {0};
    CredentialMetadata metadata = {
        .timestamp = spec->timestamp ? spec->timestamp : seal->context->now(seal->context),
        .not_after = spec->has_not_after ? spec->not_after : USEC_INFINITY,
    };
    int r;

    snprintf(metadata.name, sizeof(metadata.name), "%s", spec->name ? spec->name : "");
    if (!credential_times_valid(&metadata))
        return reason_set(reason, OUTCOME_USAGE,
                          "the time of expiry is before the time of sealing");
    r = seal_target_make(seal, like, reason, &target);
    if (r == 0)
        r = seal_keys_make(seal, spec->name && spec->name[0] ? spec->name : NULL, NULL, reason,
                           &target, &keys);
    return r == 0 ? seal_keys_seal(seal->context, &keys, plaintext, &metadata,
                                   spec->format == SEAL_RAW, reason, ret)
                  : r;
}
