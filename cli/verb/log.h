/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The audit entries in the journal, for the verbs log and why.
 */

#include "audit/record.h"
#include "base/outcome.h"

#include <json-c/json.h>
#include <systemd/sd-journal.h>

/* Opens the journal at its head, with only the entries of MACHINE (NULL: of all) that have one of
 * the verdicts up to LAST. Entries that anybody else could have written are left out. A negative
 * errno; -EACCES for a user who may not read it. */
int log_open(const char *machine, AuditVerdict last, Reason *reason, sd_journal **ret);

/* The entry that JOURNAL is at: prints it in a line, or returns its fields. */
void log_print(sd_journal *journal);
struct json_object *log_to_json(sd_journal *journal);

/* The value of its field NAME, "" if it has none. */
void log_field(sd_journal *journal, const char *name, char text[AUDIT_FIELD_BYTES]);
