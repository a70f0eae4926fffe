/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where a sealed key to share is looked for: in --share-key=FILE, or with --store among the other
 * credentials of the machine; nowhere with --fresh-key.
 */

#include "options.h"
#include "store/shared_key.h"

/* OUTCOME_USAGE for options that contradict each other. */
int sharing_check(const Options *options, Reason *reason);

/* Whether there is a key as wished (WANTED's .signatures are looked up). That there is none, though
 * there could have been, is said and never fatal: a fresh one does as well. */
bool sharing_find_key(const Context *context, Tpm *tpm, const Options *options,
                      const SharedKeyRequest *wanted, SharedKey *ret);
