/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker's configuration. See config.h.
 */

#include "process/config.h"

#include "base/limits.h"
#include "key/host_key.h"
#include "store/store.h"

void server_config_default(const Context *context, const HostConfig *host, ServerConfig *ret)
{
    *ret = (ServerConfig){
        .context = context,
        .store_path = host->store,
        .host_key_path = HOST_KEY_PATH,
        .tpm_device = host->tpm_device,
        .unseal = tpm_calls_unseal,
        .seal = tpm_calls_seal_fresh,
        .templates = host->templates,
        .trusted_uid = 0,
        .audit = audit_journal(AUDIT_JOURNAL_PATH),
        .connections_max = LIMIT_CONNECTIONS,
        .peer_max = LIMIT_PER_PEER,
        .stalled_max = LIMIT_STALLED,
        .peer_stalled_max = LIMIT_PEER_STALLED,
        .stall_usec = LIMIT_STALL_USEC,
        .control_usec = LIMIT_CONTROL_USEC,
        .request_usec = LIMIT_REQUEST_USEC,
        .tpm_usec = LIMIT_TPM_USEC,
        .child_usec = LIMIT_CHILD_USEC,
        .drain_usec = LIMIT_DRAIN_USEC,
        .restart_usec = LIMIT_RESTART_USEC,
        .key_idle_usec = LIMIT_KEY_IDLE_USEC,
        .key_usec = LIMIT_KEY_USEC,
        .keys_max = LIMIT_KEYS,
        .live_requests = LIMIT_LIVE_REQUESTS,
        .live_window_usec = LIMIT_LIVE_WINDOW_USEC,
    };
}
