/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/own_identity.h"

#include "base/fsutil.h"
#include "base/trusted_file.h"
#include "fleet/fleet_host.h"
#include "fleet/report.h"
#include "key/pcr_files.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "tpm/tpm_child.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

/* Those of the low range, and all others that have a certificate: a TPM makes any key of a template
 * that it knows. One whose template it does not know is missing, and so is one that needs the
 * endorsement hierarchy's password, if there is another. */
static int read_endorsements(Tpm *tpm, Reason *reason, TpmResult *ret)
{
    Reason locked = {0};
    bool found = false;
    int r = 0;

    for (TpmEndorsementKind i = 0; r == 0 && i < _TPM_ENDORSEMENT_MAX; i++) {
        bool wanted = tpm_endorsement_templates[i].role == TPM_ENDORSEMENT_LOW;

        if (!wanted)
            r = tpm_endorsement_has_certificate(tpm, i, reason, &wanted);
        if (r == 0 && wanted)
            r = tpm_endorsement_read(tpm, i, reason, &ret->endorsements[i]);
        found = found || (r == 0 && wanted);
        if (r == OUTCOME_TPM_PASSWORD)
            locked = *reason;
        if (r == OUTCOME_TPM_UNABLE || r == OUTCOME_TPM_PASSWORD)
            r = 0;
    }
    if (r != 0 || found || !*locked.text)
        return r;
    *reason = locked;
    return OUTCOME_TPM_PASSWORD;
}

typedef struct Export {
    const Options *options;
    bool prove;
} Export;

static int work(const void *userdata, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const Export *request = userdata;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r;

    tpm_wait_begin(observer, "show its public keys and PCRs", NULL);
    r = tpm_new(request->options->seal.tpm_device, reason, &tpm);
    if (r == 0)
        r = tpm_export(tpm, reason, &ret->export);
    if (r == 0 && request->prove)
        r = read_endorsements(tpm, reason, ret);
    observer_wait_end(observer);
    return r;
}

static int add_endorsements(const TpmResult *result, Reason *reason, Identity *identity)
{
    /* the fastest first: administrators challenge with the first one that is good */
    static const TpmEndorsementKind order[] = {
        TPM_ENDORSEMENT_L2, TPM_ENDORSEMENT_H2, TPM_ENDORSEMENT_H3, TPM_ENDORSEMENT_L1,
        TPM_ENDORSEMENT_H1, TPM_ENDORSEMENT_H6, TPM_ENDORSEMENT_H7,
    };
    int r = 0;

    _Static_assert(sizeof(order) / sizeof(order[0]) == _TPM_ENDORSEMENT_MAX, "each kind");
    for (size_t i = 0; r == 0 && i < _TPM_ENDORSEMENT_MAX; i++) {
        const TpmEndorsement *key = &result->endorsements[order[i]];

        if (key->area.size > 0)
            r = identity_add_endorsement(identity, bytes_view(&key->area),
                                         bytes_view(&key->certificate), reason);
    }
    if (r == 0 && identity->endorsement_count == 0)
        r = reason_set(reason, OUTCOME_TPM_UNABLE, "the TPM cannot make an endorsement key");
    return r;
}

static int add_tpm(const Export *request, Reason *reason, Identity *identity)
{
    _cleanup_(tpm_result_done) TpmResult result = {0};
    int r = tpm_child_run(work, request, &terminal_observer, reason, &result);

    if (r == 0)
        r = identity_add_key(identity, bytes_view(&result.export.legacy), reason);
    if (r == 0 && result.export.srk.size > 0) {
        Reason why = {0};

        /* The key at 0x81000001 may be of another type; the legacy primary still works. */
        if (identity_add_key(identity, bytes_view(&result.export.srk), &why) != 0 ||
            identity->srk.size == 0)
            output_note("The identity does not contain the key at 0x81000001: %s.",
                        why.text[0] ? why.text : "it is not a storage root key");
    }
    if (r == 0)
        identity->pcrs = result.export.pcrs;
    if (r == 0 && identity->pcrs.given == 0)
        output_note(
            "The identity contains no PCRs, because the TPM has no bank of sha256: nobody can "
            "seal for them with it.");
    if (r == 0 && request->prove)
        r = add_endorsements(&result, reason, identity);
    return r;
}

/* Where the broker is installed, root's call makes the key for reports to fleets. */
static int add_report(const Context *context, const char *store, Reason *reason, Identity *identity)
{
    return access(store, F_OK) == 0 ? report_key_ensure(context, store, reason, &identity->report)
                                    : 0;
}

int own_identity_make(const Context *context, const Options *options, bool prove, Reason *reason,
                      Identity *ret)
{
    _cleanup_(identity_done) Identity identity = {0};
    sd_id128_t id;
    int r = 0;

    if (gethostname(identity.host_name, sizeof(identity.host_name)) < 0)
        r = reason_set(reason, -errno, "cannot determine the host's name");
    /* A host without a machine id, such as a container image, still has an identity. */
    if (sd_id128_get_machine(&id) >= 0)
        sd_id128_to_string(id, identity.machine_id);
    if (r == 0)
        r = pcr_public_key_load(context, options->seal.public_key, reason,
                                &identity.pcr_public_key);
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    if (r == 0)
        r = add_tpm(&(Export){options, prove}, reason, &identity);
    if (r == 0 && geteuid() == 0)
        r = add_report(context, options->host->store, reason, &identity);
    if (r == 0)
        *ret = TAKE(identity);
    return r;
}

/* --- the one that is kept --- */

int own_identity_read(const Context *context, const char *store, Reason *reason, Identity *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(closep) int fd = -1;
    char path[PATH_MAX];
    int r;

    fleet_host_path(store, path);
    r = trusted_file_open(context, path, reason, &fd);
    if (r == 0)
        r = file_read_fd(fd, path, LIMIT_IDENTITY_BYTES, reason, &file);
    return r == 0 ? identity_parse(bytes_view(&file), reason, ret) : r;
}

static int compare(const Identity *a, const Identity *b, bool *ret_same)
{
    uint8_t first[IDENTITY_DIGEST_BYTES], second[IDENTITY_DIGEST_BYTES];
    int r = identity_digest(a, first);

    if (r == 0)
        r = identity_digest(b, second);
    *ret_same = r == 0 && memcmp(first, second, sizeof(first)) == 0;
    return r;
}

/* Whether OLD is IDENTITY and has endorsement keys, too. */
static int has_endorsements_too(const Identity *old, const Identity *identity, bool *ret)
{
    Identity without = *old; /* borrowed */

    if (old->endorsement_count == 0 || identity->endorsement_count > 0)
        return 0;
    without.endorsement_count = 0;
    return compare(&without, identity, ret);
}

/* A challenge is for the identity that was kept when it was made. */
static int note_lost_challenge(const Identity *old, const Identity *identity)
{
    bool same = true;
    int r = old->endorsement_count > 0 ? compare(old, identity, &same) : 0;

    if (r == 0 && !same)
        output_note("This host's identity is not the one before. If that is being enrolled, begin "
                    "again: a challenge for it can no longer be answered.");
    return r;
}

int own_identity_keep(const Context *context, const Identity *identity, const char *text,
                      const char *store, Reason *reason)
{
    _cleanup_(identity_done) Identity old = {0};
    bool serves = false;
    char path[PATH_MAX];
    int r = 0;

    if (access(store, F_OK) < 0)
        return 0;
    if (own_identity_read(context, store, NULL, &old) == 0)
        r = has_endorsements_too(&old, identity, &serves);
    if (r == 0 && !serves)
        r = note_lost_challenge(&old, identity);
    if (r != 0 || serves)
        return r;
    fleet_host_path(store, path);
    return file_write(path, text_view(text), 0644, true, reason);
}
