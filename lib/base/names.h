/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names: of machines, of credentials, and the pair that is sealed inside a credential.
 *
 * "web@db-password" is credential db-password of machine web. A machine name has no "@", so the
 * first one separates; a "." could not, for systemd's own credential ids have dots.
 */

#include "base/limits.h"
#include "base/outcome.h"

#include <stdbool.h>

/* A machine name as systemd-machined takes it: letters, digits, "-", "_" and single dots, none of
 * "-" and "." at either end, at most LIMIT_MACHINE_BYTES. */
bool machine_name_valid(const char *name);

/* A credential id as systemd takes it, and fit for a file name with ".cred": printable ASCII
 * without
 * "/" and ":", not "." or "..", at most LIMIT_ID_BYTES. */
bool credential_id_valid(const char *id);

/* What systemd takes as the name inside a credential: as an id, at most LIMIT_SEALED_NAME_BYTES. */
bool sealed_name_valid(const char *name);

/* Whether NAME has only letters and digits of ASCII, and MARKS. */
bool name_made_of(const char *name, const char *marks);

/* The characters of a unit's name (systemd.unit(5)), with something on both sides of the last dot.
 */
bool unit_name_valid(const char *name);

/* A pair, NUL-terminated. */
typedef struct CredentialName {
    char machine[LIMIT_MACHINE_BYTES + 1];
    char id[LIMIT_ID_BYTES + 1];
} CredentialName;

/* Checks both parts and that they are short enough together for the service manager's socket
 * address. OUTCOME_INVALID_NAME. */
int credential_name_new(const char *machine, const char *id, Reason *reason, CredentialName *ret);

/* Splits "MACHINE@ID" and checks as above. */
int credential_name_parse(const char *text, Reason *reason, CredentialName *ret);

/* Writes "MACHINE@ID". */
#define CREDENTIAL_NAME_TEXT_BYTES (LIMIT_MACHINE_BYTES + 1 + LIMIT_ID_BYTES + 1)
void credential_name_format(const CredentialName *name, char text[CREDENTIAL_NAME_TEXT_BYTES]);
