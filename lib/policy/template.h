/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Templates: text with the places of other credentials in it.
 *
 *     PGPASSWORD={{db-password}}
 *
 * "{{ID}}" stands for the value of the credential ID, byte by byte. "{{{{" stands for "{{". Of
 * three braces the last two open a place, and "}}" without a place is what it is: so "{{{id}}}" is
 * a value in braces.
 *
 * Pure; no value is ever in here.
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"

/* A piece of a template: either text or an id; never empty. */
typedef struct TemplatePiece {
    BytesView text;              /* borrowed of the template; empty for a place */
    char id[LIMIT_ID_BYTES + 1]; /* "" for text */
} TemplatePiece;

/* Takes the next piece from CURSOR, which begins at a template that template_check() takes; false
 * at its end. */
bool template_next(const char **cursor, TemplatePiece *ret);

/* OUTCOME_MALFORMED for a place that does not end, one that has no credential id in it, a template
 * that is empty or longer than LIMIT_TEMPLATE_BYTES, or that has more places than
 * LIMIT_TEMPLATE_PLACEHOLDERS. */
int template_check(const char *text, Reason *reason);
