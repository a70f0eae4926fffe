/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commits with audit entries. See audited_commit.h.
 */

#include "client/audited_commit.h"

#include "base/context.h"
#include "credential/open.h"

#include <unistd.h>

typedef struct Audit {
    const Store *store;
    AuditSink *sink;
    uint64_t begun; /* CLOCK_MONOTONIC, µs */
} Audit;

static void write_entry(void *userdata, const CredentialName *name, bool removed,
                        const StoreOrigin *origin)
{
    const Audit *audit = userdata;
    _cleanup_(bytes_done) Bytes file = {0};
    TpmKeyLabel key = {0};

    if (!removed && store_read(audit->store, name, NULL, &file) == 0)
        key = credential_key_label(bytes_view(&file));
    audit->sink->write(audit->sink, &(AuditRecord){
                                        .verdict = audit_verdict_of_change(origin->verb, removed),
                                        .machine = name->machine,
                                        .id = name->id,
                                        .unit = "",
                                        .peer_pid = origin->pid,
                                        .peer_uid = origin->uid,
                                        .reason = "",
                                        .key = key.fingerprint,
                                        .sealed_outside = key.outside,
                                        .usec = monotonic_usec() - audit->begun,
                                    });
}

AuditSink *audited_commit_journal(void)
{
    return access(AUDIT_JOURNAL_PATH, W_OK) == 0 ? audit_journal(AUDIT_JOURNAL_PATH) : NULL;
}

int audited_commit(const Store *store, const StoreCommit *commit, AuditSink *sink, Reason *reason)
{
    Audit audit = {.store = store, .sink = sink, .begun = monotonic_usec()};
    StoreCommit audited = *commit;
    int r;

    audited.applied = sink ? write_entry : NULL;
    audited.userdata = &audit;
    r = store_commit(store, &audited, reason);
    if (sink && sink->attach)
        sink->attach(sink, NULL); /* what the journal has not taken yet */
    return r;
}
