/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "broker_units.h"

#include "manager/manager.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* A unit that is masked or missing: it cannot be started. */
static bool explain_load(const char *unit, const ManagerUnit *state, Reason *reason,
                         char ret_remedy[OUTCOME_REMEDY_BYTES])
{
    if (is(state->load, "masked")) {
        reason_set(reason, 0, "%s is masked", unit);
        snprintf(ret_remedy, OUTCOME_REMEDY_BYTES,
                 "Unmask it, and let the broker listen: systemctl unmask %s%s && systemctl start "
                 "%s",
                 is(state->file, "masked-runtime") ? "--runtime " : "", unit,
                 BROKER_CONTROL_SOCKET);
        return true;
    }
    if (is(state->load, "loaded"))
        return false;
    reason_set(reason, 0, "%s does not exist", unit);
    snprintf(ret_remedy, OUTCOME_REMEDY_BYTES,
             "Install nspawn-creds again, below /usr, then run: systemctl daemon-reload");
    return true;
}

bool broker_units_explain(Reason *reason, char ret_remedy[OUTCOME_REMEDY_BYTES])
{
    const char *const units[] = {BROKER_UNIT, broker_sockets[0], BROKER_CONTROL_SOCKET};
    _cleanup_(manager_freep) Manager *manager = NULL;
    ManagerUnit states[sizeof(units) / sizeof(units[0])];
    const ManagerUnit *service = &states[0], *control = &states[2];

    if (manager_new(NULL, NULL, &manager) != 0)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (manager_unit(manager, units[i], NULL, &states[i]) != 0)
            return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (explain_load(units[i], &states[i], reason, ret_remedy))
            return true;
    if (!is(control->active, "active")) {
        reason_set(reason, 0, "%s is %s", BROKER_CONTROL_SOCKET, control->active);
        /* a socket does not start while its service runs */
        snprintf(ret_remedy, OUTCOME_REMEDY_BYTES, "Start it: %ssystemctl start %s",
                 is(service->active, "active") ? "systemctl stop " BROKER_UNIT " && " : "",
                 BROKER_CONTROL_SOCKET);
    } else
        snprintf(ret_remedy, OUTCOME_REMEDY_BYTES, "%s",
                 geteuid() != 0 ? "Run the command as root"
                                : "To find out why: journalctl -u " BROKER_UNIT);
    return true;
}
