/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An inventory: all that the sealed files of a fleet are made from, as sorted lines of text.
 *
 *     host HOST SHA256            of the host's identity
 *     key HOST NAME...            the TPM names of its keys
 *     match SECRET HOST           the host gets the secret
 *     proof HOST BY SHA256        its keys are proved: how, and with which endorsement key
 *     rule requireProof           every host has to be proved
 *     recipient RECIPIENT         who can open the masters
 *     secret SECRET SHA256        of its master
 *     settings SECRET MACHINE@ID [generate=RECIPE] [pcrs=PCRS] [pcrPolicy=PCRS] [pending]
 *
 * Its SHA-256 is the statement's "inputs". Two inventories are compared line by line, so that an
 * administrator sees what somebody has changed in the repository.
 */

#include "fleet/manifest.h"
#include "fleet/merkle.h"
#include "fleet/repository.h"

typedef struct Inventory {
    char *text;
    char **lines; /* sorted, bytewise; they point into .text */
    size_t count;
} Inventory;

void inventory_done(Inventory *inventory); /* for _cleanup_ */

/* The inventory of REPOSITORY, after repository_match(). A host whose identity is the same as in
 * BEFORE (may be empty) has the same keys as there, and its identity is not parsed.
 * OUTCOME_BAD_REPOSITORY, also if two hosts have one key; OUTCOME_BAD_IDENTITY; OUTCOME_NOT_PROVED
 * if the repository requires a proof of each host, and one has none. Whoever has made a proof is
 * not looked at: only its administrator can. */
int inventory_make(const Repository *repository, const Inventory *before, Reason *reason,
                   Inventory *ret);

/* Takes apart TEXT, which it takes in any case, with a line feed after every line. Lines may be in
 * any order. -ENOMEM. */
int inventory_parse(char *text, Inventory *ret);

/* Writes its lines. */
void inventory_write(const Inventory *inventory, Writer *writer);

/* -ENOMEM. */
int inventory_copy(const Inventory *inventory, Inventory *ret);

MerkleHash inventory_digest(const Inventory *inventory);

/* The rest of the line that begins with "KIND NAME ", such as a digest; NULL if there is none. */
const char *inventory_find(const Inventory *inventory, const char *kind, const char *name);

/* Appends to LINES, which has COUNT or is NULL at first, a sentence about each difference. -ENOMEM.
 */
int inventory_compare(const Inventory *before, const Inventory *after, char ***lines,
                      size_t *count);

/* Writes the settings of SECRET that its sealed files depend on: "MACHINE@ID [pcrs=PCRS]
 * [pcrPolicy=PCRS]". */
#define INVENTORY_SETTINGS_BYTES (CREDENTIAL_NAME_TEXT_BYTES + 256)
void inventory_settings(const FleetSecret *secret, char text[INVENTORY_SETTINGS_BYTES]);
