/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "process/config.h"

#include "base/limits.h"
#include "key/host_key.h"
#include "key/pcr_files.h"
#include "store/store.h"
#include "tpm/counter.h"

/* Uses the system's signatures of PCR policies if SEALED needs one. */
static int unseal(const char *device, const TpmSealedView *sealed, Reason *reason, Secret **ret_key)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    TpmSealedView view = *sealed;
    Context context;
    int r = context_system(&context);

    if (r == 0 && view.public_key.size > 0)
        r = pcr_signatures_load(&context, NULL, reason, &signatures);
    /* tpm_unseal() reports missing signatures */
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    view.signatures = bytes_view(&signatures);
    if (r == 0)
        r = tpm_new(device, reason, &tpm);
    return r != 0 ? r : tpm_unseal(tpm, &view, reason, ret_key);
}

/* Without PCRs, in the form that systemd 252 and later open. */
static int seal_fresh(const char *device, Reason *reason, TpmSealed *ret, Secret **ret_key)
{
    static const TpmSealRequest request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    Context context;
    int r = context_system(&context);

    if (r == 0)
        r = tpm_new(device, reason, &tpm);
    return r != 0 ? r : tpm_seal(tpm, &context, &request, reason, ret, ret_key);
}

static int read_counter(const char *device, uint32_t counter, Reason *reason, uint64_t *ret)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r = tpm_new(device, reason, &tpm);

    return r != 0 ? r : tpm_counter_read(tpm, counter, reason, ret);
}

static int increment_counter(const char *device, uint32_t counter, Reason *reason)
{
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r = tpm_new(device, reason, &tpm);

    return r != 0 ? r : tpm_counter_increment(tpm, counter, reason);
}

void server_config_default(const Context *context, const HostConfig *host, ServerConfig *ret)
{
    *ret = (ServerConfig){
        .context = context,
        .store_path = host->store,
        .history = host->history,
        .host_key_path = HOST_KEY_PATH,
        .tpm_device = host->tpm_device,
        .unseal = unseal,
        .seal = seal_fresh,
        .counter_read = read_counter,
        .counter_increment = increment_counter,
        .rollback_refuse = host->rollback_refuse,
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
        .rollback_usec = LIMIT_ROLLBACK_USEC,
        .rollback_retry_usec = LIMIT_ROLLBACK_RETRY_USEC,
        .staged_max = LIMIT_STAGED_BYTES,
        .live_requests = LIMIT_LIVE_REQUESTS,
        .live_window_usec = LIMIT_LIVE_WINDOW_USEC,
    };
}
