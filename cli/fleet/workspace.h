/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The starting point of the commands that seal, sign and compare: the repository, and what its
 * administrator knows about it.
 */

#include "fleet/changes.h"
#include "fleet/sealed.h"

typedef struct Workspace {
    const Context *context;
    const Options *options;
    Repository repository;
    FleetAdmin admin;
    FleetVerified verified;
    Inventory inventory;
    SealedLines lines;
} Workspace;

/* For _cleanup_, after this: */
#define WORKSPACE_CLOSED(context, options)                                                         \
    ((Workspace){context, options, .repository = REPOSITORY_CLOSED})
void workspace_done(Workspace *work);

/* Loads everything, with .context and .options set. See repository_open() for WRITE. */
int workspace_load(bool write, Reason *reason, Workspace *work);

/* Reads the leaves of all hosts' manifests into RET, by their index. OUTCOME_UNSEALED, with the
 * hosts in REASON, if any is not sealed from its present inputs. With FILES, each sealed file is
 * compared with its manifest: OUTCOME_BAD_REPOSITORY. */
int workspace_leaves(const Workspace *work, bool files, Reason *reason, KnownLeaf **ret);

/* Adds to CHANGES the hosts whose LEAVES this administrator does not know. -ENOMEM. */
int workspace_add_unknown(const Workspace *work, const KnownLeaf *leaves, FleetChanges *changes);
