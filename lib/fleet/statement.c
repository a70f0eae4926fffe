/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/statement.h"

#include "base/base64.h"
#include "base/names.h"
#include "base/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

/* --- values; statement_parse() refuses what is not written as statement_format() does --- */

static bool read_version(const char *text, Statement *)
{
    return strcmp(text, "1") == 0;
}

static bool read_fleet(const char *text, Statement *statement)
{
    if (!fleet_name_valid(text))
        return false;
    strcpy(statement->fleet, text);
    return true;
}

static bool read_number(const char *text, uint64_t limit, uint64_t *ret)
{
    errno = 0;
    *ret = strtoull(text, NULL, 10);
    return errno == 0 && *ret >= 1 && *ret <= limit;
}

static bool read_sequence(const char *text, Statement *statement)
{
    return read_number(text, LIMIT_FLEET_SEQUENCE, &statement->sequence);
}

static bool read_issued(const char *text, Statement *statement)
{
    return timestamp_parse_utc(text, &statement->issued);
}

static bool read_not_after(const char *text, Statement *statement)
{
    return timestamp_parse_utc(text, &statement->not_after) &&
           statement->not_after > statement->issued;
}

static bool read_hosts(const char *text, Statement *statement)
{
    return read_number(text, LIMIT_FLEET_HOSTS, &statement->hosts);
}

static bool read_root(const char *text, Statement *statement)
{
    return hex_decode(text_view(text), statement->root.bytes, sizeof(statement->root.bytes));
}

static bool read_inputs(const char *text, Statement *statement)
{
    return hex_decode(text_view(text), statement->inputs.bytes, sizeof(statement->inputs.bytes));
}

static const struct {
    const char *begin;
    bool (*read)(const char *text, Statement *statement);
} lines[] = {
    {"nspawn-creds-fleet ", read_version},
    {"fleet ", read_fleet},
    {"sequence ", read_sequence},
    {"issued ", read_issued},
    {"not-after ", read_not_after},
    {"hosts ", read_hosts},
    {"root ", read_root},
    {"inputs ", read_inputs},
};

/* --- the whole --- */

int statement_parse(BytesView text, Reason *reason, Statement *ret)
{
    char copy[STATEMENT_TEXT_BYTES] = "", again[STATEMENT_TEXT_BYTES], *rest = copy;
    Statement statement = {0};

    if (text.size > LIMIT_STATEMENT_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED, "the statement is larger than %zu bytes",
                          LIMIT_STATEMENT_BYTES);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *line = strsep(&rest, "\n");
        size_t length = strlen(lines[i].begin);

        if (!line || strncmp(line, lines[i].begin, length) != 0)
            return reason_set(reason, OUTCOME_MALFORMED,
                              "line %zu of the statement does not begin with \"%s\"", i + 1,
                              lines[i].begin);
        if (!lines[i].read(line + length, &statement))
            return reason_set(reason, OUTCOME_MALFORMED,
                              "line %zu of the statement has no valid value after \"%s\"", i + 1,
                              lines[i].begin);
    }
    statement_format(&statement, again);
    if (!bytes_view_equal(text, text_view(again)))
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the statement has more lines, or a value that is written differently");
    *ret = statement;
    return 0;
}

void statement_format(const Statement *statement, char text[STATEMENT_TEXT_BYTES])
{
    char issued[TIMESTAMP_UTC_BYTES], not_after[TIMESTAMP_UTC_BYTES], root[MERKLE_TEXT_BYTES],
        inputs[MERKLE_TEXT_BYTES];

    timestamp_format_utc(statement->issued, issued);
    timestamp_format_utc(statement->not_after, not_after);
    sodium_bin2hex(root, sizeof(root), statement->root.bytes, MERKLE_HASH_BYTES);
    sodium_bin2hex(inputs, sizeof(inputs), statement->inputs.bytes, MERKLE_HASH_BYTES);
    snprintf(text, STATEMENT_TEXT_BYTES,
             "nspawn-creds-fleet 1\n"
             "fleet %s\n"
             "sequence %" PRIu64 "\n"
             "issued %s\n"
             "not-after %s\n"
             "hosts %" PRIu64 "\n"
             "root %s\n"
             "inputs %s\n",
             statement->fleet, statement->sequence, issued, not_after, statement->hosts, root,
             inputs);
}
