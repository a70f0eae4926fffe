/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Base64 of secrets (RFC 4648, with padding), in guarded memory on both sides.
 */

#include "secret/secret.h"

/* To text, in one piece. */
int secret_to_base64(BytesView bytes, Reason *reason, Secret **ret);

/* To bytes; line breaks are skipped. OUTCOME_MALFORMED. */
int secret_from_base64(BytesView text, Reason *reason, Secret **ret);
