/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "carrier_run.h"

#include "base/json.h"
#include "terminal/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where it is installed, or built, beside this program. */
static int courier_path(Reason *reason, char ret[PATH_MAX])
{
    static const char *const paths[] = {"/../lib/nspawn-creds/nspawn-creds-courier",
                                        "/nspawn-creds-courier"};
    char self[PATH_MAX - 64];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length < 0)
        return reason_set(reason, -errno, "/proc/self/exe");
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        snprintf(ret, PATH_MAX, "%s%s", self, paths[i]);
        if (access(ret, X_OK) == 0)
            return 0;
    }
    return reason_set(reason, -ENOENT,
                      "there is no nspawn-creds-courier (on Debian in the package "
                      "nspawn-creds-fleet)");
}

/* Reads from FD why the courier has failed: "OUTCOME\tREASON", or nothing if it could not say. */
static int read_failure(int fd, Reason *reason)
{
    char text[sizeof(reason->text) + 64], *tab;
    ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
    int r;

    text[size > 0 ? size : 0] = '\0';
    tab = strchr(text, '\t');
    if (!tab) {
        reason_set(reason, 0, "nspawn-creds-courier failed, and did not say why");
        return -ECANCELED;
    }
    *tab = '\0';
    r = outcome_find(text);
    reason_set(reason, 0, "%s", tab + 1);
    return r != 0 ? r : -EIO;
}

int carrier_run(struct json_object *carrier, const char *command, const char *argument,
                const Writer *input, size_t limit, Reason *reason, char **ret)
{
    _cleanup_(bytes_done) Bytes text = {0}, output = {0};
    _cleanup_(closep) int settings = -1, failure = -1;
    char program[PATH_MAX], carrier_option[64], failure_option[64];
    int r;

    if (!carrier)
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "your configuration of the fleet has no \"carrier\"");
    r = input->failed ? -ENOMEM : courier_path(reason, program);
    if (r == 0)
        r = json_print(carrier, &text);
    if (r == 0)
        r = program_file(bytes_view(&text), true, reason, &settings);
    if (r == 0)
        r = program_file((BytesView){0}, true, reason, &failure);
    if (r != 0)
        return r;
    snprintf(carrier_option, sizeof(carrier_option), "--carrier=/proc/self/fd/%d", settings);
    snprintf(failure_option, sizeof(failure_option), "--failure=/proc/self/fd/%d", failure);
    r = program_print(
        (const char *const[]){program, carrier_option, failure_option, command, argument, NULL},
        bytes_view(&input->bytes), limit, reason, &output);
    if (r == -ECANCELED)
        r = read_failure(failure, reason);
    if (r != 0)
        return r;
    *ret = strndup((const char *)output.data, output.size);
    return *ret ? 0 : -ENOMEM;
}
