/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * This machine's id, /etc/machine-id below the context's root.
 */

#include "base/context.h"
#include "base/outcome.h"

#include <systemd/sd-id128.h>

/* Reads the id. -ENOMEDIUM if the file does not contain one. */
int machine_id_read(const Context *context, Reason *reason, sd_id128_t *ret);
