/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The commit with which a fleet's set is accepted: all its new files, without those that it no
 * longer has, the bundle, and the lists of what changed and of what does not open yet
 * (fleet/fleet_set.h, fleet/value_changes.h).
 * The committer child carries it out.
 */

#include "fleet/fleet_set.h"
#include "store/commit.h"

/* A credential of the manifest. */
typedef struct FleetCommitFile {
    Bytes sealed; /* the new file; empty to keep the old one */
    bool changed; /* its value is new, or another one than before */
    bool keep;    /* the previous file is kept, to be restored */
    bool pending; /* it does not open yet; the previous one is kept, to be served until then */
    char served[DIGEST_TEXT_BYTES]; /* of the file that was served before, and opens; or "" */
} FleetCommitFile;

typedef struct FleetCommit {
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    uint64_t sequence;
    Bytes bundle;           /* the record */
    Manifest manifest;      /* the same as in the bundle */
    Bytes refused;          /* not empty: write this report of a refusal, and nothing else */
    FleetCommitFile *files; /* for each of the manifest's credentials */
    char statement[DIGEST_TEXT_BYTES]; /* of the statement's text */
    char base[DIGEST_TEXT_BYTES]; /* of the statement that it is to replace; "" if there is none */
} FleetCommit;

FleetCommit *fleet_commit_free(FleetCommit *commit); /* NULL is allowed */
DEFINE_CLEANUP(FleetCommit *, fleet_commit_free);

/* Opens the store of FLEET; STORE is the path of the host's own. If TO_CREATE, makes its directory
 * if it is missing. -ENOENT; what store_new() returns. */
int fleet_commit_open(const char *store, const char *fleet, bool to_create, Reason *reason,
                      Store **ret);

/* Changes STORE, which fleet_commit_open() has opened for it. BASE has .origin, .applied and
 * .userdata. Returns what store_commit() returns, and OUTCOME_CHANGED if another set was accepted
 * since this one was judged. */
int fleet_commit_run(const FleetCommit *commit, const char *path, const Store *store,
                     const StoreCommit *base, Reason *reason);
