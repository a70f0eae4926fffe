/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Points in time: on the command line, the common part of systemd.time(7); and in formats, in UTC.
 */

#include "base/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* Parses "2027-01-31", "2027-01-31 12:00[:30]" (local time, or UTC with " UTC" or "Z"; "T" for the
 * space),
 * "@1800000000", "now", "today", "tomorrow", "+90d", "-1h" (s, min, h, d, w; several: "+1d 12h"),
 * "infinity". µs since 1970. OUTCOME_USAGE. */
int timestamp_parse(const char *text, uint64_t now, Reason *reason, uint64_t *ret);

/* Formats µs since 1970 for people, in local time: "2027-01-31 12:00"; "" if there is no such time.
 */
#define TIMESTAMP_TEXT_BYTES 32
void timestamp_format(uint64_t usec, char text[TIMESTAMP_TEXT_BYTES]);

/* Formats a length of time in one or two units: "5 s", "12 min", "3 h 20 min", "89 d 1 h". */
#define TIMESTAMP_LENGTH_BYTES 32
void timestamp_format_length(uint64_t usec, char text[TIMESTAMP_LENGTH_BYTES]);

/* Formats µs since 1970, up to the year 9999, as whole seconds in UTC: "2027-01-31T12:00:00Z"; ""
 * if there is no such time. */
#define TIMESTAMP_UTC_BYTES 21
void timestamp_format_utc(uint64_t usec, char text[TIMESTAMP_UTC_BYTES]);

/* Parses that, and nothing else. */
bool timestamp_parse_utc(const char *text, uint64_t *ret);
