/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The broker's configuration. Tests use it to replace the TPM and to shrink the limits.
 */

#include "audit/journal.h"
#include "base/context.h"
#include "key/host_key.h"
#include "policy/host_config.h"
#include "store/rollback.h"
#include "tpm/tpm.h"

#include <systemd/sd-id128.h>

/* Unseals with DEVICE, and seals a fresh key. They run in a child process and may block. */
typedef int (*TpmUnseal)(const char *device, const TpmSealedView *sealed, Reason *reason,
                         Secret **ret_key);
typedef int (*TpmSealFresh)(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key);
/* Reads the value of the COUNTER (tpm/counter.h). */
typedef int (*TpmCounterRead)(const char *device, uint32_t counter, Reason *reason, uint64_t *ret);

typedef struct ServerConfig {
    const Context *context;
    const char *store_path;
    unsigned history;          /* how many earlier values of a credential are kept */
    const char *host_key_path; /* as the service manager passed it */
    HostKeyStamp host_key;     /* the file that it passed a copy of, when the broker started */
    const char *tpm_device;    /* see tpm_new() */
    sd_id128_t boot;           /* the boot id; null if unknown */
    TpmUnseal unseal;
    TpmSealFresh seal;
    TpmCounterRead counter_read;
    RollbackIncrement counter_increment;
    bool rollback_refuse; /* a rollback that was noticed has requests refused */
    UnitTemplates templates;
    uid_t trusted_uid; /* the user that may send requests; 0 except in tests */
    AuditSink *audit;
    unsigned connections_max;     /* LIMIT_CONNECTIONS */
    unsigned peer_max;            /* LIMIT_PER_PEER */
    unsigned stalled_max;         /* LIMIT_STALLED */
    unsigned peer_stalled_max;    /* LIMIT_PEER_STALLED */
    uint64_t stall_usec;          /* LIMIT_STALL_USEC */
    uint64_t control_usec;        /* LIMIT_CONTROL_USEC */
    uint64_t request_usec;        /* LIMIT_REQUEST_USEC */
    uint64_t tpm_usec;            /* LIMIT_TPM_USEC */
    uint64_t child_usec;          /* LIMIT_CHILD_USEC */
    uint64_t drain_usec;          /* LIMIT_DRAIN_USEC */
    uint64_t restart_usec;        /* LIMIT_RESTART_USEC */
    uint64_t key_idle_usec;       /* LIMIT_KEY_IDLE_USEC */
    uint64_t key_usec;            /* LIMIT_KEY_USEC */
    unsigned keys_max;            /* LIMIT_KEYS */
    size_t staged_max;            /* LIMIT_STAGED_BYTES */
    unsigned live_requests;       /* LIMIT_LIVE_REQUESTS */
    uint64_t live_window_usec;    /* LIMIT_LIVE_WINDOW_USEC */
    uint64_t rollback_usec;       /* LIMIT_ROLLBACK_USEC */
    uint64_t rollback_retry_usec; /* LIMIT_ROLLBACK_RETRY_USEC */
    uint64_t exit_idle_usec;      /* the broker exits when idle for so long; 0 for never */
} ServerConfig;

/* The configuration of a real system. CONTEXT and HOST must outlive it. */
void server_config_default(const Context *context, const HostConfig *host, ServerConfig *ret);
