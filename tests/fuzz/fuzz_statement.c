/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: a fleet's statement.
 *
 * One that parses has the ranges of statement.h, and is formatted to the same text. If it does not
 * parse, the reason has no control characters.
 */

#include "base/names.h"
#include "fleet/statement.h"
#include "reason.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char again[STATEMENT_TEXT_BYTES];
    Statement statement;
    Reason reason = {0};
    int r = statement_parse((BytesView){data, size}, &reason, &statement);

    assert(r == 0 || r == OUTCOME_MALFORMED);
    check_reason(r, &reason);
    if (r != 0)
        return 0;
    assert(fleet_name_valid(statement.fleet) && statement.issued < statement.not_after);
    assert(statement.sequence >= 1 && statement.sequence <= LIMIT_FLEET_SEQUENCE);
    assert(statement.hosts >= 1 && statement.hosts <= LIMIT_FLEET_HOSTS);
    statement_format(&statement, again);
    assert(bytes_view_equal((BytesView){data, size}, text_view(again)));
    return 0;
}
