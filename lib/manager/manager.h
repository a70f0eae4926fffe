/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A service manager over D-Bus, the host's or that of a running container: its units' state and
 * settings, and jobs for them. See org.freedesktop.systemd1(5).
 *
 * A container's manager is not trusted. Its answers count for its own units only. States and
 * results are reduced to letters, digits and "-", messages to printable characters. However slowly
 * or verbosely it answers, the time that manager_allow() gives is all that we wait, and the wait
 * ends at once when the stop descriptor becomes readable.
 */

#include "base/cleanup.h"
#include "base/observer.h"
#include "base/outcome.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

/* The time for a container's manager before manager_allow() is called, µs. It is enough to read
 * properties. */
#define MANAGER_USEC ((uint64_t)20 * 1000 * 1000)

typedef struct Manager Manager;

/* The host's manager. Where there is no message bus, as early at boot, root connects to the
 * manager's private socket. OBSERVER (borrowed, may be NULL) gets the ticks of a wait that the
 * caller has begun. Returns a negative errno if the manager cannot be reached. */
int manager_new(const Observer *observer, Reason *reason, Manager **ret);

/* The manager of the container MACHINE, over the container's own D-Bus. When the descriptor STOP
 * (borrowed; -1 for none) is readable, every wait ends with -EINTR. Returns OUTCOME_NOT_FOUND if
 * the container is not running, a negative errno if its bus cannot be reached in USEC. */
int manager_new_of_machine(const char *machine, uint64_t usec, int stop, Reason *reason,
                           Manager **ret);
Manager *manager_free(Manager *manager); /* NULL is allowed */
DEFINE_CLEANUP(Manager *, manager_free);

/* From now on, all calls to a container's manager together may take USEC; after that they return
 * -ETIMEDOUT. The host's manager has a limit for each call instead. */
void manager_allow(Manager *manager, uint64_t usec);

/* The time that is left, µs. */
uint64_t manager_left(const Manager *manager);

/* --- questions --- */

/* The functions below return 0 or a negative errno: the manager's own error, -ETIMEDOUT, -EINTR, or
 * an error of the connection. A unit that does not exist has the LoadState "not-found" and the
 * ActiveState "inactive". */

/* The version of its systemd, such as 257; 0 if unknown. */
unsigned manager_version(Manager *manager);

#define MANAGER_WORD_BYTES ((size_t)32)

typedef struct ManagerUnit {
    char load[MANAGER_WORD_BYTES];   /* LoadState: "loaded", "not-found", "masked", … */
    char active[MANAGER_WORD_BYTES]; /* ActiveState: "active", "inactive", "failed", … */
    char file[MANAGER_WORD_BYTES];   /* UnitFileState: "enabled", "masked-runtime", … or "" */
    bool reload_needed;              /* NeedDaemonReload */
} ManagerUnit;

int manager_unit(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret);

typedef struct ManagerState {
    char active[MANAGER_WORD_BYTES]; /* ActiveState */
    char result[MANAGER_WORD_BYTES]; /* of a service: "success", "exit-code", …; else "" */
    uint8_t invocation[16];          /* changes at every start */
    bool refreshes;                  /* a reload fetches the credentials again (systemd 260) */
} ManagerState;

int manager_state(Manager *manager, const char *unit, Reason *reason, ManagerState *ret);

/* Whether the unit is up or starting. */
bool manager_state_runs(const ManagerState *state);

/* The settings of a service that concern credentials. */
typedef struct ManagerService {
    char **credentials; /* LoadCredential=: an id, its path, the next id, … and NULL */
    char **encrypted;   /* LoadCredentialEncrypted=, likewise */
    char **search_path; /* ExecSearchPath= */
    char **environment; /* Environment=, each NAME=VALUE */
    char *program;      /* the path in the first ExecStart=; "" if it has none */
    char **arguments;   /* and its words, with the program */
    char *file;         /* its unit file */
    char **drop_ins;    /* in the order in which they are read */
    uint32_t main_pid;  /* 0 if it does not run */
} ManagerService;

void manager_service_done(ManagerService *service); /* for _cleanup_ */

int manager_service(Manager *manager, const char *unit, Reason *reason, ManagerService *ret);

/* Room for the name of a machine's unit. */
#define MANAGER_UNIT_BYTES ((size_t)128)

/* The unit that starts MACHINE: systemd's own, or nixpkgs' where there is one. */
int manager_find_unit(Manager *manager, const char *machine, Reason *reason,
                      char ret_name[MANAGER_UNIT_BYTES], ManagerUnit *ret_state,
                      ManagerService *ret_service);

/* Whether SERVICE, the unit that starts MACHINE, asks for CREDENTIAL as nspawn-creds-generator(8)
 * arranges it. For live delivery: whether it makes the live mount. */
bool manager_service_asks(const ManagerService *service, const char *machine,
                          const PolicyCredential *credential);

/* Whether SERVICE names the directory or image that it starts, instead of leaving it to
 * systemd-nspawn to find the image of the machine. */
bool manager_service_names_image(const ManagerService *service);

/* The names of the images of containers, as systemd-machined finds them; the caller frees them with
 * strings_free(). MANAGER is the host's. A negative errno if machined is not available. */
int manager_images(Manager *manager, char ***ret);

/* The machine id in the IMAGE, which systemd-machined reads; all zeros if it has none. */
int manager_image_id(Manager *manager, const char *image, uint8_t ret[16]);

/* The unit that the running container MACHINE belongs to, allocated. A negative errno if it is not
 * running, or machined is not available. */
int manager_unit_of_machine(Manager *manager, const char *machine, char **ret);

/* Whether the running container MACHINE has the live mount. MANAGER is the host's; systemd-machined
 * knows the container's processes. Returns a negative errno if the container is not running,
 * machined is not available, or the calling user may not read the container's mounts. */
int manager_live_is_bound(Manager *manager, const char *machine, bool *ret);

/* --- actions --- */

/* Starts a job for UNIT with METHOD, such as "TryRestartUnit", and waits until it ends. OBSERVER
 * gets a note every LIMIT_JOB_WORDS_SECONDS. Returns -ECANCELED if the job's result is not "done".
 */
int manager_run(Manager *manager, const char *unit, const char *method, const Observer *observer,
                Reason *reason);

/* Resets UNIT's failed state and start counter, so that it can be started again. */
void manager_reset(Manager *manager, const char *unit);

/* daemon-reload, which runs the generators. Returns when the reload has ended. */
int manager_reload(Manager *manager, Reason *reason);

/* Enables and starts the host's SOCKET, and returns when it listens. A socket cannot start while
 * SERVICE runs without it, so SERVICE is stopped first. RET_CHANGED is false if the socket was
 * enabled and active already. */
int manager_enable_socket(Manager *manager, const char *socket, const char *service, Reason *reason,
                          bool *ret_changed);
