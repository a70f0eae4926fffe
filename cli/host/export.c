/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds host export: prints what others need to seal for this host.
 */

#include "host/own_identity.h"
#include "host/verbs.h"
#include "terminal/output.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

/* Prints IDENTITY, if `seal --host=` can read it. Root keeps it, too. */
static int print(const Context *context, const Identity *identity, const Options *options,
                 Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = identity_to_json(identity);
    _cleanup_(identity_done) Identity again = {0};
    const char *text = object ? json_object_to_json_string(object) : NULL;
    int r = -ENOMEM;

    if (text)
        r = identity_parse((BytesView){(const uint8_t *)text, strlen(text)}, reason, &again);
    if (r == 0 && geteuid() == 0)
        r = own_identity_keep(context, identity, text, options->host->store, reason);
    if (r == 0)
        output_json(TAKE_PTR(object), options->json == JSON_OFF ? JSON_PRETTY : options->json);
    return r;
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(identity_done) Identity identity = {0};
    Reason reason = {0};
    int r = own_identity_make(context, options, options->prove, &reason, &identity);

    if (r == 0)
        r = print(context, &identity, options, &reason);
    return r == 0 ? 0 : output_error(r, NULL, &reason);
}

const Verb host_export = {
    .name = "host export",
    .arguments = "",
    .summary = "Print this host's public identity, to seal for it elsewhere",
    .details = "Prints a JSON object: the public parts of the TPM's storage keys, PCR "
               "values, machine id, host\nname, and the key of signed PCR policies if "
               "there is one. None of it is secret. But whoever can\nchange it on its way "
               "to you can read what you seal with it, unless the host is enrolled: "
               "--prove\nadds the TPM's endorsement keys and their certificates.",
    .options = OPTION_TPM_DEVICE | OPTION_PUBLIC_KEY | OPTION_JSON | OPTION_PROVE,
    .run = run,
};
