/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The text of a policy's file, as enable changes it: credentials are added, and of those that are
 * there the delivery alone is changed, as far as the options say something of it. All else stays.
 * Pure: text in, text out. Whether what comes of it is a policy, its parser says.
 */

#include "base/json.h"
#include "options.h"

typedef enum PolicyEditResult {
    POLICY_EDIT_KEPT,
    POLICY_EDIT_ADDED,
    POLICY_EDIT_CHANGED,
} PolicyEditResult;

typedef struct PolicyEdit {
    struct json_object *root, *credentials;
    bool own_form; /* the text is as policy_edit_print() would write it */
    bool foreign;  /* something was changed that enable has not written */
} PolicyEdit;

/* The file's TEXT, or with none a new file's. OUTCOME_MALFORMED; -ENOMEM. */
int policy_edit_new(BytesView text, Reason *reason, PolicyEdit *ret);
void policy_edit_done(PolicyEdit *edit); /* for _cleanup_ */

/* A copy of what the file has for ID; NULL if it has nothing. */
struct json_object *policy_edit_copy(const PolicyEdit *edit, const char *id);

/* Puts ID there as OPTIONS say: --delivery=, --service= and --on-change=, as far as they are given.
 * Where the file does not have it, it begins as BASIS, which is taken; with NULL as what is in the
 * store. OUTCOME_USAGE for what would have no effect; -ENOMEM. */
int policy_edit_put(PolicyEdit *edit, const char *id, struct json_object *basis,
                    const Options *options, Reason *reason, PolicyEditResult *ret);

/* -ENOMEM. */
int policy_edit_print(const PolicyEdit *edit, Bytes *ret);
