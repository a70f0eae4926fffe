/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the fields of an audit entry.
 *
 * The input is a verdict and a delivery, an outcome, and the texts of the record, separated by
 * 0xff. The entry is read as journald reads it. It has the fields of its verdict, once each, with
 * the record's texts in them, and no field that a text contains.
 */

#include "audit/record.h"

#include "base/outcome.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define INPUT_MAX ((size_t)16 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fields that a text of the record fills. */
enum { MACHINE, CREDENTIAL, UNIT, REASON, KEY, TEXTS };
static const char *const text_fields[TEXTS] = {
    "NSPAWN_CREDS_MACHINE", "NSPAWN_CREDS_CREDENTIAL", "NSPAWN_CREDS_UNIT",
    "NSPAWN_CREDS_REASON",  "NSPAWN_CREDS_KEY",
};

/* Those with a value that is known, or NULL. */
typedef struct Fixed {
    const char *name, *value;
} Fixed;

static void check_escaped(const char *name, const char *value, const char *text)
{
    const char *start = value;

    for (; *value && *text; text++) {
        unsigned char byte = (unsigned char)*text;
        char escape[5] = {*text};

        if (byte < 0x20 || byte == 0x7f)
            snprintf(escape, sizeof(escape), "\\x%02x", byte);
        assert(strncmp(value, escape, strlen(escape)) == 0);
        value += strlen(escape);
    }
    assert(!*value);
    /* a text that is too long is cut off */
    assert(!*text || strlen(name) + (size_t)(value - start) > AUDIT_FIELD_BYTES - 16);
}

/* Returns the bit of the field NAME, in the order of FIXED and text_fields. */
static unsigned check_field(const AuditRecord *record, const char *name, const char *value)
{
    const char *texts[TEXTS] = {record->machine, record->id, record->unit, record->reason,
                                record->key};
    const Fixed fixed[] = {
        {"MESSAGE", NULL},
        {"MESSAGE_ID", audit_verdicts[record->verdict].message_id},
        {"PRIORITY", NULL},
        {"SYSLOG_IDENTIFIER", "nspawn-creds-broker"},
        {"NSPAWN_CREDS_VERDICT", audit_verdicts[record->verdict].name},
        {"NSPAWN_CREDS_OUTCOME", outcome_name(record->outcome)},
        {"NSPAWN_CREDS_PEER_PID", "7"},
        {"NSPAWN_CREDS_PEER_UID", "8"},
        {"NSPAWN_CREDS_USEC", "9"},
        {"NSPAWN_CREDS_DELIVERY", record->live ? "live" : "boot"},
        {"NSPAWN_CREDS_SEALED_OUTSIDE", "yes"},
    };

    for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (strcmp(name, fixed[i].name) == 0) {
            assert(!fixed[i].value || strcmp(value, fixed[i].value) == 0);
            return 1U << i;
        }
    for (unsigned i = 0; i < TEXTS; i++)
        if (strcmp(name, text_fields[i]) == 0) {
            check_escaped(name, value, texts[i]);
            return 1U << (16 + i);
        }
    assert(false); /* no record has such a field */
    return 0;
}

static void check_entry(const AuditRecord *record, const AuditEntry *entry)
{
    const char *texts[TEXTS] = {record->machine, record->id, record->unit, record->reason,
                                record->key};
    unsigned expected = record->verdict < AUDIT_STORED ? 0x3ff : 0x1ff, seen = 0;
    char name[64], value[AUDIT_FIELD_BYTES], got[AUDIT_FIELD_BYTES];
    const char *end = entry->text + entry->size;

    expected |= record->sealed_outside ? 0x400U : 0;
    for (unsigned i = 0; i < TEXTS; i++)
        expected |= texts[i][0] ? 1U << (16 + i) : 0;
    assert(entry->size <= sizeof(entry->text));
    for (const char *line = entry->text, *newline; line < end; line = newline + 1) {
        size_t length = strcspn(line, "=\n");
        unsigned field;

        newline = memchr(line, '\n', (size_t)(end - line));
        /* a line without "=" announces binary data */
        assert(newline && line[length] == '=' && length < sizeof(name));
        assert((size_t)(newline - line) < AUDIT_FIELD_BYTES);
        memcpy(name, line, length);
        name[length] = '\0';
        memcpy(value, line + length + 1, (size_t)(newline - line) - length - 1);
        value[newline - line - (ptrdiff_t)length - 1] = '\0';
        for (const char *c = value; c < value + (newline - line) - length - 1; c++)
            assert((unsigned char)*c >= ' ' && *c != 0x7f);
        field = check_field(record, name, value);
        assert(!(seen & field) && audit_entry_get(entry, name, got) && strcmp(got, value) == 0);
        seen |= field;
    }
    assert(seen == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static AuditEntry entry;
    char texts[INPUT_MAX + TEXTS] = {0}, *text[TEXTS], *at = texts;
    AuditRecord record = {.peer_pid = 7, .peer_uid = 8, .fleet = "", .usec = 9};

    if (size < 2 || size > INPUT_MAX)
        return 0;
    record.verdict = data[0] / 2 % _AUDIT_VERDICT_MAX;
    record.live = data[0] & 1;
    record.sealed_outside = data[0] & 0x80;
    record.outcome = data[1] < 0x80 ? data[1] % _OUTCOME_MAX : -(data[1] - 0x7f);
    memcpy(texts, data + 2, size - 2);
    for (int i = 0; i < TEXTS; i++) {
        text[i] = at;
        at = strchr(at, 0xff) ? strchr(at, 0xff) : at + strlen(at);
        if (*at)
            *at++ = '\0';
    }
    record.machine = text[MACHINE];
    record.id = text[CREDENTIAL];
    record.unit = text[UNIT];
    record.reason = text[REASON];
    record.key = text[KEY];
    audit_entry_format(&record, &entry);
    check_entry(&record, &entry);
    return 0;
}
