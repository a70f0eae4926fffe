/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the broker is told at its start: by options, and by tests, which shrink the limits.
 */

#include "audit/journal.h"
#include "base/context.h"
#include "policy/host_config.h"
#include "process/tpm_calls.h"

typedef struct ServerConfig {
    const Context *context;
    const char *store_path;
    const char *host_key_path; /* as the service manager passed it */
    const char *tpm_device;    /* see tpm_new() */
    TpmUnseal unseal;          /* tpm_calls_unseal() on a real system */
    TpmSealFresh seal;         /* tpm_calls_seal_fresh() */
    UnitTemplates templates;
    uid_t trusted_uid; /* who may ask: 0 on a real system */
    AuditSink *audit;
    unsigned connections_max;  /* LIMIT_CONNECTIONS */
    unsigned peer_max;         /* LIMIT_PER_PEER */
    unsigned stalled_max;      /* LIMIT_STALLED */
    unsigned peer_stalled_max; /* LIMIT_PEER_STALLED */
    uint64_t stall_usec;       /* LIMIT_STALL_USEC */
    uint64_t control_usec;     /* LIMIT_CONTROL_USEC */
    uint64_t request_usec;     /* LIMIT_REQUEST_USEC */
    uint64_t tpm_usec;         /* LIMIT_TPM_USEC */
    uint64_t child_usec;       /* LIMIT_CHILD_USEC */
    uint64_t drain_usec;       /* LIMIT_DRAIN_USEC */
    uint64_t key_idle_usec;    /* LIMIT_KEY_IDLE_USEC */
    uint64_t key_usec;         /* LIMIT_KEY_USEC */
    unsigned keys_max;         /* LIMIT_KEYS */
    unsigned live_requests;    /* LIMIT_LIVE_REQUESTS */
    uint64_t live_window_usec; /* LIMIT_LIVE_WINDOW_USEC */
    uint64_t exit_idle_usec;   /* ends when nothing was done for so long; 0: never */
} ServerConfig;

/* The real thing. CONTEXT and HOST must outlive the configuration. */
void server_config_default(const Context *context, const HostConfig *host, ServerConfig *ret);
