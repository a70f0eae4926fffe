/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key/user_scope.h"

#include "key/machine.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>

/* Buffer for one entry of getpw…_r(), bytes. */
#define ENTRY_BYTES ((size_t)16 * 1024)

/* Parses a valid uid: neither (uid_t)-1 nor its 16-bit form. */
static bool parse_uid(const char *text, uid_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long long number;

    if (digits == 0 || digits > 10 || text[digits] != '\0')
        return false;
    number = strtoull(text, NULL, 10);
    if (number >= UINT32_MAX || number == UINT16_MAX)
        return false;
    *ret = (uid_t)number;
    return true;
}

static int find_user(const char *user, char *buffer, struct passwd *entry, struct passwd **ret)
{
    uid_t uid = getuid();

    return -(strcmp(user, "self") == 0 || parse_uid(user, &uid)
                 ? getpwuid_r(uid, entry, buffer, ENTRY_BYTES, ret)
                 : getpwnam_r(user, entry, buffer, ENTRY_BYTES, ret));
}

int user_scope_load(const Context *context, const char *user, Reason *reason, UserScope *ret)
{
    _cleanup_(freep) char *buffer = malloc(ENTRY_BYTES);
    struct passwd entry, *found = NULL;
    UserScope scope = {0};
    int r;

    r = buffer ? find_user(user, buffer, &entry, &found) : -ENOMEM;
    if (r != 0)
        return reason_set(reason, r, "cannot look up the user \"%.80s\"", user);
    if (!found || strlen(found->pw_name) > USER_NAME_BYTES_MAX)
        return reason_set(reason, OUTCOME_USAGE, "there is no user \"%.80s\"", user);
    scope.uid = found->pw_uid;
    strcpy(scope.name, found->pw_name);
    r = machine_id_read(context, reason, &scope.machine_id);
    if (r == 0)
        *ret = scope;
    return r;
}

void user_scope_write(const UserScope *scope, Writer *writer)
{
    writer_u64le(writer, USER_SCOPE_FLAGS);
    writer_u32le(writer, scope->uid);
    writer_bytes(writer, (BytesView){scope->machine_id.bytes, sizeof(scope->machine_id.bytes)});
    writer_bytes(writer, (BytesView){(const uint8_t *)scope->name, strlen(scope->name) + 1});
}
