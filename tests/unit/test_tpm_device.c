/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/tpm_device.c. */

#include "support.h"

#include "base/tpm_device.h"

#include <string.h>

static void test_names(void **state)
{
    static const struct {
        const char *text, *transport, *configuration, *path, *rule;
    } rows[] = {
        {NULL, "device", TPM_DEFAULT_DEVICE, TPM_DEFAULT_DEVICE, "none is the default"},
        {"auto", "device", TPM_DEFAULT_DEVICE, TPM_DEFAULT_DEVICE, "so is auto"},
        {"device", "device", TPM_DEFAULT_DEVICE, TPM_DEFAULT_DEVICE, "and device alone"},
        {"device:", "device", TPM_DEFAULT_DEVICE, TPM_DEFAULT_DEVICE, "with nothing behind"},
        {"/dev/tpm0", "device", "/dev/tpm0", "/dev/tpm0", "a path"},
        {"/dev/a:b", "device", "/dev/a:b", "/dev/a:b", "a path with a colon"},
        {"device:/dev/tpm0", "device", "/dev/tpm0", "/dev/tpm0", "a path, with its transport"},
        {"swtpm:path=/run/a:b", "swtpm", "path=/run/a:b", NULL, "the first colon separates"},
        {"swtpm", "swtpm", NULL, NULL, "a transport's own default"},
        {"mssim:host=h,port=1", "mssim", "host=h,port=1", NULL, "another transport"},
        {"tabrmd:", "tabrmd", NULL, NULL, "the resource manager in user space"},
        {"cmd:touch x", NULL, NULL, NULL, "no commands"},
        {"pcap:swtpm", NULL, NULL, NULL, "no wrappers of others"},
        {"no-such-tcti:x", NULL, NULL, NULL, "no unknown ones"},
        {"./swtpm:x", NULL, NULL, NULL, "no library by its path"},
        {"libtss2-tcti-swtpm.so.0:x", NULL, NULL, NULL, "nor by its name"},
        {"Swtpm:x", NULL, NULL, NULL, "the case counts"},
        {"swtpmx:x", NULL, NULL, NULL, "the whole name"},
        {"swtp:x", NULL, NULL, NULL, "and no less"},
        {"device:tpm0", NULL, NULL, NULL, "a relative device"},
        {":x", NULL, NULL, NULL, "no transport"},
        {"", NULL, NULL, NULL, "nothing"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        TpmDevice device = {0};
        Reason reason = {0};
        int r = tpm_device_parse(rows[i].text, &reason, &device);

        if (r != (rows[i].transport ? 0 : OUTCOME_USAGE))
            fail_msg("%s: %s", rows[i].rule, outcome_name(r));
        assert_int_equal(reason.text[0] != '\0', r != 0);
        if (r != 0)
            continue;
        assert_string_equal(device.transport, rows[i].transport);
        assert_int_equal(!device.configuration, !rows[i].configuration);
        if (device.configuration)
            assert_string_equal(device.configuration, rows[i].configuration);
        assert_int_equal(!tpm_device_path(&device), !rows[i].path);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
