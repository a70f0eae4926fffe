/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host's configuration, nspawn-creds.conf(5): where the store is, which TPM is used, and which
 * units start machines.
 *
 * Every program reads it with host_config_load(). None takes these values from another program, in
 * particular not from the broker, which talks to containers. The first file of
 *
 *     /etc/nspawn-creds/nspawn-creds.conf
 *     /run/nspawn-creds/nspawn-creds.conf
 *     /usr/lib/nspawn-creds/nspawn-creds.conf
 *
 * counts, whole, and the others are not read. A key that it does not set has its default. A file
 * that is not valid, or that somebody other than root could have written, is an error: the defaults
 * never take its place.
 *
 * The syntax is that of systemd's configuration files (systemd.syntax(7)), without continued lines.
 * An empty assignment resets a key to its default.
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/limits.h"
#include "base/tpm_device.h"
#include "policy/unit.h"

#define HOST_CONFIG_PATH   "/etc/nspawn-creds/nspawn-creds.conf"
#define STORE_DEFAULT_PATH "/var/lib/nspawn-creds/store"
#define HISTORY_DEFAULT    3U

typedef struct HostConfig {
    const char *path;                          /* the file, static; NULL if there is none */
    char store[LIMIT_CONFIG_VALUE_BYTES];      /* [Store] Path=, absolute */
    unsigned history;                          /* [Store] History=, up to LIMIT_HISTORY */
    char tpm_device[LIMIT_CONFIG_VALUE_BYTES]; /* [TPM] Device=, as tpm_device_parse() takes it */
    UnitTemplates templates;                   /* [Machines] UnitTemplate= */
    bool rollback_refuse;                      /* [Rollback] OnRollback=refuse */
    uint32_t rollback_counter; /* [Rollback] Counter=, an NV index; 0 for the default */
} HostConfig;

void host_config_default(HostConfig *ret);

/* Reads the host's file. OUTCOME_BAD_CONFIG, with file, line and fault; a negative errno if the
 * file cannot be read. */
int host_config_load(const Context *context, Reason *reason, HostConfig *ret);

/* The pure part: TEXT is the content of the file PATH. OUTCOME_BAD_CONFIG; -ENOMEM. */
int host_config_parse(const char *path, BytesView text, Reason *reason, HostConfig *ret);
