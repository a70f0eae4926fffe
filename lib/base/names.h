/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names of machines and credentials, and the pair that is sealed inside a credential.
 *
 * "web@db-password" is credential db-password of machine web. Machine names contain no "@", so the
 * first one separates. A "." could not, because systemd's own credential ids contain dots.
 */

#include "base/limits.h"
#include "base/outcome.h"

#include <stdbool.h>

/* A machine name that systemd-machined accepts: letters, digits, "-", "_" and single dots, with no
 * "-" or "." at either end, at most LIMIT_MACHINE_BYTES. */
bool machine_name_valid(const char *name);

/* The same, with an error: OUTCOME_INVALID_NAME. */
int machine_name_check(const char *name, Reason *reason);

/* A credential id that systemd accepts and that with ".cred" is a valid file name: printable ASCII
 * without "/" and ":", not "." or "..", at most LIMIT_ID_BYTES. */
bool credential_id_valid(const char *id);

/* A name that systemd accepts inside a credential: like an id, at most LIMIT_SEALED_NAME_BYTES. */
bool sealed_name_valid(const char *name);

/* The name of a fleet or of a host in it: 1 to LIMIT bytes of a-z, 0-9 and "-", with a letter or
 * digit at both ends, so that no command takes it for an option. */
bool fleet_label_valid(const char *name, size_t limit);

/* A fleet's name: a label of LIMIT_FLEET_NAME_BYTES at most. */
bool fleet_name_valid(const char *name);

/* Whether NAME consists of ASCII letters, digits and characters of MARKS. */
bool name_made_of(const char *name, const char *marks);

/* Whether TEXT ends with SUFFIX and has something before it. */
bool has_suffix(const char *text, const char *suffix);

/* Whether PATH is absolute, not "/", shorter than PATH_MAX, and the only way to write it: without
 * empty components, "." and "..". */
bool path_canonical(const char *path);

/* A unit name (systemd.unit(5)), with something on both sides of the last dot. */
bool unit_name_valid(const char *name);

/* A pair, NUL-terminated. */
typedef struct CredentialName {
    char machine[LIMIT_MACHINE_BYTES + 1];
    char id[LIMIT_ID_BYTES + 1];
} CredentialName;

/* Checks both parts, and that together they fit into the service manager's socket address.
 * OUTCOME_INVALID_NAME. */
int credential_name_new(const char *machine, const char *id, Reason *reason, CredentialName *ret);

/* Splits "MACHINE@ID" and checks as above. */
int credential_name_parse(const char *text, Reason *reason, CredentialName *ret);

bool credential_name_equal(const CredentialName *a, const CredentialName *b);

/* Writes "MACHINE@ID". */
#define CREDENTIAL_NAME_TEXT_BYTES (LIMIT_MACHINE_BYTES + 1 + LIMIT_ID_BYTES + 1)
void credential_name_format(const CredentialName *name, char text[CREDENTIAL_NAME_TEXT_BYTES]);
