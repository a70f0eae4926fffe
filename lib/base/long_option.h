/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * getopt_long(3) without its abbreviations. It takes any beginning of a long option that fits no
 * other, so that "--all" would be "--allow-null" today, and something else, or an error, once there
 * is an option that begins the same way.
 */

#include "base/outcome.h"

#include <getopt.h>

/* As getopt_long(), but without its messages: REASON explains '?', which is also returned for an
 * option that is not in TABLE by its whole name. */
int long_option_next(int argc, char *const argv[], const char *short_options,
                     const struct option *table, Reason *reason);
