/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "carrier.h"

#include "base/context.h"

#include <errno.h>

int carrier_open(const CarrierSettings *settings, long stall, Reason *reason, Carrier **ret)
{
    static const CarrierKindOps *const kinds[] = {
        [CARRIER_DIR] = &carrier_dir,
        [CARRIER_HTTPS] = &carrier_https,
        [CARRIER_ETCD] = &carrier_etcd,
    };
    int r = kinds[settings->kind]->open(settings, stall, reason, ret);

    if (r == 0)
        (*ret)->ops = kinds[settings->kind];
    return r;
}

Carrier *carrier_close(Carrier *carrier)
{
    if (carrier)
        carrier->ops->close(carrier);
    return NULL;
}

void carrier_sleep(uint64_t usec)
{
    struct timespec rest = usec_to_timespec(usec);

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, &rest) == EINTR)
        ;
}
