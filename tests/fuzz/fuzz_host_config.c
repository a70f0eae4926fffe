/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: nspawn-creds.conf.
 *
 * The values of a file that parses can be written into a unit, and parse to the same values again.
 * If a file does not parse, the reason is printable.
 */

#include "policy/host_config.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(const char *text)
{
    assert(*text);
    for (; *text; text++)
        assert(*text > ' ' && *text <= '~' && !strchr("\"'\\", *text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char again[2 * LIMIT_CONFIG_VALUE_BYTES + 64];
    HostConfig config, second;
    Reason reason = {0};
    int r = host_config_parse("x.conf", (BytesView){data, size}, &reason, &config);

    if (r != 0) {
        assert(r == OUTCOME_BAD_CONFIG && reason.text[0]);
        for (const char *c = reason.text; *c; c++)
            assert((unsigned char)*c >= ' ' || *c == '\t');
        return 0;
    }
    assert(config.store[0] == '/' && config.templates.count > 0);
    check_plain(config.store);
    check_plain(config.tpm_device);
    snprintf(again, sizeof(again), "[Store]\nPath=%s\n[TPM]\nDevice=%s\n", config.store,
             config.tpm_device);
    r = host_config_parse("x.conf", (BytesView){(const uint8_t *)again, strlen(again)}, NULL,
                          &second);
    assert(r == 0 && strcmp(config.store, second.store) == 0 &&
           strcmp(config.tpm_device, second.tpm_device) == 0);
    return 0;
}
