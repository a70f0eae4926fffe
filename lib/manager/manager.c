/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service manager over its bus. See manager.h.
 */

#include "manager/manager.h"

#include "base/context.h"
#include "terminal/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define DESTINATION     "org.freedesktop.systemd1"
#define MANAGER_PATH    "/org/freedesktop/systemd1"
#define MANAGER         DESTINATION ".Manager"
#define UNIT            DESTINATION ".Unit"
#define SERVICE         DESTINATION ".Service"

/* org.freedesktop.machine1(5) */
#define MACHINED        "org.freedesktop.machine1"
#define MACHINED_PATH   "/org/freedesktop/machine1"

/* Where root can ask without a message bus. */
#define PRIVATE_ADDRESS "unix:path=/run/systemd/private"

/* A daemon-reload with many units takes its time; systemctl gives it as long. */
#define RELOAD_USEC     ((uint64_t)90 * 1000 * 1000)

/* One call to a container's. */
#define MACHINE_USEC    ((uint64_t)5 * 1000 * 1000)

/* How long a socket may take to listen, or the broker to end (its TimeoutStopSec=), and how often
 * it is looked at. */
#define BRING_USEC      ((uint64_t)30 * 1000 * 1000)
#define BRING_STEP_USEC 20000

struct Manager {
    sd_bus *bus;
};

static int open_private(sd_bus **ret)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r = sd_bus_new(&bus);

    if (r >= 0)
        r = sd_bus_set_address(bus, PRIVATE_ADDRESS);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(bus);
    return 0;
}

static int new_with(sd_bus **bus, Manager **ret)
{
    Manager *manager = malloc(sizeof(*manager));

    if (!manager)
        return -ENOMEM;
    *manager = (Manager){TAKE_PTR(*bus)};
    *ret = manager;
    return 0;
}

int manager_new(Reason *reason, Manager **ret)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r = sd_bus_open_system(&bus);

    if (r < 0 && geteuid() == 0)
        r = open_private(&bus);
    if (r < 0)
        return reason_set(reason, r, "cannot reach the service manager");
    return new_with(&bus, ret);
}

int manager_new_of_machine(const char *machine, Reason *reason, Manager **ret)
{
    _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
    int r = sd_bus_open_system_machine(&bus, machine);

    if (r >= 0)
        r = sd_bus_set_method_call_timeout(bus, MACHINE_USEC);
    if (r < 0)
        return reason_set(reason, r, "cannot reach the service manager of %s, over its D-Bus",
                          machine);
    return new_with(&bus, ret);
}

Manager *manager_free(Manager *manager)
{
    if (manager) {
        sd_bus_flush_close_unref(manager->bus);
        free(manager);
    }
    return NULL;
}

/* What the manager says about it, instead of the errno that libsystemd takes it for. */
static int failed(int rc, const char *doing, const char *unit, const sd_bus_error *error,
                  Reason *reason)
{
    if (error && error->message) {
        reason_set(reason, 0, "%s%s: %.200s", doing, unit, error->message);
        return rc;
    }
    return reason_set(reason, rc, "%s%s", doing, unit);
}

/* --- what there is --- */

static int load_unit(Manager *manager, const char *unit, Reason *reason, char **ret_path)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r = sd_bus_call_method(manager->bus, DESTINATION, MANAGER_PATH, MANAGER, "LoadUnit", &error,
                               &reply, "s", unit);

    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return failed(r, "cannot ask for ", unit, &error, reason);
    *ret_path = strdup(path);
    return *ret_path ? 0 : -ENOMEM;
}

static int get_text(Manager *manager, const char *path, const char *name, char *text, size_t size)
{
    _cleanup_(freep) char *value = NULL;
    int r = sd_bus_get_property_string(manager->bus, DESTINATION, path, UNIT, name, NULL, &value);

    if (r >= 0)
        snprintf(text, size, "%s", value);
    return r;
}

int manager_unit(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret)
{
    _cleanup_(freep) char *path = NULL;
    ManagerUnit found = {0};
    int reload = 0, r = load_unit(manager, unit, reason, &path);

    if (r != 0)
        return r;
    r = get_text(manager, path, "LoadState", found.load, sizeof(found.load));
    if (r >= 0)
        r = get_text(manager, path, "ActiveState", found.active, sizeof(found.active));
    if (r >= 0)
        r = get_text(manager, path, "UnitFileState", found.file, sizeof(found.file));
    if (r >= 0)
        r = sd_bus_get_property_trivial(manager->bus, DESTINATION, path, UNIT, "NeedDaemonReload",
                                        NULL, 'b', &reload);
    if (r < 0)
        return failed(r, "cannot ask about ", unit, NULL, reason);
    found.reload_needed = reload;
    *ret = found;
    return 0;
}

static void free_strings(char **strings)
{
    for (char **string = strings; string && *string; string++)
        free(*string);
    free(strings);
}

void manager_service_done(ManagerService *service)
{
    free_strings(service->credentials);
    free_strings(service->encrypted);
    free_strings(service->search_path);
    free_strings(service->environment);
    free(service->program);
    *service = (ManagerService){0};
}

/* An array of pairs, as one list. */
static int get_pairs(Manager *manager, const char *path, const char *name, char ***ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    char **list = calloc(1, sizeof(list[0])), **larger;
    const char *first, *second;
    size_t count = 0;
    int r;

    if (!list)
        return -ENOMEM;
    *ret = list;
    r = sd_bus_get_property(manager->bus, DESTINATION, path, SERVICE, name, NULL, &reply, "a(ss)");
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(ss)");
    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &first, &second)) > 0) {
        larger = reallocarray(list, count + 3, sizeof(list[0]));
        if (!larger)
            return -ENOMEM;
        *ret = list = larger;
        list[count] = strdup(first);
        list[count + 1] = list[count] ? strdup(second) : NULL;
        list[count + 2] = NULL;
        if (!list[count + 1])
            return -ENOMEM;
        count += 2;
    }
    return r < 0 ? r : 0;
}

static int get_program(Manager *manager, const char *path, char **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *program = "";
    int r = sd_bus_get_property(manager->bus, DESTINATION, path, SERVICE, "ExecStart", NULL, &reply,
                                "a(sasbttttuii)");

    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'a', "(sasbttttuii)");
    if (r >= 0)
        r = sd_bus_message_enter_container(reply, 'r', "sasbttttuii");
    if (r > 0)
        r = sd_bus_message_read(reply, "s", &program);
    if (r < 0)
        return r;
    *ret = strdup(program);
    return *ret ? 0 : -ENOMEM;
}

int manager_service(Manager *manager, const char *unit, Reason *reason, ManagerService *ret)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    _cleanup_(freep) char *path = NULL;
    int r = load_unit(manager, unit, reason, &path);

    if (r != 0)
        return r;
    r = get_pairs(manager, path, "LoadCredential", &service.credentials);
    if (r >= 0)
        r = get_pairs(manager, path, "LoadCredentialEncrypted", &service.encrypted);
    if (r >= 0)
        r = sd_bus_get_property_strv(manager->bus, DESTINATION, path, SERVICE, "ExecSearchPath",
                                     NULL, &service.search_path);
    if (r >= 0)
        r = sd_bus_get_property_strv(manager->bus, DESTINATION, path, SERVICE, "Environment", NULL,
                                     &service.environment);
    if (r >= 0)
        r = get_program(manager, path, &service.program);
    if (r < 0)
        return failed(r, "cannot ask about ", unit, NULL, reason);
    *ret = service;
    service = (ManagerService){0};
    return 0;
}

int manager_leader(Manager *manager, const char *machine, pid_t *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    uint32_t leader;
    int r = sd_bus_call_method(manager->bus, MACHINED, MACHINED_PATH, MACHINED ".Manager",
                               "GetMachine", NULL, &reply, "s", machine);

    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &path);
    if (r >= 0)
        r = sd_bus_get_property_trivial(manager->bus, MACHINED, path, MACHINED ".Machine", "Leader",
                                        NULL, 'u', &leader);
    if (r < 0)
        return r;
    *ret = (pid_t)leader;
    return 0;
}

/* --- what is done --- */

int manager_reload(Manager *manager, Reason *reason)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(manager->bus, &call, DESTINATION, MANAGER_PATH, MANAGER,
                                           "Reload");

    progress_begin("the service manager to read its units anew");
    if (r >= 0)
        r = sd_bus_call(manager->bus, call, RELOAD_USEC, &error, NULL);
    progress_end();
    return r < 0 ? failed(r, "the service manager does not read its units anew", "", &error, reason)
                 : 0;
}

/* Calls METHOD, StartUnit or StopUnit, and waits for the unit to be in STATE. */
static int bring(Manager *manager, const char *method, const char *unit, const char *state,
                 Reason *reason)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    uint64_t end = monotonic_usec() + BRING_USEC;
    ManagerUnit now = {0};
    int r = sd_bus_call_method(manager->bus, DESTINATION, MANAGER_PATH, MANAGER, method, &error,
                               NULL, "ss", unit, "replace");

    if (r < 0)
        return failed(r, "cannot start or stop ", unit, &error, reason);
    for (;;) {
        r = manager_unit(manager, unit, reason, &now);
        if (r != 0 || strcmp(now.active, state) == 0)
            return r;
        if (monotonic_usec() > end)
            return reason_set(reason, OUTCOME_TIMEOUT, "%s is %s, not %s: systemctl status %s",
                              unit, now.active, state, unit);
        usleep(BRING_STEP_USEC);
    }
}

int manager_enable_socket(Manager *manager, const char *socket, const char *service, Reason *reason,
                          bool *ret_changed)
{
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    ManagerUnit state, other = {0};
    int r = manager_unit(manager, socket, reason, &state);

    if (r != 0)
        return r;
    *ret_changed = false;
    if (strcmp(state.file, "enabled") != 0) {
        r = sd_bus_call_method(manager->bus, DESTINATION, MANAGER_PATH, MANAGER, "EnableUnitFiles",
                               &error, NULL, "asbb", 1, socket, false, false);
        if (r < 0)
            return failed(r, "cannot enable ", socket, &error, reason);
        *ret_changed = true;
    }
    if (strcmp(state.active, "active") == 0)
        return 0;
    *ret_changed = true;
    progress_begin(socket);
    r = manager_unit(manager, service, reason, &other);
    if (r == 0 && strcmp(other.active, "active") == 0)
        r = bring(manager, "StopUnit", service, "inactive", reason);
    if (r == 0)
        r = bring(manager, "StartUnit", socket, "active", reason);
    progress_end();
    return r;
}
