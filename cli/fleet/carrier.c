/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/carrier.h"

#include "base/fsutil.h"
#include "base/json.h"
#include "terminal/program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Where it is installed, or built, beside this program. */
static int courier_path(Reason *reason, char ret[PATH_MAX])
{
    static const char *const places[] = {"/../lib/nspawn-creds/nspawn-creds-courier",
                                         "/nspawn-creds-courier"};
    char self[PATH_MAX - 64];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length < 0)
        return reason_set(reason, -errno, "/proc/self/exe");
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(ret, PATH_MAX, "%s%s", self, places[i]);
        if (access(ret, X_OK) == 0)
            return 0;
    }
    return reason_set(reason, -ENOENT,
                      "there is no nspawn-creds-courier (on Debian in the package "
                      "nspawn-creds-fleet)");
}

/* A file without a name that contains TEXT, to be read from its beginning. */
static int file_of(BytesView text, Reason *reason, int *ret)
{
    _cleanup_(closep) int fd = memfd_create("fleet-push", 0);
    int r = fd < 0 ? -errno : file_write_fd(fd, text);

    if (r != 0 || lseek(fd, 0, SEEK_SET) < 0)
        return reason_set(reason, r != 0 ? r : -errno, "cannot make a file in memory");
    *ret = TAKE_FD(fd);
    return 0;
}

int carrier_run(struct json_object *carrier, const char *command, const char *argument,
                BytesView input, size_t limit, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    _cleanup_(closep) int input_fd = -1, carrier_fd = -1;
    char program[PATH_MAX], option[64];
    int r;

    if (!carrier)
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "your configuration of the fleet has no \"carrier\"");
    r = courier_path(reason, program);
    if (r == 0)
        r = json_print(carrier, &text);
    if (r == 0)
        r = file_of(bytes_view(&text), reason, &carrier_fd);
    if (r == 0)
        r = file_of(input, reason, &input_fd);
    if (r != 0)
        return r;
    snprintf(option, sizeof(option), "--carrier=/proc/self/fd/%d", carrier_fd);
    r = program_print((const char *const[]){program, option, command, argument, NULL}, input_fd,
                      limit, reason, ret);
    if (r == -ECANCELED)
        reason_set(reason, 0, "nspawn-creds-courier failed; its own message says why");
    return r;
}
