/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds has-tpm2: whether this host has a TPM, with the words and the exit status of
 * systemd-creds, for scripts. doctor says more.
 */

#include "base/json.h"
#include "key/machine.h"
#include "terminal/output.h"
#include "verb/verb.h"

#include <errno.h>
#include <glob.h>
#include <unistd.h>

static int run(const Context *context, const Options *options, char **)
{
    glob_t devices = {0};
    bool firmware = firmware_has_tpm(context), subsystem = access("/sys/class/tpmrm", F_OK) == 0;
    bool driver = glob("/sys/class/tpmrm/*", GLOB_NOSORT, NULL, &devices) == 0;
    bool all = firmware && driver && subsystem;

    globfree(&devices);
    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_add(object, "tpm2", json_object_new_boolean(all));
        json_add(object, "firmware", json_object_new_boolean(firmware));
        json_add(object, "driver", json_object_new_boolean(driver));
        json_add(object, "subsystem", json_object_new_boolean(subsystem));
        output_json(object, options->json);
        return all ? 0 : -ENODEV;
    }
    /* this program is built with support for a TPM, as "system" and "libraries" say */
    printf("%s\n%cfirmware\n%cdriver\n+system\n%csubsystem\n+libraries\n", all ? "yes" : "partial",
           firmware ? '+' : '-', driver ? '+' : '-', subsystem ? '+' : '-');
    return all ? 0 : -ENODEV;
}

const Verb verb_has_tpm2 = {
    .name = "has-tpm2",
    .arguments = "",
    .summary = "Tell whether this host has a TPM",
    .details =
        "Prints \"yes\" or \"partial\", and what is there, as systemd-creds does. The exit status "
        "is 0 for yes. doctor says more.",
    .options = OPTION_JSON,
    .run = run,
};
