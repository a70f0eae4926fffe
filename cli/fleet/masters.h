/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Masters, the master copies: the files of a fleet's secrets that its administrators can open, to
 * seal them again.
 *
 * age(1) encrypts and opens them, with its plugins for tokens. The administrator may have another
 * program, such as gpg, do either. Its command comes from their own configuration and never from
 * the repository, which others may write to. Values go through pipes into guarded memory.
 */

#include "fleet/repository.h"
#include "secret/secret.h"

/* How this administrator opens and encrypts masters. A command ends with NULL, reads its standard
 * input, and prints the result. */
typedef struct MasterProgram {
    const char *identity;       /* the file with age's key; NULL if not known */
    const char *const *open;    /* in place of age, or NULL */
    const char *const *encrypt; /* the same */
} MasterProgram;

/* --- recipients: who can open the masters, in the format of age's option --recipients-file --- */

typedef struct Recipients {
    char *text;
    const char **lines; /* without comments; each once; they point into .text */
    size_t count;       /* from 2 to LIMIT_RECIPIENTS */
} Recipients;

void recipients_done(Recipients *recipients); /* for _cleanup_ */

/* OUTCOME_BAD_REPOSITORY, with the number of the line; -ENOMEM. age checks the keys themselves when
 * it encrypts. */
int recipients_parse(BytesView file, Reason *reason, Recipients *ret);

/* --- values --- */

/* Opens the master FILE. NAME is for messages. OUTCOME_BAD_REPOSITORY if it is none; -ENOENT
 * without the program; -ECANCELED if that fails, which it has explained on standard error. */
int master_open(const MasterProgram *program, const char *name, BytesView file, Reason *reason,
                Secret **ret);

/* Encrypts VALUE. Errors as above. */
int master_encrypt(const MasterProgram *program, const Recipients *recipients, const Secret *value,
                   Reason *reason, Bytes *ret);

/* --- in a repository --- */

/* Reads its recipients. OUTCOME_BAD_REPOSITORY. */
int recipients_read(const Repository *repository, Reason *reason, Recipients *ret);

/* Reads the master of SECRET, as repository_read() does. */
int master_read_file(const Repository *repository, const char *secret, Reason *reason, Bytes *ret);

/* Reads and opens it. RET_FILE may be NULL. OUTCOME_USAGE if there is none. */
int master_read(const Repository *repository, const MasterProgram *program, const char *secret,
                Reason *reason, Secret **ret, Bytes *ret_file);

/* The secret whose master has the name NAME; false if it is none's. */
bool master_secret(const char *name, char ret[LIMIT_FLEET_SECRET_BYTES + 1]);

/* Whether SECRET has one. */
bool master_exists(const Repository *repository, const char *secret);

typedef struct MasterChange {
    char *secret; /* its name */
    Bytes file;   /* its new master */
} MasterChange;

void master_change_done(MasterChange *change); /* for _cleanup_ */

/* Writes all masters in CHANGES, which are encrypted to RECIPIENTS, or none: they and those that
 * stay are collected in a new directory, which takes the place of the old one. */
int masters_write(const Repository *repository, const Recipients *recipients,
                  const MasterChange *changes, size_t count, Reason *reason);

/* Whether the masters are encrypted to RECIPIENTS, as far as it is known: age does not say who can
 * open a file. So the masters' directory has a list of those to whom all of them were encrypted
 * last. 0, also if there is no list; OUTCOME_NOT_REKEYED; OUTCOME_BAD_REPOSITORY. */
int masters_check_recipients(const Repository *repository, const Recipients *recipients,
                             Reason *reason);
