/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The courier's own secrets: the key and the password with which it reaches a carrier.
 *
 * Their files are root's alone. The service manager reads them and passes copies to the courier, as
 * credentials with the names of the files (nspawn-creds-courier@.service). An administrator who
 * runs the program has none, and the files themselves are used. main.c keeps what root has read for
 * "enrol --user=".
 */

#include "secret/secret.h"

/* The path of the file PATH, or of the unit's copy if it has one. OUTCOME_CARRIER_FAILED if the
 * file was missing when the unit started, and the courier itself cannot read it; -ENOMEM. */
int credential_file_path(const char *path, Reason *reason, char **ret);

/* The first line of the file PATH, without the newline, and a NUL behind it. OUTCOME_CARRIER_FAILED
 * if it is empty; of credential_file_path(); OUTCOME_TOO_LARGE; or a negative errno. */
int credential_file_password(const char *path, Reason *reason, Secret **ret);

/* Whether the file PATH (NULL: none) has changed since the service manager made the unit's copy. */
bool credential_file_changed(const char *path);
