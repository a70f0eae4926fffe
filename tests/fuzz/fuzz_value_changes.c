/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the list of changed values, and what became of them.
 *
 * What parses has valid names, sorted, and is formatted to a text that parses to the same again. If
 * it does not parse, the reason has no control characters.
 */

#include "fleet/value_changes.h"
#include "reason.h"
#include "store/commit.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_applied(BytesView text)
{
    _cleanup_(bytes_done) Bytes again = {0};
    FleetApplied applied, other;
    Reason reason = {0};
    int r = fleet_applied_parse(text, &reason, &applied);

    assert(r == 0 || r == OUTCOME_MALFORMED);
    check_reason(r, &reason);
    if (r != 0)
        return;
    assert(applied.outcome >= 0 && applied.outcome < _OUTCOME_MAX);
    assert(fleet_applied_format(&applied, &again) == 0);
    assert(fleet_applied_parse(bytes_view(&again), NULL, &other) == 0);
    assert(strcmp(applied.credential, other.credential) == 0);
    assert(applied.outcome == other.outcome && applied.time == other.time);
}

static void check_instead(BytesView text)
{
    static const char statement[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    _cleanup_(value_changes_done) ValueChanges files = {0}, other = {0};
    _cleanup_(bytes_done) Bytes again = {0};
    Reason reason = {0};
    int r = instead_parse(text, PENDING_RECORD, statement, &reason, &files);

    assert(r == 0 || r == OUTCOME_MALFORMED);
    check_reason(r, &reason);
    if (r != 0)
        return;
    assert(instead_format(&files, PENDING_RECORD, statement, &again) == 0);
    assert(instead_parse(bytes_view(&again), PENDING_RECORD, statement, NULL, &other) == 0);
    assert(files.count == other.count && files.count <= LIMIT_COMMIT_CHANGES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(value_changes_done) ValueChanges changes = {0}, other = {0};
    _cleanup_(bytes_done) Bytes first = {0}, second = {0};
    Reason reason = {0};
    int r = value_changes_parse((BytesView){data, size}, &reason, &changes);

    check_applied((BytesView){data, size});
    check_instead((BytesView){data, size});
    assert(r == 0 || r == OUTCOME_MALFORMED);
    check_reason(r, &reason);
    if (r != 0)
        return 0;
    assert(changes.count <= LIMIT_COMMIT_CHANGES);
    for (size_t i = 0; i < changes.count; i++) {
        assert(machine_name_valid(changes.changes[i].name.machine));
        assert(credential_id_valid(changes.changes[i].name.id));
        assert(value_changes_find(&changes, &changes.changes[i].name) == &changes.changes[i]);
    }
    assert(value_changes_format(&changes, &first) == 0);
    assert(value_changes_parse(bytes_view(&first), NULL, &other) == 0);
    assert(value_changes_format(&other, &second) == 0);
    assert(bytes_view_equal(bytes_view(&first), bytes_view(&second)));
    return 0;
}
