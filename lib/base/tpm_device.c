/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/tpm_device.h"

#include <stddef.h>
#include <string.h>

/* The first one is for device files. */
static const char *const transports[] = {"device", "swtpm", "mssim", "tabrmd"};

int tpm_device_parse(const char *text, Reason *reason, TpmDevice *ret)
{
    size_t length;
    const char *configuration;

    if (!text || strcmp(text, "auto") == 0)
        text = TPM_DEFAULT_DEVICE;
    if (text[0] == '/') {
        *ret = (TpmDevice){transports[0], text};
        return 0;
    }
    length = strcspn(text, ":");
    configuration = text[length] == ':' && text[length + 1] ? text + length + 1 : NULL;
    for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
        if (strlen(transports[i]) != length || memcmp(transports[i], text, length) != 0)
            continue;
        if (i == 0 && !configuration)
            configuration = TPM_DEFAULT_DEVICE;
        if (i == 0 && configuration[0] != '/')
            break;
        *ret = (TpmDevice){transports[i], configuration};
        return 0;
    }
    return reason_set(reason, OUTCOME_USAGE,
                      "\"%.80s\" is not a TPM: use an absolute path such as " TPM_DEFAULT_DEVICE
                      ", or device:PATH, swtpm:…, mssim:… or tabrmd:…",
                      text);
}

const char *tpm_device_path(const TpmDevice *device)
{
    return device->transport == transports[0] ? device->configuration : NULL;
}
