/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The request by which an etcd's user gets a token. Pure.
 *
 * json-c leaves copies of what it prints, so the password does not pass through it.
 */

#include "secret/secret.h"

/* The body of v3/auth/authenticate for USER, a text. PASSWORD has no NUL. -ENOMEM. */
int etcd_login_body(const char *user, BytesView password, Reason *reason, Secret **ret);
