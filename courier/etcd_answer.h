/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Answers of etcd's JSON gateway (etcd 3.4 and later). Pure.
 *
 * An etcd is a carrier, which nobody trusts. Members that are not needed are ignored, since newer
 * versions have more of them. Numbers are texts, and those that are 0 are left out.
 * https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
 */

#include "secret/secret.h"

typedef struct EtcdFile {
    uint64_t revision; /* of the whole etcd, when it answered */
    uint64_t version;  /* the revision of the file's last change; 0 if there is none */
    Bytes content;
} EtcdFile;

/* The answer to a range request for one key. OUTCOME_CARRIER_FAILED; -ENOMEM. */
int etcd_file_parse(BytesView answer, Reason *reason, EtcdFile *ret);

/* The answer to a range request for at most COUNT keys. EACH gets the key and the value of each,
 * which it may keep; what it returns other than 0 ends this, and is returned. RET_NEXT is the last
 * key if there are more, otherwise NULL. OUTCOME_CARRIER_FAILED; -ENOMEM. */
int etcd_files_parse(BytesView answer, size_t count,
                     int (*each)(void *userdata, const char *key, Bytes *content), void *userdata,
                     Reason *reason, char **ret_next);

/* The answer to a transaction of so many OPERATIONS: whether there is one at all. etcd may answer
 * nothing where it refuses. OUTCOME_CARRIER_FAILED; -ENOMEM. */
int etcd_done_parse(BytesView answer, size_t operations, Reason *reason);

/* The answer to the removal of a key. OUTCOME_NOT_FOUND if there was none; OUTCOME_CARRIER_FAILED;
 * -ENOMEM. */
int etcd_removed_parse(BytesView answer, Reason *reason);

/* The header line with the token for a user, "Authorization: …", and a NUL behind it.
 * OUTCOME_CARRIER_FAILED; -ENOMEM. */
int etcd_token_parse(BytesView answer, Reason *reason, Secret **ret);

/* Whether a line of a watch, which was told to begin after REVISION, is a reason for another look:
 * a change, the watch's end, or anything that is not valid. If the watch begins in an etcd with an
 * older revision, a backup was restored since the last look, and it would wait for ever. */
bool etcd_watch_news(BytesView line, uint64_t revision);

/* Sets REASON to what etcd says about a request of USER (or NULL) that it refused with STATUS. */
int etcd_refusal(const char *endpoint, const char *user, long status, BytesView answer,
                 Reason *reason);
