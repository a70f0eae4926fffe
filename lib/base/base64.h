/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Base64 as credential files have it (RFC 4648, with padding). Not for secrets: nothing is wiped.
 */

#include "base/bytes.h"

/* To binary; white space is skipped. OUTCOME_MALFORMED; -ENOMEM. */
int base64_decode(BytesView text, Bytes *ret);

/* To text, in lines of LINE characters that each end with a newline; with LINE 0 in one piece
 * without one. -ENOMEM. */
int base64_encode(BytesView binary, size_t line, Bytes *ret);
