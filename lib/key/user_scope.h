/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The user that a scoped credential is for (systemd 256): uid and name, on one host. They are part
 * of the credential's key, so that it only opens for this user; the file does not contain them.
 * They are not secret, and no boundary: root, who has the host key, can open the credential for
 * anyone.
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"

#include <systemd/sd-id128.h>

/* A user's name, bytes without the NUL (LOGIN_NAME_MAX). */
#define USER_NAME_BYTES_MAX ((size_t)256)

/* The only known flags of a scope header: the credential is bound to uid, machine id and name. */
#define USER_SCOPE_FLAGS    UINT64_C(7)

typedef struct UserScope {
    uint32_t uid;
    sd_id128_t machine_id;
    char name[USER_NAME_BYTES_MAX + 1];
} UserScope;

/* Looks up USER: a number, a name, or "self" for the user that runs this program. OUTCOME_USAGE if
 * there is no such user. */
int user_scope_load(const Context *context, const char *user, Reason *reason, UserScope *ret);

/* Appends the input of the key: USER_SCOPE_FLAGS, uid (little-endian), machine id, name with its
 * NUL. */
void user_scope_write(const UserScope *scope, Writer *writer);
