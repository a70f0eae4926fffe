/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The audit record: what is kept of a request or a change, and how it reads in the journal.
 *
 * Exactly one entry a request: who asked for what, the verdict, why, how long it took. And one for
 * each credential that is changed over the control socket: who changed what. Never a value. The
 * entry's text is what an administrator sees under a unit that failed with 243/CREDENTIALS, so it
 * names the thing, the reason and the next step.
 *
 * Pure and without allocation: a record becomes text in a buffer. Control characters are escaped,
 * whatever they came in with. audit/journal.h sends it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* MESSAGE_IDs: journalctl MESSAGE_ID=…, and the catalog in units/. */
#define AUDIT_ID_DELIVERED "def737ae9a3d488eabcf05b956e29b5b"
#define AUDIT_ID_REFUSED   "480ad2cff2c44a6998a88871fd0a53c9"
#define AUDIT_ID_ABANDONED "67f0dcfade304460a0cbd9642fc478b5"
#define AUDIT_ID_STORED    "b7faed45d87244ac8770d6b83bed1a4c"
#define AUDIT_ID_REMOVED   "dfe9255780ec423fb9083421778cbed9"
#define AUDIT_ID_ROTATED   "c2468f7731934b93a81f4250c5caa488"
#define AUDIT_ID_RESEALED  "65e331b9c25a4a8d83459304ff958956"
#define AUDIT_ID_FLUSHED   "adb590e5ac854007b6d86f1da7f6add0"

typedef enum AuditVerdict {
    AUDIT_DELIVERED, /* the peer has got the whole secret */
    AUDIT_REFUSED,   /* the peer has got the refusal, or hung up over it */
    AUDIT_ABANDONED, /* the peer hung up before */

    /* changes; the peer is who made them */
    AUDIT_STORED,   /* put into the store */
    AUDIT_REMOVED,  /* taken out of it */
    AUDIT_ROTATED,  /* has a new value */
    AUDIT_RESEALED, /* has the same value, sealed anew */
    AUDIT_FLUSHED,  /* unsealed keys are forgotten; of no machine */
    _AUDIT_VERDICT_MAX,
} AuditVerdict;

/* All strings are borrowed, never NULL, "" where unknown. */
typedef struct AuditRecord {
    AuditVerdict verdict;
    bool live; /* UNIT is one in the machine, as that says, and not the machine's own */
    const char *machine;
    const char *id;
    const char *unit;
    pid_t peer_pid; /* 0 if unknown */
    uid_t peer_uid;
    int outcome;        /* Outcome or negative errno; 0 if it went or would have gone well */
    const char *reason; /* what exactly was wrong, see base/outcome.h */
    const char *key;    /* which sealed key it was opened with, or is sealed with */
    uint64_t usec;      /* from accept to the end of the answer, µs */
} AuditRecord;

/* Bytes of a field with its name, its escapes and a newline: twice what a reason and a remedy have.
 * What is longer is cut. */
#define AUDIT_FIELD_BYTES ((size_t)2048)
#define AUDIT_FIELDS_MAX  15U

/* "NAME=value" and a newline each, as the journal's native protocol has them; the first is MESSAGE.
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL */
typedef struct AuditEntry {
    size_t size;
    char text[AUDIT_FIELDS_MAX * AUDIT_FIELD_BYTES];
} AuditEntry;

/* "delivered" and so on, as in the journal; and its MESSAGE_ID. */
const char *audit_verdict_name(AuditVerdict verdict);
const char *audit_message_id(AuditVerdict verdict);

void audit_entry_format(const AuditRecord *record, AuditEntry *ret);

/* The value of the field NAME, into RET, and whether there is one; "" if not. */
bool audit_entry_get(const AuditEntry *entry, const char *name, char ret[AUDIT_FIELD_BYTES]);
