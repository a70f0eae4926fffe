/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Base64 of secrets (RFC 4648, with padding), in guarded memory on both sides.
 */

#include "secret/secret.h"

/* Encodes BYTES without line breaks. */
int secret_to_base64(BytesView bytes, Reason *reason, Secret **ret);

/* Decodes TEXT, skipping line breaks. OUTCOME_MALFORMED. */
int secret_from_base64(BytesView text, Reason *reason, Secret **ret);
