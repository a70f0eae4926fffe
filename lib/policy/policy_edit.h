/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Edits the text of a policy file: adds credentials, and changes how existing ones are delivered.
 * Everything else in the file is kept.
 *
 * Pure. The parser decides whether the result is a valid policy.
 */

#include "base/json.h"
#include "policy/policy.h"

typedef enum PolicyEditResult {
    POLICY_EDIT_KEPT,
    POLICY_EDIT_ADDED,
    POLICY_EDIT_CHANGED,
} PolicyEditResult;

/* How to deliver a credential. NULL keeps a setting. */
typedef struct PolicyEditDelivery {
    const PolicyDelivery *delivery;
    const char *const *services; /* the complete list; an empty one removes all */
    size_t service_count;
    const PolicyChange *on_change;
} PolicyEditDelivery;

typedef struct PolicyEdit {
    struct json_object *root, *credentials;
    bool own_form; /* the text has the layout of policy_edit_print() */
    bool foreign;  /* an entry that was written by hand was changed or removed */
} PolicyEdit;

/* Parses the file's TEXT, or starts a new file if it is empty. OUTCOME_MALFORMED; -ENOMEM. */
int policy_edit_new(BytesView text, Reason *reason, PolicyEdit *ret);
void policy_edit_done(PolicyEdit *edit); /* for _cleanup_ */

/* Returns a copy of the entry for ID; NULL if there is none. */
struct json_object *policy_edit_copy(const PolicyEdit *edit, const char *id);

/* Sets the DELIVERY of ID. A new entry starts as BASIS, whose ownership passes, or if that is NULL,
 * as a credential from the store. OUTCOME_USAGE if part of DELIVERY would have no effect; -ENOMEM.
 */
int policy_edit_put(PolicyEdit *edit, const char *id, struct json_object *basis,
                    const PolicyEditDelivery *delivery, Reason *reason, PolicyEditResult *ret);

/* Removes the entry for ID. Returns whether there was one that is not null. */
bool policy_edit_remove(PolicyEdit *edit, const char *id);

/* -ENOMEM. */
int policy_edit_print(const PolicyEdit *edit, Bytes *ret);
