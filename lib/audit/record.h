/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The audit record of a request or a change, and its text in the journal.
 *
 * Each request makes exactly one entry: who asked for which credential, the verdict, the reason,
 * the duration. Each change of a credential also makes one. An entry never contains a secret.
 * Somebody whose unit has failed with 243/CREDENTIALS reads the message in the journal or in what
 * `nspawn-creds why` prints, so it names the credential, the reason and the next step.
 *
 * These functions are pure and allocate nothing: they format the record into a buffer, and
 * audit/journal.h sends it. Control characters are escaped, wherever they come from.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum AuditVerdict {
    AUDIT_DELIVERED, /* the peer received the whole secret */
    AUDIT_REFUSED,   /* the peer received the refusal, or closed the connection during it */
    AUDIT_ABANDONED, /* the peer closed the connection before it was answered */

    /* changes; the peer is the process that asked for them */
    AUDIT_STORED,   /* added to the store */
    AUDIT_REMOVED,  /* removed from the store */
    AUDIT_ROTATED,  /* replaced by a new value */
    AUDIT_RESEALED, /* same value, sealed again */
    AUDIT_FLUSHED,  /* the key cache was emptied; concerns no machine */

    AUDIT_CHECKED, /* opened, but delivered to nobody (broker/control/check.h) */

    /* rollback protection; concern no credential */
    AUDIT_ROLLED_BACK, /* a rollback was noticed, or cannot be ruled out */
    AUDIT_PROTECTION,  /* it was turned on or off, or what is there was accepted: .reason */

    /* what a courier offered; concern no credential */
    AUDIT_ACCEPTED, /* a fleet's set, which is now served; each change has an entry as well */
    AUDIT_REJECTED,
    AUDIT_RESET, /* root lets a fleet's next statement have any sequence; concerns no credential */
    _AUDIT_VERDICT_MAX,
} AuditVerdict;

/* All strings are borrowed, and "" where unknown, or for audit_write() NULL. */
typedef struct AuditRecord {
    AuditVerdict verdict;
    bool live; /* UNIT is a unit inside the machine, by the machine's own account */
    const char *machine;
    const char *id;
    const char *unit;
    pid_t peer_pid; /* 0 if unknown */
    uid_t peer_uid;
    int outcome;        /* Outcome or negative errno; 0 for success */
    const char *reason; /* see Reason in base/outcome.h */
    const char *key;    /* fingerprint of the sealed key */
    bool
        sealed_outside; /* outside this TPM: anybody who knows its storage key may have sealed it */
    bool predecessor;   /* the file before one for other PCR values was used */
    const char *fleet;  /* that the sealed file came from */
    uint64_t sequence;  /* of the fleet's statement */
    uint64_t usec;      /* from accept to the end of the answer, µs */
} AuditRecord;

/* Size of a field with its name, its escapes and a newline: twice that of a reason and a remedy.
 * Longer values are truncated. */
#define AUDIT_FIELD_BYTES ((size_t)2048)
#define AUDIT_FIELDS_MAX  19U

/* Lines of "NAME=value", as in the journal's native protocol; the first is MESSAGE.
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL */
typedef struct AuditEntry {
    size_t size;
    char text[AUDIT_FIELDS_MAX * AUDIT_FIELD_BYTES];
} AuditEntry;

typedef struct AuditVerdictInfo {
    const char *name;       /* in the journal, such as "delivered" */
    const char *message_id; /* for journalctl and the catalog in units/ */
    int priority;
} AuditVerdictInfo;

extern const AuditVerdictInfo audit_verdicts[_AUDIT_VERDICT_MAX];

/* The verdict of a change that VERB made, which REMOVED the credential or wrote it. */
AuditVerdict audit_verdict_of_change(const char *verb, bool removed);

/* Formats RECORD as an entry. */
void audit_entry_format(const AuditRecord *record, AuditEntry *ret);

/* Copies the value of field NAME to RET. Returns false, and an empty RET, if there is none. */
bool audit_entry_get(const AuditEntry *entry, const char *name, char ret[AUDIT_FIELD_BYTES]);
