/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the peer address and the decision that follows from it.
 *
 * An address that parses must write back to the same bytes, except for the number at its beginning.
 * Every decision must have a printable name or a printable reason.
 */

/* assertions stay enabled even if the build type disables them */

#include "policy/decision.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(BytesView path, const RequestAddress *address)
{
    char text[4 * ADDRESS_BYTES];
    const uint8_t *slash = memchr(path.data, '/', path.size);
    int length = snprintf(text, sizeof(text), "/unit/%s/%s", address->unit, address->id);

    assert(path.data[0] == 0 && slash && slash - path.data >= 2 && slash - path.data <= 17);
    assert((size_t)length == path.size - (size_t)(slash - path.data));
    assert(memcmp(slash, text, (size_t)length) == 0);
}

static void check_printable(const char *text)
{
    for (; *text; text++)
        assert((unsigned char)*text >= ' ' && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    UnitTemplates templates;
    RequestAddress address;
    Decision decision;
    BytesView path = {data, size};

    if (address_parse(path, NULL, &address) == 0)
        check_round_trip(path, &address);
    unit_templates_default(&templates);
    decide(&(DecisionFacts){.live_machine = size % 2 ? "web" : NULL,
                            .peer_path = path,
                            .templates = &templates},
           &decision);
    assert(decision.outcome >= 0);
    if (decision.outcome == 0)
        assert(machine_name_valid(decision.name.machine) && credential_id_valid(decision.name.id));
    else
        assert(decision.reason.text[0]);
    check_printable(decision.reason.text);
    check_printable(decision.address.unit);
    check_printable(decision.address.id);
    return 0;
}
