/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A software TPM for tests: swtpm, on a private copy of its state and on two free loopback ports.
 *
 * It dies with the test. Several may run at once, in one process or in many. The PCRs have their
 * values after a reset. Each command uses its own connection, so that these functions do not
 * disturb a Tpm that is open at the same time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tss2/tss2_esys.h>

typedef struct Swtpm Swtpm;

/* STATE is a directory that holds tpm2-00.permall, a .tar.gz of one, or NULL for a factory-new TPM;
 * it is copied. Returns 0, SWTPM_MISSING if swtpm is not installed (the test must be skipped
 * visibly), or a negative errno. */
#define SWTPM_MISSING 1
int swtpm_start(const char *state, Swtpm **ret);

/* Stops it and removes its state. NULL is allowed. */
void swtpm_stop(Swtpm *swtpm);

/* The device for tpm_new() and systemd-creds --tpm2-device=. */
const char *swtpm_device(const Swtpm *swtpm);

/* The port of its control channel, on loopback. */
uint16_t swtpm_control_port(const Swtpm *swtpm);

/* Power off and on, in order: PCRs are reset, what is persistent stays. */
int swtpm_restart(Swtpm *swtpm);

/* Ends it without a word, as when a chip hangs up; swtpm_restart() brings it back. */
void swtpm_kill(Swtpm *swtpm);

/* Extends PCR in both banks, with SHA-1 and SHA-256 of TEXT. */
int swtpm_extend(Swtpm *swtpm, unsigned pcr, const char *text);

/* What that makes of the SHA-256 value OLD. */
void swtpm_extend_value(const uint8_t old[32], const char *text, uint8_t ret[32]);

/* Has these PCR banks and no others, and restarts. */
int swtpm_use_banks(Swtpm *swtpm, bool sha1, bool sha256);

/* Makes a storage root key at 0x81000001 and returns it as Esys_TR_Serialize() writes it, which the
 * caller frees with free(). */
int swtpm_make_srk(Swtpm *swtpm, uint8_t **ret, size_t *ret_size);

/* The same with ALGORITHM: TPM2_ALG_ECC (P-256) or TPM2_ALG_RSA (2048 bits). */
int swtpm_make_srk_of(Swtpm *swtpm, uint16_t algorithm, uint8_t **ret, size_t *ret_size);

/* The same key, with a password. */
int swtpm_make_srk_with_password(Swtpm *swtpm, const char *password, uint8_t **ret,
                                 size_t *ret_size);

/* Removes the storage root key. */
int swtpm_remove_srk(Swtpm *swtpm);

/* Transient objects, and loaded or saved sessions, that are in the TPM now; negative on failure. */
int swtpm_count_handles(Swtpm *swtpm);

/* How many failed authorisations the lockout has counted; negative on failure. */
int swtpm_count_failures(Swtpm *swtpm);

/* A connection of the test's own. */
typedef struct SwtpmConnection {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
} SwtpmConnection;

/* RET is to be zeroed before; also after a failure it is to be disconnected. */
int swtpm_connect(const Swtpm *swtpm, SwtpmConnection *ret);
void swtpm_disconnect(SwtpmConnection *connection); /* for cleanup */
