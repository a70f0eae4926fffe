/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: names of files in the store, for machine "web" and for the one in the first line.
 *
 * A file that is accepted as a credential has valid names, which give the same file name again. No
 * name that leads out of the directory, and no temporary file, is accepted.
 */

#include "store/store_internal.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *machine, const char *file)
{
    CredentialName name;
    FileName again;
    bool gone;

    if (!store_file_parse(machine, file, STORE_SEALED, &name, &gone))
        return;
    assert(strcmp(name.machine, machine) == 0);
    assert(machine_name_valid(name.machine) && credential_id_valid(name.id));
    again = store_file_name(&name, gone ? STORE_SEALED STORE_GONE : STORE_SEALED);
    assert(strcmp(again.text, file) == 0);
    assert(!strchr(file, '/') && strcmp(file, ".") != 0 && strcmp(file, "..") != 0);
    assert(strlen(file) <= 255);
    for (const char *c = file; *c; c++)
        assert((unsigned char)*c >= ' ' && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(freep) char *text = strndup(size ? (const char *)data : "", size);
    char *line;

    assert(text);
    check("web", text);
    line = strchr(text, '\n');
    if (!line)
        return 0;
    *line = '\0';
    check(text, line + 1);
    return 0;
}
