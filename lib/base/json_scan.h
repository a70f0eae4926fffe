/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Places in a JSON text. For base/json.c alone: the text has been parsed by json-c, has no NUL, and
 * only has double quotes and no comments. Whatever it is, nothing is read past its end.
 */

#include "base/bytes.h"

/* How many members the objects in TEXT have as they are written. False for what json-c takes beside
 * JSON, a single quote or slash outside of strings: then RET is where it is. */
bool json_scan_count_members(BytesView text, size_t *ret);

/* The second member of one name in one object, which there is. -ENOMEM. */
int json_scan_find_duplicate(BytesView text, size_t *ret_offset);

/* See json_position(); the size of TEXT if there is no such value. */
size_t json_scan_find(BytesView text, const size_t *path, size_t levels);
