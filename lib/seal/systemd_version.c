/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The version of systemd. See systemd_version.h.
 */

#include "seal/systemd_version.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <glob.h>
#include <limits.h>
#include <string.h>

/* Digits of a version. */
#define DIGITS 3

unsigned systemd_version_of(const char *file)
{
    static const char prefix[] = "libsystemd-shared-";
    const char *number = file + sizeof(prefix) - 1;
    unsigned version = 0;

    if (strncmp(file, prefix, sizeof(prefix) - 1) != 0)
        return 0;
    for (int i = 0; i < DIGITS; i++) {
        if (!isdigit((unsigned char)number[i]))
            return 0;
        version = version * 10 + (unsigned)(number[i] - '0');
    }
    return isdigit((unsigned char)number[DIGITS]) || !strstr(number, ".so") ? 0 : version;
}

unsigned systemd_version_installed(const Context *context)
{
    static const char *const patterns[] = {
        "/run/booted-system/systemd/lib/systemd", /* NixOS */
        "/usr/lib/systemd",                       /* Arch, SUSE */
        "/usr/lib/*-linux-*/systemd",             /* Debian */
        "/usr/lib64/systemd",                     /* Fedora */
        NULL,
    };
    unsigned newest = 0;

    for (size_t i = 0; newest == 0 && patterns[i]; i++) {
        _cleanup_(globfree) glob_t found = {0};
        char pattern[PATH_MAX];

        snprintf(pattern, sizeof(pattern), "%s%s/libsystemd-shared-*", context->root, patterns[i]);
        if (glob(pattern, 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++) {
            unsigned version = systemd_version_of(strrchr(found.gl_pathv[k], '/') + 1);

            if (version > newest)
                newest = version;
        }
    }
    return newest;
}
