/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host export: prints what others need to seal for this host.
 */

#include "base/fsutil.h"
#include "credential/identity.h"
#include "key/pcr_files.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "tpm/tpm_child.h"
#include "verb/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

/* A host without a machine id, such as a container image, still has an identity. */
static int add_machine_id(Identity *identity)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = file_read_at(AT_FDCWD, "/etc/machine-id", 64, NULL, &file);

    if (r == -ENOENT || (r == 0 && file.size < IDENTITY_MACHINE_ID_SIZE))
        return 0;
    if (r == 0)
        memcpy(identity->machine_id, file.data, IDENTITY_MACHINE_ID_SIZE);
    return r;
}

static int add_host_name(Reason *reason, Identity *identity)
{
    struct utsname names;

    if (uname(&names) < 0)
        return reason_set(reason, -errno, "cannot determine the host's name");
    snprintf(identity->host_name, sizeof(identity->host_name), "%s", names.nodename);
    return 0;
}

static int add_pcr_public_key(const Context *context, const Options *options, Reason *reason,
                              Identity *identity)
{
    int r = pcr_public_key_load(context, options->public_key, reason, &identity->pcr_public_key);

    return r == OUTCOME_NOT_FOUND ? 0 : r;
}

static int work(const void *request, const Observer *observer, Reason *reason, TpmResult *ret)
{
    const Options *options = request;
    _cleanup_(tpm_freep) Tpm *tpm = NULL;
    int r;

    tpm_wait_begin(observer, "show its public keys and PCRs", NULL);
    r = tpm_new(options->tpm_device, reason, &tpm);
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
    return r;
}

/* Checks that `seal --host=` can read the output. */
static int print(const Options *options, const Identity *identity, Reason *reason)
{
    struct json_object *object = identity_to_json(identity);
    _cleanup_(identity_done) Identity again = {0};
    const char *text = object ? json_object_to_json_string(object) : NULL;
    int r = -ENOMEM;

    if (text)
        r = identity_parse((BytesView){(const uint8_t *)text, strlen(text)}, reason, &again);
    if (r != 0) {
        json_object_put(object);
        return r;
    }
    return output_json(object, options->json == JSON_OFF ? JSON_PRETTY : options->json);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(identity_done) Identity identity = {0};
    Reason reason = {0};
    int r;

    if (strcmp(arguments[0], "export") != 0) {
        reason_set(&reason, OUTCOME_USAGE, "unknown command \"host %.40s\"; use \"host export\"",
                   arguments[0]);
        return output_error(OUTCOME_USAGE, NULL, &reason);
    }
    r = add_host_name(&reason, &identity);
    if (r == 0)
        r = add_machine_id(&identity);
    if (r == 0)
        r = add_pcr_public_key(context, options, &reason, &identity);
    if (r == 0)
        r = add_tpm(options, &reason, &identity);
    if (r == 0)
        r = print(options, &identity, &reason);
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
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
