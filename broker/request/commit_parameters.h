/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The parameters of the method Commit, from JSON and a memfd to what store_commit() takes.
 *
 * What the broker would refuse to deliver in any case does not get into the store. Nothing is
 * opened here: whether a credential opens shows when it is asked for. Runs in the committer child.
 */

#include "base/json.h"
#include "process/config.h"
#include "protocol/varlink.h"
#include "store/commit.h"

/* As Commit has them. */
extern const VarlinkField commit_fields[];

typedef struct CommitParameters {
    const char *verb; /* borrowed from the parameters, as the names and digests */
    StoreChange *changes;
    size_t count;
    StoreRecord record; /* .name is NULL if there is none */
    Bytes data;         /* of the memfd */
} CommitParameters;

void commit_parameters_done(CommitParameters *decoded); /* for _cleanup_ */

/* PARAMETERS conform to commit_fields and outlive RET. DATA is a sealed memfd, or -1.
 * OUTCOME_USAGE, OUTCOME_INVALID_NAME, OUTCOME_TOO_LARGE, OUTCOME_UNSUPPORTED (history), what
 * commit_check_sealed() returns; for the verb "rotate" also OUTCOME_NOT_IN_POLICY,
 * OUTCOME_BAD_POLICY and OUTCOME_NOT_STORED. */
int commit_parameters_decode(const ServerConfig *config, struct json_object *parameters, int data,
                             Reason *reason, CommitParameters *ret);

/* Whether FILE is a sealed credential that can be delivered to a container; KEY is the fingerprint
 * of its TPM key, or "". What credential_unpack() and credential_openable() return,
 * OUTCOME_UNPROTECTED, OUTCOME_SCOPE_MISMATCH. */
int commit_check_sealed(BytesView file, Reason *reason, char key[TPM_FINGERPRINT_BYTES]);
