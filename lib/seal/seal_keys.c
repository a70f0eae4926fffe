/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All TPM work for a credential happens in one child with one connection: it looks for the storage
 * root key, unseals a key to share, or seals a fresh one. The parent reads all files before,
 * because the child has no descriptors.
 */

#include "seal/seal_keys.h"

#include "base/fsutil.h"
#include "credential/seal.h"
#include "key/host_key.h"
#include "key/machine.h"
#include "key/pcr_files.h"
#include "store/shared_key.h"
#include "tpm/tpm_child.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

void seal_keys_done(SealKeys *keys)
{
    secret_free(keys->host);
    secret_free(keys->tpm);
    tpm_sealed_done(&keys->tpm_sealed);
    *keys = (SealKeys){0};
}

/* Whether the host key's directory is lost at reboot. */
static bool host_key_is_fleeting(void)
{
    const char *name;
    _cleanup_(freep) char *directory = file_parent(host_key_path(), &name);
    struct statfs status;

    return directory && statfs(directory, &status) == 0 &&
           (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

/* --- in the TPM's child --- */

/* The child's task. */
typedef struct TpmTask {
    const SealContext *seal;
    const SealTarget *target;
    const char *subject;
    bool resolved;  /* the target's kind is known */
    bool wants_key; /* otherwise only look for the storage root key */
    bool may_share; /* .shared was searched for, */
    int shared_rc;  /* with this result */
    Reason shared_reason;
    SharedKeys shared;
    Bytes signatures; /* of PCR policies */
} TpmTask;

static void tpm_task_done(TpmTask *task)
{
    shared_keys_done(&task->shared);
    bytes_done(&task->signatures);
}

static TpmSealRequest seal_request(const SealTarget *target, const Kind *kind)
{
    return (TpmSealRequest){
        .pcrs = target->pcrs,
        .public_key = bytes_view(&target->public_key),
        .public_key_mask = target->public_key_mask,
        .pinned = kind_has(kind, KIND_PINNED),
    };
}

static int read_shared_keys(TpmTask *task, const SharedKeyRequest *wanted, Reason *reason)
{
    const SealSpec *spec = task->seal->spec;
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name;
    int r;

    if (spec->share_key) {
        r = file_read(spec->share_key, LIMIT_FILE_BYTES, reason, &file);
        return r == 0 ? shared_keys_of_file(bytes_view(&file), wanted, reason, &task->shared) : r;
    }
    r = credential_name_parse(spec->name, reason, &name);
    return r == 0 ? shared_keys_of_machine(spec->share_store, &name, wanted, reason, &task->shared)
                  : r;
}

/* In the parent: reads what the child needs. */
static void find_shared_keys(TpmTask *task)
{
    const SealSpec *spec = task->seal->spec;
    TpmSealRequest request = seal_request(task->target, task->target->kind);
    SharedKeyRequest wanted = {.key_types = task->target->kind->key_types,
                               .any_form = !task->resolved,
                               .request = &request};

    task->may_share = !spec->fresh_key && (spec->share_key || (spec->share_store && spec->name));
    if (!task->may_share)
        return;
    task->shared_rc = read_shared_keys(task, &wanted, &task->shared_reason);
    /* without them the TPM will not unseal, and reports that */
    if (task->target->public_key.size > 0)
        (void)pcr_signatures_load(task->seal->context, spec->signatures, NULL, &task->signatures);
}

/* In the child. */
static bool get_shared_key(const TpmTask *task, Tpm *tpm, const Observer *observer,
                           const TpmSealRequest *request, unsigned key_types, TpmResult *ret)
{
    SharedKeyRequest wanted = {
        .key_types = key_types, .request = request, .signatures = bytes_view(&task->signatures)};
    const char *file = task->seal->spec->share_key;
    Reason reason = task->shared_reason;
    int r = task->shared_rc;

    if (r == 0) {
        tpm_wait_begin(observer, "unseal a shared key", task->subject);
        r = shared_keys_unseal(tpm, &task->shared, &wanted, &reason, ret);
        observer_wait_end(observer);
    }
    /* a machine's first credential finds no key, which is no reason for a note */
    if (r != 0 && (file || r != OUTCOME_NOT_FOUND))
        observer_note(observer, "Sealing with a fresh key instead of the one of %s: %s.",
                      file ? file : "the machine's other credentials", outcome_reason(r, &reason));
    return r == 0;
}

static const Kind *without_pin(const Kind *kind)
{
    return kind_find_by_key_types(kind->key_types & ~(unsigned)KIND_PINNED);
}

/* In the child: connects, and looks for the storage root key. */
static int connect_tpm(const TpmTask *task, const Observer *observer, Reason *reason,
                       TpmResult *ret, Tpm **ret_tpm)
{
    int r;

    if (task->resolved)
        return tpm_new(task->seal->spec->tpm_device, reason, ret_tpm);
    tpm_wait_begin(observer, "look for its storage root key", task->subject);
    r = tpm_new(task->seal->spec->tpm_device, reason, ret_tpm);
    if (r == 0)
        r = tpm_has_srk(*ret_tpm, reason, &ret->has_srk);
    observer_wait_end(observer);
    if (r == 0 && !ret->has_srk && kind_has(task->target->kind, KIND_PINNED))
        observer_note(observer,
                      "The TPM has no storage root key (systemd-tpm2-setup.service creates one); "
                      "sealing in the older form.");
    return r;
}

static int work(const void *argument, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const TpmTask *task = argument;
    const Kind *kind = task->target->kind;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    TpmSealRequest request;
    int r = connect_tpm(task, observer, reason, ret, &tpm);

    if (r != 0 || !task->wants_key)
        return r;
    if (!task->resolved && !ret->has_srk)
        kind = without_pin(kind);
    request = seal_request(task->target, kind);
    if (!task->may_share || !get_shared_key(task, tpm, observer, &request, kind->key_types, ret)) {
        tpm_wait_begin(observer, "seal a key", task->subject);
        r = tpm_seal(tpm, task->seal->context, &request, reason, &ret->sealed, &ret->key);
        observer_wait_end(observer);
    }
    if (r == 0)
        tpm_note_weak_pcrs(tpm, &request, ret->sealed.pcr_bank, observer);
    return r;
}

/* Runs a child that examines the TPM and gets a key for KEYS (NULL: only examine). */
static int run_task(const SealContext *seal, const char *subject, bool resolved, Reason *reason,
                    SealTarget *target, SealKeys *keys)
{
    _cleanup_(tpm_task_done) TpmTask task = {.seal = seal,
                                             .target = target,
                                             .subject = subject,
                                             .resolved = resolved,
                                             .wants_key = keys != NULL};
    _cleanup_(tpm_result_done) TpmResult result = {0};
    int r;

    if (keys)
        find_shared_keys(&task);
    r = tpm_child_run(work, &task, seal->observer, reason, &result);
    if (r != 0)
        return r;
    if (!resolved && !result.has_srk)
        target->kind = without_pin(target->kind);
    if (keys) {
        keys->tpm = TAKE_PTR(result.key);
        keys->tpm_sealed = TAKE(result.sealed);
    }
    return 0;
}

/* --- what comes of a target --- */

/* With auto, earlier versions of systemd do not use a TPM that the firmware does not know. 261
 * introduced software TPMs; 257 and 262 were tested. */
#define VERSION_ANY_TPM 261U

/* Like systemd, auto does not use a host key that would be lost. */
static int leave_out_fleeting_key(Reason *reason, unsigned *key_types)
{
    if (*key_types & KIND_SCOPED)
        return reason_set(reason, OUTCOME_USAGE,
                          "%s would be lost at reboot, but credentials for a user need it; if you "
                          "accept that, choose the key type host",
                          host_key_path());
    *key_types &= ~(unsigned)KIND_HOST;
    return 0;
}

/* With auto: there is no TPM, for the reason WHY. */
static int leave_out_tpm(const SealContext *seal, const char *why, Reason *reason,
                         unsigned *key_types)
{
    if (!(*key_types & KIND_HOST))
        return reason_set(reason, OUTCOME_TPM_UNREACHABLE,
                          "%s, and %s would be lost at reboot; choose a key type", why,
                          host_key_path());
    observer_note(seal->observer, "Sealing with the host key alone: %s.", why);
    *key_types &= ~(unsigned)(KIND_TPM | KIND_PUBLIC_KEY);
    return 0;
}

/* With auto, uses the TPM if there is one; a requested TPM must exist. With KEYS also gets the
 * TPM's key. */
static int resolve_here(const SealContext *seal, const char *subject, Reason *reason,
                        SealTarget *target, SealKeys *keys)
{
    bool may_do_without = target->automatic && !seal->spec->tpm_required;
    unsigned types = target->key_types;
    int r = 0;

    if (target->automatic && host_key_is_fleeting())
        r = leave_out_fleeting_key(reason, &types);
    if (r == 0 && may_do_without && target->version < VERSION_ANY_TPM &&
        !firmware_has_tpm(seal->context))
        r = leave_out_tpm(seal,
                          "the firmware does not know of a TPM (the key type host+tpm2 uses one "
                          "anyway)",
                          reason, &types);
    if (r == 0)
        r = kind_choose(types, target->version, reason, &target->kind);
    if (r == 0 && types & KIND_TPM)
        r = run_task(seal, subject, false, reason, target, keys);
    if (r == OUTCOME_TPM_UNREACHABLE && types & KIND_TPM && may_do_without) {
        r = leave_out_tpm(seal, "no TPM was found", reason, &types);
        if (r == 0)
            r = kind_choose(types, target->version, reason, &target->kind);
    }
    if (r == 0 && target->automatic && !(types & KIND_HOST))
        observer_note(seal->observer, "%s would be lost at reboot; sealing with the TPM alone.",
                      host_key_path());
    return r;
}

static OfflineRequest offline_request(const SealContext *seal, const SealTarget *target)
{
    return (OfflineRequest){
        .identity = target->host,
        .form = seal->spec->form,
        .pcrs = target->pcrs,
        .public_key = bytes_view(&target->public_key),
        .public_key_mask = target->public_key_mask,
    };
}

int seal_resolve(const SealContext *seal, const char *subject, Reason *reason, SealTarget *target)
{
    OfflineRequest request;

    if (target->kind)
        return 0;
    if (!target->host)
        return resolve_here(seal, subject, reason, target, NULL);
    request = offline_request(seal, target);
    return offline_kind(&request, reason, &target->kind);
}

/* --- the keys --- */

/* Resolves TARGET if necessary, and gets the TPM's key if it needs one. */
static int get_tpm_key(const SealContext *seal, const char *subject, const SealKeys *other,
                       Reason *reason, SealTarget *target, SealKeys *keys)
{
    int r;

    if (target->host && !other) {
        OfflineRequest request = offline_request(seal, target);
        OfflineKey key;

        r = offline_key_new(seal->context, &request, reason, &key);
        if (r != 0)
            return r;
        target->kind = key.kind;
        keys->tpm = key.key;
        keys->tpm_sealed = key.sealed;
        tpm_note_unmeasured_pcrs(&target->host->pcrs, target->pcrs.mask & ~target->pcrs.given,
                                 seal->observer);
        return 0;
    }
    if (!other && !target->kind)
        return resolve_here(seal, subject, reason, target, keys);
    r = seal_resolve(seal, subject, reason, target);
    if (r != 0 || !kind_has(target->kind, KIND_TPM))
        return r;
    if (other) {
        TpmSealedView sealed = tpm_sealed_view(&other->tpm_sealed);

        r = tpm_sealed_dup(&sealed, &keys->tpm_sealed);
        return r == 0 ? secret_new_from(secret_view(other->tpm), reason, &keys->tpm) : r;
    }
    return run_task(seal, subject, true, reason, target, keys);
}

int seal_keys_make(const SealContext *seal, const char *subject, const SealKeys *other,
                   Reason *reason, SealTarget *target, SealKeys *ret)
{
    _cleanup_(seal_keys_done) SealKeys keys = {0};
    bool made = false;
    int r = 0;

    if (target->key_types & KIND_SCOPED)
        r = user_scope_load(seal->context, seal->spec->uid, reason, &keys.scope);
    if (r == 0)
        r = get_tpm_key(seal, subject, other, reason, target, &keys);
    keys.kind = target->kind;
    if (r == 0 && kind_has(keys.kind, KIND_HOST) && seal->spec->lost_key_users > 0)
        r = host_key_lost(host_key_path(), seal->spec->lost_key_users, reason);
    else if (r == 0 && kind_has(keys.kind, KIND_HOST))
        r = host_key_ensure(seal->context, host_key_path(), reason, &keys.host, &made);
    if (r != 0)
        return r;
    if (made) {
        observer_note(seal->observer, "Created this host's key, %s.", host_key_path());
        observer_host_key_made(seal->observer);
    }
    *ret = TAKE(keys);
    return 0;
}

int seal_keys_seal(const Context *context, const SealKeys *keys, const Secret *plaintext,
                   const CredentialMetadata *metadata, bool raw, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    SealRequest request = {
        .kind = keys->kind,
        .plaintext = plaintext,
        .host_key = keys->host,
        .tpm_key = keys->tpm,
        .scope = seal_keys_scope(keys),
        .tpm = tpm_sealed_view(&keys->tpm_sealed),
        .metadata = *metadata,
    };
    int r = credential_seal(context, &request, reason, &sealed);

    if (r == 0 && !raw)
        return credential_encode(bytes_view(&sealed), ret);
    if (r == 0)
        *ret = TAKE(sealed);
    return r;
}

static CredentialMetadata new_metadata(const SealContext *seal)
{
    const SealSpec *spec = seal->spec;
    CredentialMetadata metadata = {
        .timestamp = spec->timestamp ? spec->timestamp : seal->context->now(seal->context),
        .not_after = spec->has_not_after ? spec->not_after : USEC_INFINITY,
    };

    snprintf(metadata.name, sizeof(metadata.name), "%s", spec->name ? spec->name : "");
    return metadata;
}

int seal_prepare(const SealContext *seal, const CredentialSections *like, Reason *reason,
                 SealKeys *ret)
{
    _cleanup_(seal_target_done) SealTarget target = {0};
    CredentialMetadata metadata = new_metadata(seal);
    int r;

    if (!credential_times_valid(&metadata))
        return reason_set(reason, OUTCOME_USAGE,
                          "the time of expiry is before the time of sealing");
    r = seal_target_make(seal, like, reason, &target);
    return r == 0 ? seal_keys_make(seal, metadata.name[0] ? metadata.name : NULL, NULL, reason,
                                   &target, ret)
                  : r;
}

int seal_value(const SealContext *seal, const SealKeys *keys, const Secret *plaintext,
               Reason *reason, Bytes *ret)
{
    CredentialMetadata metadata = new_metadata(seal);

    return seal_keys_seal(seal->context, keys, plaintext, &metadata, seal->spec->format == SEAL_RAW,
                          reason, ret);
}
