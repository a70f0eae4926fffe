/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Gives the command line a machine id for its tests. The host key is bound to one, and where
 * packages are built /etc/machine-id does not exist.
 */

#include "key/machine.h"

int __wrap_machine_id_read(const Context *context, Reason *reason, sd_id128_t *ret);

int __wrap_machine_id_read(const Context *context, Reason *reason, sd_id128_t *ret)
{
    (void)context;
    (void)reason;
    *ret = SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd, ef);
    return 0;
}
