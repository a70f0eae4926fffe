/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What can befall a TPM, done to a software one for real, and undone. All return 0 or a negative
 * errno.
 */

#include "swtpm.h"

/* Too many wrong passwords for something: dictionary attack lockout. */
int hardship_lockout(Swtpm *swtpm);
int hardship_clear_lockout(Swtpm *swtpm);

/* A password of the lockout, and none again. */
int hardship_lockout_password(Swtpm *swtpm);
int hardship_no_lockout_password(Swtpm *swtpm);

/* A password of the owner hierarchy, and none again. */
int hardship_owner_password(Swtpm *swtpm);
int hardship_no_owner_password(Swtpm *swtpm);

/* A password of the endorsement hierarchy. */
int hardship_endorsement_password(Swtpm *swtpm);

/* The owner hierarchy, switched off and on as the firmware does. */
int hardship_owner_off(Swtpm *swtpm);
int hardship_owner_on(Swtpm *swtpm);

/* Everything of the owner's removed, with TPM2_Clear. Cannot be undone. */
int hardship_clear(Swtpm *swtpm);

/* No room for another NV index, and room again. */
int hardship_fill_indices(Swtpm *swtpm);
int hardship_remove_indices(Swtpm *swtpm);

/* The storage root key: gone, there with a password, and as it is made. */
int hardship_no_srk(Swtpm *swtpm);
int hardship_srk_password(Swtpm *swtpm);
int hardship_srk(Swtpm *swtpm);

/* As many objects, loaded sessions or saved ones as there is room for, and none. */
int hardship_fill_objects(Swtpm *swtpm);
int hardship_fill_sessions(Swtpm *swtpm);
int hardship_fill_saved_sessions(Swtpm *swtpm);
int hardship_flush_all(Swtpm *swtpm);

/* A reset that nobody has started the TPM up after, and the start. */
int hardship_reset(Swtpm *swtpm);
int hardship_start_up(Swtpm *swtpm);

/* Killed, and there again. */
int hardship_gone(Swtpm *swtpm);
int hardship_back(Swtpm *swtpm);

/* No PCR bank but SHA-1's, and both. */
int hardship_sha1_alone(Swtpm *swtpm);
int hardship_banks(Swtpm *swtpm);
