/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What enable writes and disable removes.
 */

#include "confirm.h"
#include "manager.h"
#include "verb.h"

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
