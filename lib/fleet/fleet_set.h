/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fleet's accepted set: what its signers last signed for this host, and the broker accepted.
 *
 * It is a store (store/store.h) beside the host's own, STORE/../fleet/FLEET. Accepting a set is one
 * store_commit(), whose record FLEET_SET_RECORD is the bundle. So files and bundle change together.
 * The bundle was judged when it was accepted (fleet/bundle.h). Its manifest has the digest of each
 * file, which every reader compares: a file that somebody else put there is never used.
 */

#include "fleet/bundle.h"
#include "fleet/value_changes.h"
#include "store/store.h"

#include <limits.h>

/* The accepted bundle. */
#define FLEET_SET_RECORD     "bundle"
/* The digest, as text, of an accepted bundle after which any sequence may follow. */
#define FLEET_RESET_RECORD   "reset"
/* The host's report that it refused the last statement that it refused. */
#define FLEET_REFUSED_RECORD "refused"

typedef struct FleetSet {
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    Store *store;
    Bytes bundle;                   /* the record */
    char digest[DIGEST_TEXT_BYTES]; /* of the statement's text */
    Statement statement;
    Manifest manifest;
    ValueChanges restored; /* whose previous file is served */
    ValueChanges pending;  /* whose file did not open when it was accepted */
    uint64_t floor;        /* no lower sequence is accepted; 0 after a reset */
} FleetSet;

void fleet_set_done(FleetSet *set); /* for _cleanup_ */

/* Writes the path of FLEET's store; STORE is the absolute path of the host's own. FLEET "" is the
 * directory of all of them. */
void fleet_set_path(const char *store, const char *fleet, char path[PATH_MAX]);

/* Lists the fleets that have a store, sorted. RET ends with NULL. Returns 0 or a negative errno. */
int fleet_set_list(const char *store, Reason *reason, char ***ret);

/* Opens the accepted set. Returns 0, OUTCOME_NO_SET if nothing was accepted yet,
 * OUTCOME_STORE_UNSAFE, with the file, if its bundle is damaged (OUTCOME_NO_SET after a reset) or
 * something there is unsafe, or a negative errno (-EIO of the bundle: OUTCOME_NO_SET after a
 * reset). */
int fleet_set_open(const char *store, const char *fleet, Reason *reason, FleetSet *ret);

/* The same for fleet_set_reset(), which needs no more than .store and .bundle: of a damaged bundle
 * only these are set, and .fleet. A bundle that the disk does not give back (-EIO) is empty. */
int fleet_set_open_damaged(const char *store, const char *fleet, Reason *reason, FleetSet *ret);

/* Sets the floor to 0 until the next set is accepted, and forgets the last refusal. Returns what
 * store_commit() returns. */
int fleet_set_reset(const FleetSet *set, Reason *reason);

/* Reads which of its values have changed, and what became of that (fleet/value_changes.h). Return
 * 0, OUTCOME_NOT_FOUND, OUTCOME_MALFORMED, what store_read_record() returns; the first one also
 * OUTCOME_CHANGED if another set was accepted since SET was opened. */
int fleet_set_changes(const FleetSet *set, Reason *reason, ValueChanges *ret);
int fleet_set_applied(const FleetSet *set, Reason *reason, FleetApplied *ret);

/* Writes the latter. Returns what store_commit() returns. */
int fleet_set_write_applied(const FleetSet *set, const FleetApplied *applied, Reason *reason);

/* Serves the previous files of the COUNT names in NAMES again, in place of those of the set, as far
 * as there are any. The RET_COUNT names that have one come first in NAMES afterwards, and the
 * others are lost. Returns what store_commit() returns. */
int fleet_set_restore(FleetSet *set, CredentialName *names, size_t count, Reason *reason,
                      size_t *ret_count);

/* Reads the sealed file of NAME: that of the manifest, or the one that is restored. Returns 0;
 * OUTCOME_NO_SET if the set does not have it, or the file is missing; OUTCOME_NOT_SIGNED if it is
 * another file than the manifest says; OUTCOME_CHANGED if another set was accepted since SET was
 * opened; or what store_read() returns. */
int fleet_set_read(const FleetSet *set, const CredentialName *name, Reason *reason, Bytes *ret);

/* The same, but always that of the manifest. */
int fleet_set_read_signed(const FleetSet *set, const CredentialName *name, Reason *reason,
                          Bytes *ret);

/* --- a file that is sealed for a later boot --- */

/* Whether RC is how such a file fails before that boot. No other outcome is tolerated. */
bool fleet_pending_outcome(int rc);

/* Reads what is served in place of the file that fleet_set_read() returns if that one is pending,
 * and fails like this. OUTCOME_NOT_FOUND if there is nothing; OUTCOME_CHANGED if another set was
 * accepted since SET was opened; what store_read() returns. */
int fleet_set_read_predecessor(const FleetSet *set, const CredentialName *name, Reason *reason,
                               Bytes *ret);

/* --- */

/* Where a file came from. */
typedef struct FleetOrigin {
    char fleet[LIMIT_FLEET_NAME_BYTES + 1]; /* "": from no fleet */
    uint64_t sequence;                      /* of the statement */
} FleetOrigin;

/* Both in one, for the set that is accepted now. SET is {0} at first, and for the caller to
 * release. It keeps what was parsed for the next call, until another set is accepted; .floor is not
 * set. */
int fleet_read(const char *store, const char *fleet, const CredentialName *name, FleetSet *set,
               Reason *reason, Bytes *ret);

/* Where the files of SET come from. */
FleetOrigin fleet_set_origin(const FleetSet *set);

/* --- the last refusal --- */

/* Writes the host's signed REPORT that it refused a statement of FLEET into STORE, that of the
 * fleet. Returns what store_commit() returns. */
int fleet_set_refuse(const Store *store, BytesView report, Reason *reason);

/* Reads the report that was written last; STORE is the path of the host's own. OUTCOME_NOT_FOUND;
 * what store_read_record() returns. */
int fleet_set_refused(const char *store, const char *fleet, Bytes *ret);
