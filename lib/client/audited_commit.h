/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Changing the store without the broker: a commit that leaves the audit entries which the broker
 * would write, one for each credential that changed.
 */

#include "audit/journal.h"
#include "store/commit.h"

/* The journal; NULL where there is none, for nobody wants audit entries among a command's messages.
 */
AuditSink *audited_commit_journal(void);

/* As store_commit(), whose .applied and .userdata are not used. Entries go to SINK (NULL: nowhere),
 * also those of an earlier commit that is completed here. */
int audited_commit(const Store *store, const StoreCommit *commit, AuditSink *sink, Reason *reason);
