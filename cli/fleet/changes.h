/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Changes in a repository since its administrator last looked. Nothing is sealed or signed until
 * they have confirmed them.
 */

#include "fleet/verified.h"
#include "options.h"

typedef struct FleetChanges {
    char **lines; /* a sentence each */
    size_t count;
    size_t wider;    /* of them, the last ones: hosts that a wave takes without being asked to */
    char digest[33]; /* of the lines and of the inventory: whoever has seen them can confirm them */
} FleetChanges;

void fleet_changes_done(FleetChanges *changes); /* for _cleanup_ */

/* Compares INVENTORY with what was confirmed or signed. -ENOMEM. */
int fleet_changes_find(const FleetVerified *verified, const Inventory *inventory,
                       FleetChanges *ret);

/* Adds a line that ends with a colon and NAMES, each after a space; nothing without names. -ENOMEM.
 */
int fleet_changes_add(FleetChanges *changes, const Writer *names, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the hosts whose LEAVES are neither in KNOWN nor in ALSO, which may be NULL. */
int fleet_changes_add_unknown(FleetChanges *changes, const KnownLeaves *leaves,
                              const KnownLeaves *known, const KnownLeaves *also, const char *what);

/* Shows the changes on standard error, and has them confirmed: on the terminal, or by --confirm=
 * with their digest. OUTCOME_UNCONFIRMED. */
int fleet_changes_confirm(FleetChanges *changes, const Inventory *inventory, const char *command,
                          const Options *options, Reason *reason);
