/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The starting point of the commands that work in a repository: the repository, and what its
 * administrator knows about it.
 */

#include "fleet/changes.h"
#include "fleet/masters.h"
#include "fleet/sealed.h"
#include "fleet/signing.h"

typedef struct Workspace {
    const Context *context;
    const Options *options;
    Repository repository;
    FleetAdmin admin;
    MasterProgram program; /* borrows from .admin and .options */
    Recipients recipients;
    /* from here on by workspace_load() alone */
    FleetVerified verified;
    Inventory inventory;
    SealedSurvey survey; /* borrows from those above */
    bool adopted;        /* .verified.released has changed */
} Workspace;

/* For _cleanup_, after this: */
#define WORKSPACE_CLOSED(context, options)                                                         \
    ((Workspace){context, options, .repository = REPOSITORY_CLOSED})
void workspace_done(Workspace *work);

/* Opens the repository for a command that opens or writes masters. See repository_open() for WRITE.
 */
int workspace_open(bool write, Reason *reason, Workspace *work);

/* The same, and loads everything else. A statement that enough signers have signed since this
 * administrator signed last counts as confirmed. */
int workspace_load(bool write, Reason *reason, Workspace *work);

/* Says on standard error if the masters are encrypted to other recipients than are listed. */
int workspace_note_recipients(const Workspace *work, Reason *reason);

/* Whether the fleet has no hosts, so that nothing can be sealed or signed. Says so on standard
 * output, with the next command. */
bool workspace_is_empty(const Workspace *work);

/* Reads the leaves of all hosts' manifests into RET, by their index. OUTCOME_UNSEALED, with the
 * hosts in REASON, if any is not sealed from its present inputs. With FILES, each sealed file is
 * compared with its manifest, and how they look noted in .verified: OUTCOME_BAD_REPOSITORY. */
int workspace_leaves(Workspace *work, bool files, Reason *reason, KnownLeaves *ret);

/* Notes the leaves of STATEMENT, which is in the repository, as .verified.released if so many have
 * signed it as have to, and no later one was seen here. */
int workspace_adopt(Workspace *work, const SignedStatement *statement, Reason *reason);

/* Adds to CHANGES the hosts whose LEAVES this administrator does not know. -ENOMEM. */
int workspace_add_unknown(const Workspace *work, const KnownLeaves *leaves, FleetChanges *changes);
