/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Templates: text with placeholders for other credentials.
 *
 *     PGPASSWORD={{db-password}}
 *
 * "{{ID}}" is replaced by the value of the credential ID, byte by byte, and "{{{{" by "{{". In a
 * sequence of three braces the last two start a placeholder, and "}}" outside a placeholder is
 * literal: so
 * "{{{id}}}" is a value in braces.
 *
 * Pure; never handles values.
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"

/* A piece of a template, either text or an id. Never empty. */
typedef struct TemplatePiece {
    BytesView text;              /* borrowed from the template; empty for a placeholder */
    char id[LIMIT_ID_BYTES + 1]; /* "" for text */
} TemplatePiece;

/* Takes the next piece at CURSOR, which starts at a template that template_check() accepts; false
 * at the end. */
bool template_next(const char **cursor, TemplatePiece *ret);

/* OUTCOME_MALFORMED for a placeholder that does not end or that does not contain a credential id,
 * and for a template that is empty, longer than LIMIT_TEMPLATE_BYTES, or has more than
 * LIMIT_TEMPLATE_PLACEHOLDERS placeholders. */
int template_check(const char *text, Reason *reason);
