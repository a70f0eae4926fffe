/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "rollback/rollback_check.h"

#include "base/array.h"
#include "fleet/fleet_set.h"
#include "store/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* How often what is there is compared again because another program changed it meanwhile. */
#define LOOKS 3

/* --- what is there --- */

/* The sequence that this host has accepted of FLEET; 0 for none. */
static int read_sequence(const char *store, const char *fleet, Reason *reason, uint64_t *ret)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    int r = fleet_set_open_damaged(store, fleet, reason, &set);

    *ret = r == 0 ? set.statement.sequence : 0;
    return r == OUTCOME_NO_SET ? 0 : r;
}

static int look_at_fleets(const char *store, Reason *reason, RollbackState *state)
{
    _cleanup_(strings_freep) char **fleets = NULL;
    int r = fleet_set_list(store, reason, &fleets);

    for (char **fleet = fleets; r == 0 && *fleet; fleet++) {
        RollbackFleet *entry;
        uint64_t sequence;

        r = read_sequence(store, *fleet, reason, &sequence);
        if (r != 0 || sequence == 0)
            continue;
        entry = rollback_state_add(state, *fleet);
        if (!entry)
            return reason_set(reason, OUTCOME_TOO_LARGE,
                              "a host with rollback protection can be in %zu fleets",
                              LIMIT_ROLLBACK_FLEETS);
        entry->sequence = entry->before = sequence;
    }
    return r;
}

/* Writes to .store and .fleets what is there now. The store does not change meanwhile. */
static int look(const Rollback *rollback, const char *path, Reason *reason, RollbackState *ret)
{
    _cleanup_(store_freep) Store *store = NULL;
    _cleanup_(closep) int lock = -1;
    RollbackState now = {0};
    int r = geteuid() == 0 ? store_open_installed(path, reason, &store)
                           : store_new(path, reason, &store);

    if (r == 0)
        r = store_lock(store, reason, &lock);
    if (r == 0)
        r = rollback_index(rollback, store, reason, now.store);
    if (r == 0)
        r = look_at_fleets(path, reason, &now);
    memcpy(now.before, now.store, sizeof(now.before));
    if (r == 0)
        *ret = now;
    return r;
}

/* --- comparing --- */

static bool is_index(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, ROLLBACK_INDEX_BYTES) == 0;
}

static int compare_fleet(const RollbackFleet *said, uint64_t sequence, Reason *reason)
{
    if (sequence == said->sequence || sequence == said->before)
        return 0;
    if (sequence == 0)
        return reason_set(reason, OUTCOME_ROLLED_BACK,
                          "this host has no set of the fleet %s, and has accepted sequence "
                          "%" PRIu64,
                          said->name, said->sequence);
    return reason_set(reason, OUTCOME_ROLLED_BACK,
                      "this host has the set of sequence %" PRIu64 " of the fleet %s, and has "
                      "accepted sequence %" PRIu64,
                      sequence, said->name, said->sequence);
}

static int compare(RollbackState *said, RollbackState *now, Reason *reason)
{
    int r = 0;

    if (!is_index(now->store, said->store) && !is_index(now->store, said->before))
        return reason_set(reason, OUTCOME_ROLLED_BACK,
                          "the store is not as this program has left it: files in it were restored "
                          "or changed in another way");
    for (size_t i = 0; r == 0 && i < said->fleet_count; i++) {
        const RollbackFleet *fleet = rollback_state_find(now, said->fleets[i].name);

        r = compare_fleet(&said->fleets[i], fleet ? fleet->sequence : 0, reason);
    }
    for (size_t i = 0; r == 0 && i < now->fleet_count; i++)
        if (!rollback_state_find(said, now->fleets[i].name))
            r = reason_set(reason, OUTCOME_ROLLED_BACK,
                           "this host has a set of the fleet %s, and has accepted none",
                           now->fleets[i].name);
    return r;
}

/* Writes NOW in place of what SAID leaves open, unless another program was faster. */
static int settle_state(const Rollback *rollback, const RollbackState *said,
                        const RollbackState *now, Reason *reason)
{
    _cleanup_(closep) int lock = -1;
    RollbackState state;
    int r = rollback_lock(rollback, reason, &lock);

    if (r == 0)
        r = rollback_read(rollback, reason, &state);
    if (r != 0 || !rollback_state_equal(&state, said))
        return r;
    memcpy(state.store, now->store, sizeof(state.store));
    memcpy(state.before, now->store, sizeof(state.before));
    memcpy(state.fleets, now->fleets, sizeof(state.fleets));
    state.fleet_count = now->fleet_count;
    return rollback_write(rollback, &state, reason);
}

int rollback_check(const char *store, bool settle, Reason *reason, RollbackState *ret)
{
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    RollbackState said, now, again;
    int r = rollback_open(store, reason, &rollback);

    if (r == 0)
        r = rollback_read(rollback, reason, &said);
    for (unsigned i = 0; r == 0; i++) {
        r = look(rollback, store, reason, &now);
        if (r == 0)
            r = compare(&said, &now, reason);
        if (r != OUTCOME_ROLLED_BACK || i == LOOKS || rollback_read(rollback, NULL, &again) != 0 ||
            rollback_state_equal(&said, &again))
            break;
        said = again;
        r = 0;
    }
    if (r == 0 && settle && rollback_state_pending(&said))
        r = settle_state(rollback, &said, &now, reason);
    if (r == 0)
        *ret = said;
    return r;
}

static int take(const Rollback *rollback, const char *store, RollbackState *state, Reason *reason)
{
    _cleanup_(closep) int lock = -1;
    RollbackState now;
    int r = look(rollback, store, reason, &now);

    if (r == 0)
        r = rollback_lock(rollback, reason, &lock);
    if (r != 0)
        return r;
    now.counter = state->counter;
    now.value = state->value;
    now.counted = state->counted;
    now.changed = true; /* an increment makes older copies older */
    return rollback_write(rollback, &now, reason);
}

int rollback_take(const char *store, uint32_t counter, uint64_t value, uint64_t now, Reason *reason)
{
    RollbackState state = {.counter = counter, .value = value, .counted = now - now % 1000000};
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    RollbackState checked;
    int r = rollback_open(store, reason, &rollback);

    /* the broker may commit between both */
    for (unsigned i = 0; r == 0 || (r == OUTCOME_ROLLED_BACK && rollback && i < LOOKS); i++) {
        r = take(rollback, store, &state, reason);
        if (r == 0)
            r = rollback_check(store, false, reason, &checked);
        if (r == 0)
            return 0;
    }
    return r;
}
