/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The control socket: varlink, for the administrator (protocol/interface.h has what can be called,
 * broker/control/method.h what it does).
 *
 * A connection may have many calls, one after the other; the next is read when the last one's reply
 * has gone out. Whoever breaks the protocol, is not root, does not read or does not come to the end
 * of a message is hung up on, and when there are too many whoever was idle for longest. It costs
 * the requests of the service manager nothing: what is done here takes no TPM, and there is a limit
 * on connections and on what each may have waiting, and who calls again and again comes last.
 *
 * When the worker ends, so do its control connections; nothing depends on them.
 */

#include "control/method.h"
#include "process/handover.h"

typedef struct ControlSet ControlSet;

/* Serves those of LISTENERS that are for control; there may be none. What ENVIRONMENT points to
 * must outlive it. A negative errno. */
int control_set_new(const ControlEnvironment *environment, const Listeners *listeners,
                    ControlSet **ret);
ControlSet *control_set_free(ControlSet *set); /* NULL is allowed */
DEFINE_CLEANUP(ControlSet *, control_set_free);

/* How many connections there are. */
size_t control_set_count(const ControlSet *set);
