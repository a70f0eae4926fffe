/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The version of systemd. See systemd_version.h.
 */

#include "seal/systemd_version.h"

#include "base/fsutil.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

/* The program has some 100 KiB; where the library is linked statically, 4 MiB. */
#define PROGRAM_BYTES_MAX ((size_t)32 * 1024 * 1024)
/* Digits of a version. */
#define DIGITS            3

unsigned systemd_version_of(BytesView image)
{
    static const char library[] = "libsystemd-shared-";
    const uint8_t *end = image.data + image.size, *found;
    unsigned version = 0;
    int digits = 0;

    if (image.size == 0)
        return 0;
    found = memmem(image.data, image.size, library, sizeof(library) - 1);
    if (!found)
        return 0;
    for (found += sizeof(library) - 1; found < end && isdigit(*found) && digits <= DIGITS;
         found++) {
        version = version * 10 + (unsigned)(*found - '0');
        digits++;
    }
    return digits == DIGITS ? version : 0;
}

unsigned systemd_version_installed(const Context *context)
{
    static const char *const programs[] = {
        "/run/booted-system/systemd/lib/systemd/systemd", /* NixOS */
        "/usr/lib/systemd/systemd",
        "/lib/systemd/systemd",
    };
    unsigned version = 0;

    for (size_t i = 0; version == 0 && i < sizeof(programs) / sizeof(programs[0]); i++) {
        _cleanup_(freep) char *path = NULL;
        _cleanup_(bytes_done) Bytes image = {0};

        if (asprintf(&path, "%s%s", context->root, programs[i]) < 0) {
            path = NULL;
            return 0;
        }
        if (file_read_at(AT_FDCWD, path, PROGRAM_BYTES_MAX, NULL, &image) == 0)
            version = systemd_version_of(bytes_view(&image));
    }
    return version;
}
