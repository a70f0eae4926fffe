/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A sealed credential as a setting of a unit, see systemd.exec(5), as encrypt --pretty of ours and
 * of systemd-creds print it:
 *
 *     SetCredentialEncrypted=NAME: \
 *             Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAAA…aZeCGLxmiAAAAABA \
 *             2cssO+H6NUS/4Wesw==
 */

#include "base/bytes.h"

#include <stdbool.h>

/* Whether FILE begins like such a setting. */
bool pretty_is(BytesView file);

/* Blanks all but the base64 of the setting FILE. Does nothing to what is not one. */
void pretty_strip(Bytes *file);

/* Makes a setting of SEALED, which is raw. NAME is not empty. -ENOMEM. */
int pretty_make(const char *name, BytesView sealed, Bytes *ret);
