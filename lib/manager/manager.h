/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A service manager over D-Bus, the host's or that of a running container: what its units are and
 * do, and jobs for them. org.freedesktop.systemd1(5).
 *
 * A container's manager is not trusted. What it says is believed about its own units and about
 * nothing else; its words are cut to letters, digits and "-" and to text without control
 * characters. However late it answers, and however much it talks, it is waited for only as long as
 * manager_allow() says, and never after the stop descriptor has become readable.
 */

#include "base/cleanup.h"
#include "base/observer.h"
#include "base/outcome.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

/* What a container's manager gets at first, µs, which is enough for questions. */
#define MANAGER_USEC ((uint64_t)20 * 1000 * 1000)

typedef struct Manager Manager;

/* The host's; without a message bus, as early at boot, root reaches it at its own socket. While it
 * is waited for, OBSERVER (NULL, or borrowed) sees the ticks of a wait that the caller has begun. A
 * negative errno if it cannot be reached. */
int manager_new(const Observer *observer, Reason *reason, Manager **ret);

/* That of the container MACHINE, over the container's own D-Bus. Nothing is waited for any more
 * once the descriptor STOP (-1 for none; borrowed) is readable: -EINTR.
 * OUTCOME_NOT_FOUND if the container does not run; a negative errno if its bus cannot be reached.
 */
int manager_new_of_machine(const char *machine, int stop, Reason *reason, Manager **ret);
Manager *manager_free(Manager *manager); /* NULL is allowed */
DEFINE_CLEANUP(Manager *, manager_free);

/* All that is asked of a container's manager from now on takes USEC at most, together; after that
 * it is -ETIMEDOUT. (The host's may take a while for each call.) */
void manager_allow(Manager *manager, uint64_t usec);

/* What is left of that. */
uint64_t manager_left(const Manager *manager);

/* --- questions --- */

/* The functions below return a negative errno: what the manager answers, -ETIMEDOUT, -EINTR, and
 * what became of the connection. A unit that does not exist has the LoadState "not-found" and is
 * "inactive". */

/* The version of its systemd, such as 257; 0 if it does not say. */
unsigned manager_version(Manager *manager);

#define MANAGER_WORD_BYTES ((size_t)32)

typedef struct ManagerUnit {
    char load[MANAGER_WORD_BYTES];   /* LoadState: "loaded", "not-found", "masked", … */
    char active[MANAGER_WORD_BYTES]; /* ActiveState: "active", "inactive", "failed", … */
    char file[MANAGER_WORD_BYTES];   /* UnitFileState: "enabled", "masked-runtime", … or "" */
    bool reload_needed;              /* NeedDaemonReload */
} ManagerUnit;

int manager_unit(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret);

/* What a unit does. */
typedef struct ManagerState {
    char active[MANAGER_WORD_BYTES]; /* ActiveState */
    char result[MANAGER_WORD_BYTES]; /* of a service: "success", "exit-code", …; else "" */
    uint8_t invocation[16];          /* another one each time that it is started */
    bool refreshes;                  /* a reload fetches its credentials again (systemd 260) */
} ManagerState;

int manager_state(Manager *manager, const char *unit, Reason *reason, ManagerState *ret);

/* Whether it is up, or on its way. */
bool manager_state_runs(const ManagerState *state);

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

/* Whether the unit that starts MACHINE, SERVICE, asks for CREDENTIAL, or, for live delivery,
 * whether it mounts the broker's directory: as nspawn-creds-generator(8) has it do. */
bool manager_service_asks(const ManagerService *service, const char *machine,
                          const PolicyCredential *credential);

/* Whether the container MACHINE, which runs, has the mount of live delivery. Asked of the host's
 * manager, and systemd-machined; a negative errno if it does not run, there is no machined, or this
 * user may not see it. */
int manager_live_is_bound(Manager *manager, const char *machine, bool *ret);

/* --- actions --- */

/* Has a job done for UNIT, METHOD being "TryRestartUnit" and the like, and waits for its end.
 * OBSERVER is told every LIMIT_JOB_WORDS_SECONDS that it still takes. -ECANCELED if the job
 * comes to another end than "done". */
int manager_run(Manager *manager, const char *unit, const char *method, const Observer *observer,
                Reason *reason);

/* Has it forget that UNIT failed, and how often it was started: so that it can be started again. */
void manager_reset(Manager *manager, const char *unit);

/* daemon-reload, which runs the generators. Returns when it is done. */
int manager_reload(Manager *manager, Reason *reason);

/* enable --now of the host's SOCKET, returning when it listens. A socket does not start while its
 * SERVICE runs without it: that is stopped before. RET_CHANGED: it was not so before. */
int manager_enable_socket(Manager *manager, const char *socket, const char *service, Reason *reason,
                          bool *ret_changed);
