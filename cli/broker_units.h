/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The units of the broker: enable starts them, and doctor checks them.
 */

#include "base/outcome.h"

#include <stdbool.h>
#include <stddef.h>

#define BROKER_UNIT           "nspawn-creds-broker.service"
#define BROKER_CONTROL_SOCKET "nspawn-creds-control.socket"
#define BROKER_SOCKETS        ((size_t)2)

static const char *const broker_sockets[BROKER_SOCKETS] = {"nspawn-creds-broker.socket",
                                                           BROKER_CONTROL_SOCKET};

/* Why the broker could not be called, for REASON: replaces that by the unit that is masked or does
 * not listen, as the service manager says, and writes what to do to RET_REMEDY. Returns false, and
 * changes neither, if the service manager cannot be asked. */
bool broker_units_explain(Reason *reason, char ret_remedy[OUTCOME_REMEDY_BYTES]);
