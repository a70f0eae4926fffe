/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Positions in a JSON text. Only for base/json.c: json-c has parsed the text, which contains no
 * NUL, no single quotes and no comments. Whatever it is, nothing is read past its end.
 */

#include "base/bytes.h"

/* Counts the members of all objects in TEXT. False for what json-c accepts beyond JSON, a single
 * quote or a slash outside strings; RET is then its offset. */
bool json_scan_count_members(BytesView text, size_t *ret);

/* Finds the second of two members with the same name, which must exist. -ENOMEM. */
int json_scan_find_duplicate(BytesView text, size_t *ret_offset);

/* See json_position(); the size of TEXT if there is no such value. */
size_t json_scan_find(BytesView text, const size_t *path, size_t levels);
