/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host's report: what became of a fleet's statement here, signed with the host's report key, so
 * that no carrier can make one up. docs/FLEET.md has the layout.
 *
 * `nspawn-creds host export` makes the key, REPORT_KEY_NAME beside the store, for the broker's
 * group, and puts the public half into the host's identity.
 */

#include "base/base64.h"
#include "base/names.h"
#include "credential/identity.h"
#include "secret/secret.h"

#include <limits.h>

#define REPORT_KEY_NAME     "report-key"
/* The seed of an Ed25519 key. */
#define REPORT_SEED_BYTES   ((size_t)32)
/* Why a host refuses, with the NUL; the rest of a longer reason is left out. */
#define REPORT_REASON_BYTES ((size_t)201)

typedef struct Report {
    char fleet[LIMIT_FLEET_NAME_BYTES + 1];
    char host[LIMIT_FLEET_HOST_BYTES + 1]; /* its name in the fleet */
    char statement[DIGEST_TEXT_BYTES];     /* SHA-256 of its text */
    int outcome;                           /* 0 if the set was accepted */
    bool applied;  /* and nspawn-creds-apply has dealt with it: 0 if all services came back */
    bool pending;  /* accepted, but a file in it is sealed for a later boot and did not open */
    bool no_apply; /* the host has no nspawn-creds-apply: it was accepted, and nothing follows */
    uint64_t time; /* µs since 1970, whole seconds */
    char credential[CREDENTIAL_NAME_TEXT_BYTES]; /* the one to blame, or "" */
    char reason[REPORT_REASON_BYTES];            /* why not, or "" */
} Report;

/* Sets the reason, as much of TEXT as there is room for. */
void report_set_reason(Report *report, const char *text);

/* Signs REPORT with the key of SEED. -ENOMEM. */
int report_sign(const Report *report, const Secret *seed, Bytes *ret);

/* Parses TEXT, which must be signed by the key whose public half KEY is, of
 * IDENTITY_REPORT_BYTES. An outcome that this version does not know becomes -EIO.
 * OUTCOME_NOT_SIGNED, also for anything that is not a report; -ENOMEM. */
int report_verify(BytesView text, BytesView key, Reason *reason, Report *ret);
/* The same for a report that this host has signed itself, with the key of SEED. */
int report_verify_own(BytesView text, const Secret *seed, Reason *reason, Report *ret);

/* --- the key --- */

/* Reads the seed; STORE is the absolute path of the host's store. OUTCOME_NOT_FOUND if there is
 * none; OUTCOME_MALFORMED; a negative errno. */
int report_key_read(const char *store, Reason *reason, Secret **ret);

/* The same, but makes it if there is none: mode 0640, in the store's group. The public half goes to
 * RET_PUBLIC. For root. */
int report_key_ensure(const Context *context, const char *store, Reason *reason, Bytes *ret_public);
