/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A bundle: all that one host needs to see that its manifest is what a fleet's administrators have
 * signed. docs/FLEET.md has the layout. Pure.
 *
 * bundle_parse() says nothing about whether any of it is true; bundle_judge() does.
 */

#include "fleet/allowed_signers.h"
#include "fleet/manifest.h"
#include "fleet/statement.h"

/* Brackets and commas in a bundle's JSON: more than it has with all signatures. */
#define BUNDLE_MARKS_MAX ((size_t)64)

typedef struct Bundle {
    Bytes statement;                          /* the signed bytes */
    Bytes signatures[LIMIT_FLEET_SIGNATURES]; /* armored text */
    size_t signature_count;                   /* may be 0 */
    uint64_t index;                           /* the host's leaf, from 0 */
    MerkleHash path[MERKLE_PATH_MAX];         /* from this leaf to the root */
    size_t path_length;
    Bytes manifest; /* the leaf's bytes */
} Bundle;

void bundle_done(Bundle *bundle); /* for _cleanup_ */

/* OUTCOME_BAD_BUNDLE; -ENOMEM. */
int bundle_parse(BytesView file, Reason *reason, Bundle *ret);

/* -ENOMEM. */
int bundle_format(const Bundle *bundle, Bytes *ret);

/* Root's configuration of a fleet on this host, and the statement that was accepted last. */
typedef struct FleetTrust {
    const char *fleet;             /* its name */
    FleetHost host;                /* the keys of this host's TPM */
    const AllowedSigners *signers; /* who may sign */
    size_t threshold;              /* how many of them must have signed, by principal; at least 1 */
    uint64_t now;                  /* µs since 1970 */
    uint64_t sequence;             /* of the statement that was accepted last; 0 for none */
    MerkleHash root;               /* and its root */
} FleetTrust;

/* Judges the bundle FILE, and returns the statement and the manifest that it proves. Nothing of the
 * statement is parsed before enough signers have signed it, and nothing of the manifest before the
 * statement covers it. The statement that was accepted last is accepted again.
 *
 * OUTCOME_BAD_BUNDLE         not a bundle, or something in it that was signed is not valid
 * OUTCOME_NOT_SIGNED         too few signers; or it is of another fleet or host, or not covered
 * OUTCOME_CLOCK              the statement is of the future
 * OUTCOME_STATEMENT_EXPIRED  its time has passed
 * OUTCOME_OLD_SEQUENCE       a later one was accepted
 * OUTCOME_EQUIVOCATION       another one with the same sequence was accepted
 *
 * -ENOMEM, -EIO. */
int bundle_judge(BytesView file, const FleetTrust *trust, Reason *reason, Statement *ret_statement,
                 Manifest *ret_manifest);
