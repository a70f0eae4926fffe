/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The units of the broker: enable starts them, and doctor checks them.
 */

#include <stddef.h>

#define BROKER_UNIT    "nspawn-creds-broker.service"
#define BROKER_SOCKETS ((size_t)2)

static const char *const broker_sockets[BROKER_SOCKETS] = {"nspawn-creds-broker.socket",
                                                           "nspawn-creds-control.socket"};
