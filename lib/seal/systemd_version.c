/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The version of systemd. See systemd_version.h.
 */

#include "seal/systemd_version.h"

#include "base/cleanup.h"

#include <glob.h>
#include <limits.h>
#include <string.h>

#define LIBRARY "/libsystemd-shared-"

unsigned systemd_version_installed(const Context *context)
{
    static const char *const directories[] = {
        "/run/booted-system/systemd/lib/systemd", /* NixOS */
        "/usr/lib/systemd",                       /* Arch, SUSE */
        "/usr/lib/*-linux-*/systemd",             /* Debian */
        "/usr/lib64/systemd",                     /* Fedora */
        NULL,
    };

    for (const char *const *directory = directories; *directory; directory++) {
        _cleanup_(globfree) glob_t found = {0};
        char pattern[PATH_MAX];

        snprintf(pattern, sizeof(pattern), "%s%s" LIBRARY "[0-9][0-9][0-9]*.so*", context->root,
                 *directory);
        /* they are sorted */
        if (glob(pattern, 0, NULL, &found) == 0)
            return (unsigned)strtoul(
                strrchr(found.gl_pathv[found.gl_pathc - 1], '/') + strlen(LIBRARY), NULL, 10);
    }
    return 0;
}
