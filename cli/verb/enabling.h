/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What enable writes and disable removes, and what comes of it in the machine's unit.
 */

#include "manager/manager.h"
#include "policy/policy.h"
#include "terminal/confirm.h"
#include "verb/verb.h"

/* The units that the broker is asked through. */
#define ENABLING_SOCKETS ((size_t)2)
#define ENABLING_BROKER  "nspawn-creds-broker.service"
extern const char *const enabling_sockets[ENABLING_SOCKETS];

/* The administrator's policy of MACHINE, and the drop-in of ours where the policy is elsewhere; to
 * be freed. -ENOMEM. */
int enabling_file(const char *machine, char **ret);
int enabling_drop_in(const char *machine, char **ret);

/* Makes the directories that the file PATH stands in. */
int enabling_make_folder(const char *path, Reason *reason);

/* Whether the unit that starts MACHINE, SERVICE, asks for CREDENTIAL, or, of what is delivered
 * live, whether it makes the place for it: as nspawn-creds-generator(8) has it do. */
bool enabling_unit_asks(const ManagerService *service, const char *machine,
                        const PolicyCredential *credential);

/* Whether MACHINE, which runs, has the place of live delivery. A negative errno if that cannot be
 * seen. */
int enabling_live_is_bound(Manager *manager, const char *machine, bool *ret);
