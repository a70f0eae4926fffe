/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sealed files of a fleet's hosts, sealed/HOST/:
 *
 *     MACHINE@ID.cred    a sealed file
 *     manifest.json      the host's manifest
 *     inputs             what they were sealed from: "host SHA256", of the identity, and for each
 * file "MACHINE@ID [pcrs=…] [pcrPolicy=…] SHA256 [pending]", of the master
 *
 * A host is sealed into a new directory, which then takes the place of the old one. As long as its
 * inputs stay the same, nothing is done for it. If they change, those machines are sealed anew of
 * which anything has changed.
 */

#include "base/context.h"
#include "fleet/verified.h"

#define SEALED_DIRECTORY "sealed"
#define SEALED_NEW       "sealed.new" /* being made, or what an interrupted command left */
#define SIGNED_DIRECTORY "signed"     /* see signed_files.h */
#define SEALED_MANIFEST  "manifest.json"
#define SEALED_INPUTS    "inputs"

/* Reads the file NAME of HOST in PARENT, which is SEALED_DIRECTORY or SIGNED_DIRECTORY. As
 * repository_read(). */
int sealed_read(const Repository *repository, const char *parent, const char *host,
                const char *name, size_t limit, Reason *reason, Bytes *ret);

/* Whether HOST's files in PARENT are those that the manifest there names. OUTCOME_UNSEALED if there
 * is no manifest; OUTCOME_BAD_REPOSITORY. */
int sealed_examine(const Repository *repository, const char *parent, const char *host,
                   Reason *reason);

/* The leaf of HOST's manifest in PARENT. OUTCOME_UNSEALED if it has none. */
int sealed_leaf(const Repository *repository, const char *parent, const char *host, Reason *reason,
                MerkleHash *ret);

/* What hosts' directories are compared with; borrowed but for .lines. */
typedef struct SealedSurvey {
    const Repository *repository;
    const Inventory *inventory;
    const FleetVerified *verified;
    uint64_t now;
    char **lines; /* of "inputs", for each secret in the repository's file, with a line feed */
} SealedSurvey;

void sealed_survey_done(SealedSurvey *survey); /* for _cleanup_ */

/* Makes .lines from the rest. -ENOMEM. */
int sealed_survey_begin(SealedSurvey *survey);

/* What "inputs" has to contain for HOST. -ENOMEM. */
int sealed_inputs(const SealedSurvey *survey, const RepositoryHost *host, Bytes *ret);

/* Whether HOST's directory has the files that its manifest names and no others, and these are its
 * secrets, for its keys. RET is the manifest's leaf. OUTCOME_UNSEALED if there is no manifest;
 * OUTCOME_BAD_REPOSITORY. */
int sealed_check(const SealedSurvey *survey, const RepositoryHost *host, Reason *reason,
                 MerkleHash *ret);

/* How the files of a host look from outside: their names, sizes, inodes and times, and what they
 * have to be sealed from. If that is the same as when they were last compared with their manifest,
 * nobody has changed them since. */
typedef struct SealedStamp {
    MerkleHash digest;
    bool settled; /* the last change was long enough ago that another would have another time */
} SealedStamp;

/* The state of a host's directory. Plain memory, for processes that look at many. */
typedef struct SealedState {
    int rc;            /* OUTCOME_UNSEALED: not sealed yet; OUTCOME_BAD_REPOSITORY: see .damage */
    bool same;         /* everything is as it has to be: nothing is to be done */
    MerkleHash leaf;   /* if .rc is 0, and not .same */
    SealedStamp stamp; /* if .same */
    Reason damage;
} SealedState;

/* Compares HOST's directory with its manifest, and with what it has to be sealed from. The files
 * are not read if they look as they did at the last time. */
int sealed_survey(const SealedSurvey *survey, const RepositoryHost *host, Reason *reason,
                  SealedState *ret);

/* .settled is false if there is anything that cannot be examined. -ENOMEM. */
int sealed_stamp(const SealedSurvey *survey, const RepositoryHost *host, SealedStamp *ret);

/* One host that is to be sealed. */
typedef struct SealedPlan {
    const RepositoryHost *host;
    Bytes inputs;
    bool *seal;      /* for each of its secrets: whether it is sealed anew, or its file kept */
    char *damage;    /* what is wrong with the files that are there; NULL if nothing is */
    MerkleHash leaf; /* when it was sealed */
} SealedPlan;

void sealed_plan_done(SealedPlan *plan);

/* Decides which files of HOST have to be sealed, after STATE was found, which is not .same. Files
 * that .verified does not know are not kept, because whoever sealed them knows their key; nor are
 * those of a host of which one is damaged. */
int sealed_plan_make(const SealedSurvey *survey, const RepositoryHost *host,
                     const SealedState *state, Reason *reason, SealedPlan *ret);

/* Seals PLAN's host into SEALED_NEW, and sets .leaf. VALUES are the masters' values by the index of
 * the secret. RET_FILES is how many files were sealed. */
int sealed_make(const Context *context, const Repository *repository, SealedPlan *plan,
                Secret *const *values, Reason *reason, size_t *ret_files);
