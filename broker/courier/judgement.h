/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Judges the bundle of an offer (fleet/bundle.h), and compares it with the accepted set. This runs
 * in a child, because the bundle is the courier's.
 */

#include "base/base64.h"
#include "fleet/report.h"
#include "process/config.h"
#include "store/commit.h"

/* The message of the child. */
typedef struct Verdict {
    int rc;
    Reason reason;
    char host[LIMIT_FLEET_HOST_BYTES + 1]; /* this one's name in the fleet */
    char statement[DIGEST_TEXT_BYTES];     /* as in Offer */
    uint8_t report[LIMIT_REPORT_BYTES];    /* of an earlier broker, which refused the statement */
    size_t report_size;
    uint64_t sequence;
    bool accepted;                /* the statement was accepted before */
    char base[DIGEST_TEXT_BYTES]; /* of the statement that was accepted last, or "" */
    /* for each of the manifest's credentials: the accepted set has its NAME, or the FILE itself,
     * which was PENDING when it was accepted */
    enum { HAVE_NOTHING, HAVE_NAME, HAVE_FILE, HAVE_PENDING } have[LIMIT_COMMIT_CHANGES];
} Verdict;

/* RET is zeroed at first. */
void judgement_make(const ServerConfig *config, const char *fleet, BytesView bundle, Verdict *ret);
