/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The service manager, asked over its bus: the state of units, and the few things that are done
 * with them. org.freedesktop.systemd1(5).
 *
 * Where there is no message bus, as early at boot, root asks at the manager's own socket, as
 * systemctl does.
 */

#include "base/cleanup.h"
#include "base/outcome.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct Manager Manager;

/* A negative errno if it cannot be reached. */
int manager_new(Reason *reason, Manager **ret);

/* The one of MACHINE, a container that runs, over its own D-Bus: what it says is believed about its
 * own units, and a call takes a few seconds at most. */
int manager_new_of_machine(const char *machine, Reason *reason, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free);

typedef struct ManagerUnit {
    char load[16];      /* LoadState: "loaded", "not-found", "masked", … */
    char active[16];    /* ActiveState: "active", "inactive", "failed", … */
    char file[24];      /* UnitFileState: "enabled", "disabled", "masked-runtime", … or "" */
    bool reload_needed; /* NeedDaemonReload */
} ManagerUnit;

/* A unit that there is not has the LoadState "not-found". */
int manager_unit(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret);

/* How a service is started, as far as credentials are concerned. */
typedef struct ManagerService {
    char **credentials; /* LoadCredential=: an id, its path, the next id, … and NULL */
    char **encrypted;   /* LoadCredentialEncrypted=, the same */
    char **search_path; /* ExecSearchPath= */
    char **environment; /* Environment=, each NAME=VALUE */
    char *program;      /* the path in the first ExecStart=; "" if it has none */
} ManagerService;

void manager_service_done(ManagerService *service); /* for _cleanup_ */

int manager_service(Manager *manager, const char *unit, Reason *reason, ManagerService *ret);

/* daemon-reload, which runs the generators. Returns when it is done. */
int manager_reload(Manager *manager, Reason *reason);

/* enable --now of a socket, returning when it listens. A socket does not start while SERVICE, which
 * it is of, runs without it: that is stopped before. RET_CHANGED: it was not so before.
 * OUTCOME_TIMEOUT if it does not come to listen. */
int manager_enable_socket(Manager *manager, const char *socket, const char *service, Reason *reason,
                          bool *ret_changed);

/* The first process of MACHINE, as systemd-machined knows it. A negative errno if it does not run,
 * or there is no machined. */
int manager_leader(Manager *manager, const char *machine, pid_t *ret);
