/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Edits the text of a policy file: adds credentials, and changes how those that are there are
 * delivered. Everything else in the file stays as it is.
 *
 * Pure: text in, text out. Whether the result is a valid policy is for its parser to say.
 */

#include "base/json.h"
#include "policy/policy.h"

typedef enum PolicyEditResult {
    POLICY_EDIT_KEPT,
    POLICY_EDIT_ADDED,
    POLICY_EDIT_CHANGED,
} PolicyEditResult;

/* How a credential is to be delivered; what is NULL stays as it is. */
typedef struct PolicyEditDelivery {
    const PolicyDelivery *delivery;
    const char *const *services; /* all of them: an empty list removes those that are there */
    size_t service_count;
    const PolicyChange *on_change;
} PolicyEditDelivery;

typedef struct PolicyEdit {
    struct json_object *root, *credentials;
    bool own_form; /* the text is as policy_edit_print() would write it */
    bool foreign;  /* something was changed that was not written here */
} PolicyEdit;

/* The file's TEXT, or with none a new file's. OUTCOME_MALFORMED; -ENOMEM. */
int policy_edit_new(BytesView text, Reason *reason, PolicyEdit *ret);
void policy_edit_done(PolicyEdit *edit); /* for _cleanup_ */

/* A copy of what the file has for ID; NULL if it has nothing. */
struct json_object *policy_edit_copy(const PolicyEdit *edit, const char *id);

/* Gives ID the DELIVERY. An ID that the file does not have starts as BASIS, which is taken, or with
 * NULL as a credential from the store. OUTCOME_USAGE for a delivery of which a part would have no
 * effect; -ENOMEM. */
int policy_edit_put(PolicyEdit *edit, const char *id, struct json_object *basis,
                    const PolicyEditDelivery *delivery, Reason *reason, PolicyEditResult *ret);

/* -ENOMEM. */
int policy_edit_print(const PolicyEdit *edit, Bytes *ret);
