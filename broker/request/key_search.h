/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Searches for a key that a generated secret can share.
 *
 * A search walks a machine's directory in the store, so it runs in a child. All secrets that are
 * generated for a machine meanwhile wait for the same search: they get the same answer, and if that
 * is none, they get the same fresh key.
 */

#include "base/names.h"
#include "process/children.h"

typedef struct KeySearches KeySearches;
typedef struct KeySearchJob KeySearchJob;

/* CHILDREN and CONFIG are borrowed. Returns 0 or -ENOMEM. */
int key_searches_new(Children *children, const ServerConfig *config, KeySearches **ret);
KeySearches *key_searches_free(KeySearches *searches); /* NULL is allowed */
DEFINE_CLEANUP(KeySearches *, key_searches_free);

/* FOUND is the credential whose key to share. RC is 0, or what shared_key_find() returns;
 * OUTCOME_NOT_FOUND also if the child died, because a fresh key is as good. */
typedef void (*KeySearchDone)(void *userdata, int rc, const CredentialName *found,
                              const Reason *reason);

/* Searches MACHINE's credentials, or joins a search that has not ended. Returns 0 or -ENOMEM. */
int key_search_job_new(KeySearches *searches, const char *machine, KeySearchDone done,
                       void *userdata, KeySearchJob **ret);

/* Stops waiting. A search that nobody waits for any more is stopped. Must be called after DONE,
 * too. NULL is allowed. */
KeySearchJob *key_search_job_free(KeySearchJob *job);
