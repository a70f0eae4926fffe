/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens the new files of a set that is offered, one after the other, when the event loop and the
 * TPM have nothing else to do, so that containers come first. A value is compared with the one that
 * is served until now. A file that is sealed for a later boot, and fails only for that reason, is
 * accepted beside the one that opens now.
 */

#include "courier/judgement.h"
#include "request/connection.h"

typedef struct Opening Opening;

typedef struct OpeningOrder {
    ConnectionSet *connections; /* borrowed until the opening is freed, like all below */
    FleetCommit *commit;        /* all of its .files but .sealed is set */
    const uint8_t *have;        /* for each of the manifest's credentials, as in Verdict */
    /* All files were opened, or RC says why one cannot be, and CULPRIT which one; else it is "".
     * The callee may free the opening. */
    void (*done)(void *userdata, int rc, const Reason *reason, const char *culprit);
    void *userdata;
} OpeningOrder;

/* A negative errno. RC is what request_…() return. */
int opening_new(const OpeningOrder *order, Opening **ret);
Opening *opening_free(Opening *opening); /* NULL is allowed */
DEFINE_CLEANUP(Opening *, opening_free);
