/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files of a host that a statement covers: those in sealed/HOST/, or in signed/HOST/ as long as
 * newer ones in sealed/HOST/ have not been released to this host.
 *
 * `fleet seal` moves what it replaces from sealed/HOST/ to signed/HOST/ if that was signed, and
 * `fleet sign` removes it when enough have signed a statement without it. Which directory has the
 * files of a statement is found by the leaf of their manifest, so that a leftover does no harm.
 */

#include "fleet/sealed.h"

/* Finds the directory, SEALED_DIRECTORY or SIGNED_DIRECTORY, whose manifest of HOST has LEAF.
 * RET_MANIFEST (may be NULL) is its text. OUTCOME_UNSIGNED if there is none. */
int signed_files_find(const Repository *repository, const char *host, const MerkleHash *leaf,
                      Reason *reason, const char **ret_parent, Bytes *ret_manifest);

/* Moves sealed/HOST to signed/HOST if its manifest has LEAF, and signed/HOST, if there is one, to
 * sealed/HOST, or moves nothing then, unless it is to REPLACE it. */
int signed_files_keep(const Repository *repository, const char *host, const MerkleHash *leaf,
                      bool replace, Reason *reason);

/* Removes from SIGNED_DIRECTORY the hosts whose files there are not those of LEAVES, or are in
 * SEALED_DIRECTORY, too. */
int signed_files_clean(const Repository *repository, const KnownLeaves *leaves, Reason *reason);
