/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host export: prints what others need to seal for this host.
 */

#include "base/fsutil.h"
#include "credential/identity.h"
#include "fleet/fleet_host.h"
#include "fleet/report.h"
#include "key/pcr_files.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "tpm/tpm_child.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

static int work(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const Options *options = request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r;

    tpm_wait_begin(observer, "show its public keys and PCRs", NULL);
    r = tpm_new(options->seal.tpm_device, reason, &tpm);
    if (r == 0)
        r = tpm_export(tpm, reason, &ret->export);
    observer_wait_end(observer);
    return r;
}

static int add_tpm(const Options *options, Reason *reason, Identity *identity)
{
    _cleanup_(tpm_result_done) TpmResult result = {0};
    int r = tpm_child_run(work, options, &terminal_observer, reason, &result);

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
    return r;
}

/* Where the broker is installed, root's call makes the key for reports to fleets. */
static int add_report(const Context *context, const char *store, Reason *reason, Identity *identity)
{
    return access(store, F_OK) == 0 ? report_key_ensure(context, store, reason, &identity->report)
                                    : 0;
}

/* Keeps TEXT where the broker finds the names of this host's keys. */
static int keep(const char *text, const char *store, Reason *reason)
{
    char path[PATH_MAX];

    if (access(store, F_OK) < 0)
        return 0;
    fleet_host_path(store, path);
    return file_write(path, text_view(text), 0644, true, reason);
}

/* Prints IDENTITY, if `seal --host=` can read it. Root keeps it, too. */
static int print(const Identity *identity, const Options *options, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = identity_to_json(identity);
    _cleanup_(identity_done) Identity again = {0};
    const char *text = object ? json_object_to_json_string(object) : NULL;
    int r = -ENOMEM;

    if (text)
        r = identity_parse((BytesView){(const uint8_t *)text, strlen(text)}, reason, &again);
    if (r == 0 && geteuid() == 0)
        r = keep(text, options->host->store, reason);
    if (r == 0)
        output_json(TAKE_PTR(object), options->json == JSON_OFF ? JSON_PRETTY : options->json);
    return r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(identity_done) Identity identity = {0};
    Reason reason = {0};
    sd_id128_t id;
    int r = 0;

    if (strcmp(arguments[0], "export") != 0)
        r = reason_set(&reason, OUTCOME_USAGE,
                       "unknown command \"host %.40s\"; use \"host export\"", arguments[0]);
    else if (gethostname(identity.host_name, sizeof(identity.host_name)) < 0)
        r = reason_set(&reason, -errno, "cannot determine the host's name");
    /* A host without a machine id, such as a container image, still has an identity. */
    if (sd_id128_get_machine(&id) >= 0)
        sd_id128_to_string(id, identity.machine_id);
    if (r == 0)
        r = pcr_public_key_load(context, options->seal.public_key, &reason,
                                &identity.pcr_public_key);
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    if (r == 0)
        r = add_tpm(options, &reason, &identity);
    if (r == 0 && geteuid() == 0)
        r = add_report(context, options->host->store, &reason, &identity);
    if (r == 0)
        r = print(&identity, options, &reason);
    return r == 0 ? 0 : output_error(r, NULL, &reason);
}

const Verb verb_host = {
    .name = "host",
    .arguments = "export",
    .summary = "Print this host's public identity, to seal for it elsewhere",
    .details = "Prints a JSON object: the public parts of the TPM's storage keys, PCR "
               "values, machine id, host\nname, and the key of signed PCR policies if "
               "there is one. None of it is secret. But whoever can\nchange it on its way "
               "to you can read what you seal with it.",
    .options = OPTION_TPM_DEVICE | OPTION_PUBLIC_KEY | OPTION_JSON,
    .run = run,
};
