/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The statement in a fleet's repository, and who has signed it:
 *
 *     statement                  docs/FLEET.md
 *     statement.sig.PRINCIPAL    a signature, as ssh-keygen writes it
 *     statement.hosts            the leaves of its tree, "HOST SHA256" for each, sorted
 *     statement.wave             the hosts that get other files by it than by the one before
 *     statement.history          the last statements, "SEQUENCE SHA256" for each, sorted
 *     statement.gone             hosts that are in no statement any more; see push.c
 *
 * Only the first three are signed, or proved by what is signed. The others decide nothing about
 * what hosts get.
 */

#include "fleet/admin.h"
#include "fleet/statement.h"
#include "fleet/verified.h"

#define STATEMENT_FILE      "statement"
#define STATEMENT_SIGNATURE "statement.sig."
#define STATEMENT_HOSTS     "statement.hosts"
#define STATEMENT_WAVE      "statement.wave"
#define STATEMENT_HISTORY   "statement.history"
#define STATEMENT_GONE      "statement.gone"

typedef struct SignedStatement {
    Bytes text; /* empty: there is none */
    Statement statement;
    char **principals; /* who of the allowed signers has signed it */
    size_t count;
    bool known; /* the signers are; otherwise nobody counts */
} SignedStatement;

void signed_statement_done(SignedStatement *statement); /* for _cleanup_ */

/* Reads the statement, and counts signatures by SIGNERS (may be empty) that count at NOW.
 * OUTCOME_BAD_REPOSITORY if it is malformed. */
int signed_statement_read(const Repository *repository, const AllowedSigners *signers, uint64_t now,
                          Reason *reason, SignedStatement *ret);

/* The same with the signers of ADMIN. A machine without a file of them, such as one for CI, knows
 * none. */
int signed_statement_load(const Repository *repository, const FleetAdmin *admin, uint64_t now,
                          Reason *reason, SignedStatement *ret);

/* Whether hosts would accept it at NOW, as far as this machine knows: THRESHOLD signatures, if it
 * knows the signers, and no lower sequence than VERIFIED here. OUTCOME_UNSIGNED,
 * OUTCOME_OLD_REPOSITORY; OUTCOME_EXPIRING if it has to be renewed soon. */
int signed_statement_check(const SignedStatement *statement, size_t threshold, uint64_t verified,
                           uint64_t now, Reason *reason);

/* The signature's file of a signer. OUTCOME_BAD_SIGNERS if the name cannot be one. */
#define SIGNATURE_NAME_BYTES (sizeof(STATEMENT_SIGNATURE) + LIMIT_PRINCIPAL_BYTES)
int signature_name(const char *principal, Reason *reason, char name[SIGNATURE_NAME_BYTES]);

/* The root of the tree of LEAVES; at least one. -ENOMEM. */
int leaves_root(const KnownLeaves *leaves, MerkleHash *ret);

/* Parses the text of STATEMENT_HOSTS, which it changes, into RET, which has room for COUNT. Whether
 * it has that many, sorted. */
bool leaves_parse(char *text, KnownLeaf *ret, size_t count);

/* Reads STATEMENT_HOSTS, and checks that these are the leaves of STATEMENT. OUTCOME_UNSIGNED if
 * they are not, or there is no such file; OUTCOME_BAD_REPOSITORY. */
int leaves_read(const Repository *repository, const Statement *statement, Reason *reason,
                KnownLeaves *ret);

/* Adds STATEMENT, with its TEXT, to STATEMENT_HISTORY. */
int history_add(const Repository *repository, const Statement *statement, const char *text,
                Reason *reason);

/* The sequence of the statement with this DIGEST, as far as STATEMENT_HISTORY, HISTORY, has it;
 * else 0. */
uint64_t history_find(const char *history, const char *digest);

/* Reads STATEMENT_HISTORY; RET is "" if there is none. */
int history_read(const Repository *repository, Reason *reason, char **ret);

/* Reads the file NAME of names of hosts, a line each, and sorts them. NULL and 0 if there is none.
 * OUTCOME_BAD_REPOSITORY. */
int host_names_read(const Repository *repository, const char *name, Reason *reason, char ***ret,
                    size_t *ret_count);

/* Whether HOST is among COUNT sorted NAMES. */
bool host_names_have(char *const *names, size_t count, const char *host);

/* Writes the file NAME, or removes it for no names. */
int host_names_write(const Repository *repository, const char *name, char *const *names,
                     size_t count, Reason *reason);
