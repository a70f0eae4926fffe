/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Decodes the parameters of the method Commit, JSON and a memfd, for store_commit(). Runs in the
 * committer child.
 *
 * A file that the broker could never deliver is rejected. Whether it opens is not checked here but
 * at its first request.
 */

#include "base/json.h"
#include "process/config.h"
#include "protocol/varlink.h"
#include "store/commit.h"

extern const VarlinkField commit_fields[];

typedef struct CommitParameters {
    const char *verb; /* borrowed from the parameters, like names and digests */
    StoreChange *changes;
    size_t count;
    StoreRecord record; /* .name is NULL without one */
    Bytes data;         /* the memfd's content */
} CommitParameters;

void commit_parameters_done(CommitParameters *decoded); /* for _cleanup_ */

/* Whether the broker could deliver the sealed FILE: 0, OUTCOME_UNPROTECTED, OUTCOME_SCOPE_MISMATCH,
 * or what credential_unpack() and credential_openable() return. */
int commit_check_sealed(BytesView file, Reason *reason);

/* PARAMETERS must conform to commit_fields and outlive RET. DATA is a sealed memfd or -1. Returns
 * 0, OUTCOME_USAGE, OUTCOME_INVALID_NAME, OUTCOME_TOO_LARGE, OUTCOME_UNPROTECTED,
 * OUTCOME_SCOPE_MISMATCH, or what credential_unpack() and credential_openable() return for a file;
 * for the verb "rotate" also OUTCOME_NOT_IN_POLICY, OUTCOME_BAD_POLICY and OUTCOME_NOT_STORED. */
int commit_parameters_decode(const ServerConfig *config, struct json_object *parameters, int data,
                             Reason *reason, CommitParameters *ret);
