/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the tests of commits: a store of five credentials, its possible states, the commits
 * that lead from one state to another, and system calls that fail when a test wants it.
 */

#include "support.h"

#include "store/commit.h"

#define CREDENTIALS 5U

/* The credentials of the store, in order; NULL for one that does not exist. */
typedef struct State {
    const char *sealed[CREDENTIALS]; /* web@a, web@b, web@c, db@a, mail@a */
    const char *public[CREDENTIALS];
    const char *old[CREDENTIALS]; /* the only earlier value */
    const char *record;           /* called "fleet" */
} State;

typedef struct Scenario {
    const char *title;
    State before, after;
} Scenario;

extern const Scenario scenarios[];
extern const size_t scenario_count;

typedef struct CommitFixture {
    TestFolder folder; /* "store", and what was said to be applied, "applied" */
    Store *store;
    const Scenario *scenario;
} CommitFixture;

int commit_set_up(void **state);
int commit_tear_down(void **state);

CredentialName commit_name(size_t credential);

/* Makes an empty store of the same name and puts STATE into it. */
void commit_begin(CommitFixture *fixture, const Scenario *scenario);

/* The commit from one of the scenario's states to the other, by "test". */
int commit_act(const CommitFixture *fixture, Reason *reason);

int commit_recover(const CommitFixture *fixture, Reason *reason);

/* ACT in a process that is killed before its CALLth call of those below, which are all that change
 * the store; false if it came to its end first, and well. */
bool commit_kill(const CommitFixture *fixture,
                 int (*act)(const CommitFixture *fixture, Reason *reason), unsigned call);

/* Whether the store is seen in STATE, by all that reads it. */
bool commit_is(const CommitFixture *fixture, const State *state);

/* The same, but the state is one of the two of the scenario: whether it is the later. */
bool commit_is_after(const CommitFixture *fixture);

/* No traces of a commit under way; each file has one link. */
void commit_expect_tidy(const CommitFixture *fixture);

/* What was said to be applied since commit_begin(): each change of the scenario once, but for at
 * most MISSING; with AFTER false nothing. */
void commit_expect_applied(const CommitFixture *fixture, bool after, unsigned missing);

/* --- calls that fail --- */

extern unsigned commit_calls;   /* since it was set to 0 */
extern unsigned commit_fail_at; /* the call that fails, from 1; 0 for none */
extern int commit_errno; /* with this; ENOSPC: only calls that need room, and all later ones */

extern void (*commit_hook)(void); /* called before each, if not NULL */

unsigned commit_comparisons(void); /* calls of strcmp(3) so far */
