/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "audit/record.h"

#include "base/outcome.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* A message before it is escaped: a subject, a reason and a remedy. */
#define LINE_BYTES ((size_t)1024)

const AuditVerdictInfo audit_verdicts[_AUDIT_VERDICT_MAX] = {
    [AUDIT_DELIVERED] = {"delivered", "def737ae9a3d488eabcf05b956e29b5b", LOG_INFO},
    [AUDIT_REFUSED] = {"refused", "480ad2cff2c44a6998a88871fd0a53c9", LOG_WARNING},
    [AUDIT_ABANDONED] = {"abandoned", "67f0dcfade304460a0cbd9642fc478b5", LOG_INFO},
    [AUDIT_STORED] = {"stored", "b7faed45d87244ac8770d6b83bed1a4c", LOG_NOTICE},
    [AUDIT_REMOVED] = {"removed", "dfe9255780ec423fb9083421778cbed9", LOG_NOTICE},
    [AUDIT_ROTATED] = {"rotated", "c2468f7731934b93a81f4250c5caa488", LOG_NOTICE},
    [AUDIT_RESEALED] = {"resealed", "65e331b9c25a4a8d83459304ff958956", LOG_NOTICE},
    [AUDIT_FLUSHED] = {"flushed", "adb590e5ac854007b6d86f1da7f6add0", LOG_NOTICE},
    [AUDIT_ROLLED_BACK] = {"rolled-back", "414d3bac0dc449c79bc23f30e3fe60e7", LOG_ALERT},
    [AUDIT_PROTECTION] = {"protection", "4d19f7059b1e41749dd4cc77178c386e", LOG_NOTICE},
    [AUDIT_CHECKED] = {"checked", "356c1158cbf64cb0842efa56bedcefe5", LOG_INFO},
    [AUDIT_ACCEPTED] = {"accepted", "909dcee5625d47deadffce3af6e1ed6c", LOG_NOTICE},
    [AUDIT_REJECTED] = {"rejected", "28a20876615b4e17bb3f421b0fae2fba", LOG_WARNING},
    [AUDIT_RESET] = {"reset", "528dac8a28c0486c83e79304f84e3d52", LOG_WARNING},
};

AuditVerdict audit_verdict_of_change(const char *verb, bool removed)
{
    if (removed)
        return AUDIT_REMOVED;
    if (strcmp(verb, "rotate") == 0 || strcmp(verb, "back") == 0)
        return AUDIT_ROTATED;
    return strcmp(verb, "reseal") == 0 ? AUDIT_RESEALED : AUDIT_STORED;
}

/* Escapes control characters; keeps UTF-8. */
static void add(AuditEntry *entry, const char *name, const char *value)
{
    char *field = entry->text + entry->size;
    char *end = field + AUDIT_FIELD_BYTES - sizeof("\\x00"); /* one escape, and the newline */
    char *to = stpcpy(stpcpy(field, name), "=");

    assert(entry->size + AUDIT_FIELD_BYTES <= sizeof(entry->text));
    for (; *value && to < end; value++) {
        unsigned char byte = (unsigned char)*value;

        if (byte < ' ' || byte == 0x7f)
            to += snprintf(to, sizeof("\\x00"), "\\x%02x", byte);
        else
            *to++ = *value;
    }
    *to++ = '\n';
    entry->size = (size_t)(to - entry->text);
}

__attribute__((format(printf, 3, 4))) static void add_formatted(AuditEntry *entry, const char *name,
                                                                const char *format, ...)
{
    char value[LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    add(entry, name, value);
}

static void add_if_known(AuditEntry *entry, const char *name, const char *value)
{
    if (value[0])
        add(entry, name, value);
}

/* "web@db-password", or as much as is known, whether its predecessor was used, and which fleet it
 * comes from, or else whether somebody else may have sealed it. */
static void format_subject(const AuditRecord *record, char *text, size_t size)
{
    if (record->machine[0] && record->id[0] && record->fleet[0])
        snprintf(text, size, "%s@%s (%sfleet %s, sequence %llu)", record->machine, record->id,
                 record->predecessor ? "its predecessor, " : "", record->fleet,
                 (unsigned long long)record->sequence);
    else if (record->machine[0] && record->id[0])
        snprintf(text, size, "%s@%s%s%s", record->machine, record->id,
                 record->predecessor ? " (its predecessor)" : "",
                 record->sealed_outside ? " (sealed outside this TPM)" : "");
    else if (record->unit[0] && record->id[0])
        snprintf(text, size, "%s of %s", record->id, record->unit);
    else
        snprintf(text, size, "request of process %lld", (long long)record->peer_pid);
}

static void add_message(AuditEntry *entry, const AuditRecord *record)
{
    const char *reason = record->reason[0] ? record->reason : outcome_sentence(record->outcome);
    char text[OUTCOME_REMEDY_BYTES];
    const char *remedy = outcome_remedy_for(record->outcome, record->machine, record->id, text);
    const char *unit = record->unit[0] ? record->unit : "its unit";
    const char *live = record->live ? " live" : "";
    double ms = (double)record->usec / 1000.0;
    char subject[LINE_BYTES / 2];

    format_subject(record, subject, sizeof(subject));
    switch (record->verdict) {
    case AUDIT_DELIVERED:
        add_formatted(entry, "MESSAGE", "%s: delivered%s to %s in %.1f ms", subject, live, unit,
                      ms);
        break;
    case AUDIT_REFUSED:
        add_formatted(entry, "MESSAGE", "%s: refused%s: %s%s%s", subject, live, reason,
                      remedy ? ". " : "", remedy ? remedy : "");
        break;
    case AUDIT_ABANDONED:
        add_formatted(entry, "MESSAGE",
                      "%s: %s closed the connection after %.1f ms, before it was answered", subject,
                      unit, ms);
        break;
    case AUDIT_FLUSHED:
        add_formatted(entry, "MESSAGE", "unsealed keys: flushed by process %lld",
                      (long long)record->peer_pid);
        break;
    case AUDIT_ROLLED_BACK:
        add_formatted(entry, "MESSAGE", "rollback protection: %s%s%s", reason, remedy ? ". " : "",
                      remedy ? remedy : "");
        break;
    case AUDIT_PROTECTION:
        add_formatted(entry, "MESSAGE", "rollback protection: %s by process %lld", reason,
                      (long long)record->peer_pid);
        break;
    case AUDIT_CHECKED:
        add_formatted(entry, "MESSAGE", "%s: checked by process %lld: %s%s%s", subject,
                      (long long)record->peer_pid,
                      record->outcome == 0 ? "would be delivered" : reason, remedy ? ". " : "",
                      remedy ? remedy : "");
        break;
    case AUDIT_ACCEPTED:
        add_formatted(entry, "MESSAGE", "fleet %s: sequence %llu was accepted", record->fleet,
                      (unsigned long long)record->sequence);
        break;
    case AUDIT_REJECTED:
        add_formatted(entry, "MESSAGE", "fleet %s: an offer was rejected: %s%s%s", record->fleet,
                      reason, remedy ? ". " : "", remedy ? remedy : "");
        break;
    case AUDIT_RESET:
        add_formatted(entry, "MESSAGE",
                      "fleet %s: any sequence may follow sequence %llu, by order of process %lld",
                      record->fleet, (unsigned long long)record->sequence,
                      (long long)record->peer_pid);
        break;
    default:
        add_formatted(entry, "MESSAGE", "%s: %s by process %lld", subject,
                      audit_verdicts[record->verdict].name, (long long)record->peer_pid);
    }
}

void audit_entry_format(const AuditRecord *record, AuditEntry *ret)
{
    const AuditVerdictInfo *verdict = &audit_verdicts[record->verdict];

    ret->size = 0;
    add_message(ret, record);
    add(ret, "MESSAGE_ID", verdict->message_id);
    add_formatted(ret, "PRIORITY", "%d", verdict->priority);
    add(ret, "SYSLOG_IDENTIFIER", "nspawn-creds-broker");
    add(ret, "NSPAWN_CREDS_VERDICT", verdict->name);
    add(ret, "NSPAWN_CREDS_OUTCOME", outcome_name(record->outcome));
    add_if_known(ret, "NSPAWN_CREDS_REASON", record->reason);
    add_if_known(ret, "NSPAWN_CREDS_MACHINE", record->machine);
    add_if_known(ret, "NSPAWN_CREDS_CREDENTIAL", record->id);
    add_if_known(ret, "NSPAWN_CREDS_UNIT", record->unit);
    add_if_known(ret, "NSPAWN_CREDS_KEY", record->key);
    if (record->sealed_outside)
        add(ret, "NSPAWN_CREDS_SEALED_OUTSIDE", "yes");
    if (record->predecessor)
        add(ret, "NSPAWN_CREDS_PREDECESSOR", "yes");
    if (record->fleet[0]) {
        add(ret, "NSPAWN_CREDS_FLEET", record->fleet);
        add_formatted(ret, "NSPAWN_CREDS_SEQUENCE", "%llu", (unsigned long long)record->sequence);
    }
    if (record->verdict < AUDIT_STORED)
        add(ret, "NSPAWN_CREDS_DELIVERY", record->live ? "live" : "boot");
    add_formatted(ret, "NSPAWN_CREDS_PEER_PID", "%lld", (long long)record->peer_pid);
    add_formatted(ret, "NSPAWN_CREDS_PEER_UID", "%u", record->peer_uid);
    add_formatted(ret, "NSPAWN_CREDS_USEC", "%llu", (unsigned long long)record->usec);
}

bool audit_entry_get(const AuditEntry *entry, const char *name, char ret[AUDIT_FIELD_BYTES])
{
    size_t length = strlen(name);
    const char *field = entry->text, *end = entry->text + entry->size, *newline;

    ret[0] = '\0';
    for (; field < end; field = newline + 1) {
        newline = memchr(field, '\n', (size_t)(end - field));
        if (strncmp(field, name, length) != 0 || field[length] != '=')
            continue;
        field += length + 1;
        memcpy(ret, field, (size_t)(newline - field));
        ret[newline - field] = '\0';
        return true;
    }
    return false;
}
