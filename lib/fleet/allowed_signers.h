/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fleet's file of allowed signers, in the format of ssh-keygen(1), "ALLOWED SIGNERS". Pure.
 *
 * ssh-keygen reads every file that is accepted here in the same way. A file that it accepts is
 * refused if a person might misread it: patterns, several principals on a line, a key on two lines,
 * certificate authorities, times that depend on the time zone, unknown options. One such line makes
 * the whole file invalid.
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"

typedef struct AllowedSigner {
    char principal[LIMIT_PRINCIPAL_BYTES + 1]; /* several keys may have the same */
    Bytes key;                                 /* in SSH's wire format; of a supported type */
    uint64_t valid_from, valid_until; /* µs since 1970; 0 and USEC_INFINITY if not given */
    bool for_fleets; /* its namespaces, if it names any, contain SSH_SIGNATURE_NAMESPACE */
} AllowedSigner;

typedef struct AllowedSigners {
    AllowedSigner *signers;
    size_t count;
} AllowedSigners;

void allowed_signers_done(AllowedSigners *signers); /* for _cleanup_ */

/* OUTCOME_BAD_SIGNERS, with the number of the line; -EIO, -ENOMEM. */
int allowed_signers_parse(BytesView file, Reason *reason, AllowedSigners *ret);

/* The signer with KEY, in SSH's wire format; NULL if there is none. */
const AllowedSigner *allowed_signers_find(const AllowedSigners *signers, BytesView key);

/* Whether SIGNER may sign a fleet's statement at the time NOW, µs since 1970. */
bool allowed_signer_may_sign(const AllowedSigner *signer, uint64_t now);
