/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the command line reads: secrets into guarded memory, sealed files into ordinary memory.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "secret/secret.h"

/* A secret from the file PATH; for NULL or "-" from standard input, which is asked for twice and
 * not echoed if it is a terminal. OUTCOME_TOO_LARGE; OUTCOME_USAGE if the two answers differ. */
int input_read_secret(const char *path, Reason *reason, Secret **ret);

/* A sealed file, raw or base64, decoded; standard input for NULL or "-". */
int input_read_sealed(const char *path, Reason *reason, Bytes *ret);

/* "-" and NULL as "standard input". */
const char *input_name(const char *path);
