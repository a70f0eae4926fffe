/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fleet's statement: the text that administrators sign, once for all hosts.
 *
 * This is a pure codec; docs/FLEET.md has the layout. Each statement has exactly one text. A text
 * is parsed, formatted again and compared, so that nothing else is accepted: no other order, no
 * leading zeros, no upper case, no February 30. That it is signed is for bundle_judge() to check.
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"
#include "fleet/merkle.h"

typedef struct Statement {
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    uint64_t sequence;  /* from 1 to LIMIT_FLEET_SEQUENCE; each statement has a higher one */
    uint64_t issued;    /* µs since 1970, whole seconds */
    uint64_t not_after; /* the same; later than issued. At this time it is no longer accepted */
    uint64_t hosts;     /* leaves of the tree, from 1 to LIMIT_FLEET_HOSTS */
    MerkleHash root;    /* of the tree of the hosts' manifests */
    MerkleHash inputs;  /* SHA-256 of what the repository was sealed from */
} Statement;

/* Enough for every statement, with a NUL. */
#define STATEMENT_TEXT_BYTES (LIMIT_STATEMENT_BYTES + 1)

/* OUTCOME_MALFORMED. */
int statement_parse(BytesView text, Reason *reason, Statement *ret);

/* Writes the text of STATEMENT, whose members have the ranges above. */
void statement_format(const Statement *statement, char text[STATEMENT_TEXT_BYTES]);
