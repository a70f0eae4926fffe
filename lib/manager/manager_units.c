/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions to a service manager about its units. See manager.h.
 */

#include "base/array.h"
#include "manager/live_mount.h"
#include "manager/manager_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNIT          SYSTEMD ".Unit"
#define SERVICE       SYSTEMD ".Service"
/* org.freedesktop.machine1(5) */
#define MACHINED      "org.freedesktop.machine1"
#define MACHINED_PATH "/org/freedesktop/machine1"

/* Gets the property NAME of the D-Bus type TYPE. RET is the reply, positioned at the value. A value
 * of a basic type is read to RET_VALUE (else NULL), where a text borrows from RET. */
static int get(Manager *manager, const ManagerMethod *object, const char *name, const char *type,
               sd_bus_message **ret, void *ret_value)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    ManagerMethod method = {.destination = object->destination,
                            .path = object->path,
                            .interface = "org.freedesktop.DBus.Properties",
                            .name = "Get"};
    int r = manager_call(manager, &method, &reply, "ss", object->interface, name);

    if (r != 0)
        return r;
    r = sd_bus_message_enter_container(reply, 'v', type);
    if (r >= 0 && ret_value)
        r = sd_bus_message_read_basic(reply, type[0], ret_value);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(reply);
    return 0;
}

unsigned manager_version(Manager *manager)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *text; /* "257.8-1~deb13u1" */

    return get(manager, MANAGER_METHOD(NULL), "Version", "s", &reply, &text) == 0
               ? (unsigned)strtoul(text, NULL, 10)
               : 0;
}

/* The D-Bus path of UNIT, which the manager loads if necessary. */
static int load_unit(Manager *manager, const char *unit, char **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r = manager_call(manager, MANAGER_METHOD("LoadUnit"), &reply, "s", unit);

    if (r != 0)
        return r;
    r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return r;
    *ret = strdup(path);
    return *ret ? 0 : -ENOMEM;
}

static int get_word(Manager *manager, const ManagerMethod *object, const char *name,
                    char text[MANAGER_WORD_BYTES])
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *value;
    int r = get(manager, object, name, "s", &reply, &value);

    if (r == 0)
        manager_copy_word(value, text);
    return r;
}

int manager_unit(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_(freep) char *path = NULL;
    ManagerMethod object = {.destination = SYSTEMD, .interface = UNIT};
    ManagerUnit found = {0};
    int reload = 0, r = load_unit(manager, unit, &path);

    object.path = path;
    if (r == 0)
        r = get_word(manager, &object, "LoadState", found.load);
    if (r == 0)
        r = get_word(manager, &object, "ActiveState", found.active);
    if (r == 0)
        r = get_word(manager, &object, "UnitFileState", found.file);
    if (r == 0)
        r = get(manager, &object, "NeedDaemonReload", "b", &reply, &reload);
    if (r != 0)
        return manager_failed(manager, r, "cannot read the state of ", unit, reason);
    found.reload_needed = reload;
    *ret = found;
    return 0;
}

static int get_invocation(Manager *manager, const ManagerMethod *object, uint8_t id[16])
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const void *bytes;
    size_t size;
    int r = get(manager, object, "InvocationID", "ay", &reply, NULL);

    if (r != 0)
        return r;
    r = sd_bus_message_read_array(reply, 'y', &bytes, &size);
    if (r >= 0 && size == 16)
        memcpy(id, bytes, 16);
    return r < 0 ? r : 0;
}

static int get_strings(Manager *manager, const ManagerMethod *object, const char *name, char ***ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = get(manager, object, name, "as", &reply, NULL);

    if (r == 0)
        r = sd_bus_message_read_strv(reply, ret);
    return r < 0 ? r : 0;
}

/* Whether WORD is among WORDS, of which only every STEP-th counts. */
static bool has_word(char **words, size_t step, const char *word)
{
    for (; words && *words; words += step)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

/* RefreshOnReload=, which is new in systemd 260. */
static int get_refreshes(Manager *manager, const ManagerMethod *object, bool *ret)
{
    _cleanup_(strings_freep) char **words = NULL;
    int r = get_strings(manager, object, "RefreshOnReload", &words);

    *ret = has_word(words, 1, "credentials");
    return r;
}

int manager_state(Manager *manager, const char *unit, Reason *reason, ManagerState *ret)
{
    _cleanup_(freep) char *path = NULL;
    ManagerState found = {0};
    int r = load_unit(manager, unit, &path);
    ManagerMethod object = {.destination = SYSTEMD, .path = path, .interface = UNIT};
    ManagerMethod service = {.destination = SYSTEMD, .path = path, .interface = SERVICE};

    if (r == 0)
        r = get_word(manager, &object, "ActiveState", found.active);
    if (r == 0)
        r = get_invocation(manager, &object, found.invocation);
    /* only services have these two, and not in every version, so an error means "none" */
    if (r == 0) {
        r = get_word(manager, &service, "Result", found.result);
        if (r != -ETIMEDOUT && r != -EINTR)
            r = get_refreshes(manager, &service, &found.refreshes);
        if (r != -ETIMEDOUT && r != -EINTR)
            r = 0;
    }
    if (r != 0)
        return manager_failed(manager, r, "cannot read the state of ", unit, reason);
    *ret = found;
    return 0;
}

bool manager_state_runs(const ManagerState *state)
{
    static const char *const states[] = {"active", "activating", "reloading", "refreshing"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(state->active, states[i]) == 0)
            return true;
    return false;
}

void manager_service_done(ManagerService *service)
{
    strings_free(service->credentials);
    strings_free(service->encrypted);
    strings_free(service->search_path);
    strings_free(service->environment);
    free(service->program);
    *service = (ManagerService){0};
}

/* Flattens an array of pairs. */
static int get_pairs(Manager *manager, const ManagerMethod *object, const char *name, char ***ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    char **list = calloc(1, sizeof(list[0])), **larger;
    const char *first, *second;
    size_t count = 0;
    int r;

    if (!list)
        return -ENOMEM;
    *ret = list;
    r = get(manager, object, name, "a(ss)", &reply, NULL);
    if (r != 0)
        return r;
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

static int get_program(Manager *manager, const ManagerMethod *object, char **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *program = "";
    int r = get(manager, object, "ExecStart", "a(sasbttttuii)", &reply, NULL);

    if (r != 0)
        return r;
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
    int r = load_unit(manager, unit, &path);
    ManagerMethod object = {.destination = SYSTEMD, .path = path, .interface = SERVICE};

    if (r == 0)
        r = get_pairs(manager, &object, "LoadCredential", &service.credentials);
    if (r == 0)
        r = get_pairs(manager, &object, "LoadCredentialEncrypted", &service.encrypted);
    if (r == 0)
        r = get_strings(manager, &object, "ExecSearchPath", &service.search_path);
    if (r == 0)
        r = get_strings(manager, &object, "Environment", &service.environment);
    if (r == 0)
        r = get_program(manager, &object, &service.program);
    if (r != 0)
        return manager_failed(manager, r, "cannot read the settings of ", unit, reason);
    *ret = TAKE(service);
    return 0;
}

bool manager_service_asks(const ManagerService *service, const char *machine,
                          const PolicyCredential *credential)
{
    char text[CREDENTIAL_NAME_TEXT_BYTES + sizeof("NSPAWN_CREDS_LIVE=")];

    if (credential->delivery == POLICY_BOOT)
        return has_word(service->credentials, 2, credential->id);
    if (credential->delivery == POLICY_LIVE) {
        snprintf(text, sizeof(text), "NSPAWN_CREDS_LIVE=%s", machine);
        return has_word(service->environment, 1, text);
    }
    snprintf(text, sizeof(text), "%s@%s", machine, credential->id);
    return has_word(service->encrypted, 2, text);
}

/* The first process of MACHINE, according to systemd-machined. */
static int find_leader(Manager *manager, const char *machine, pid_t *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL, *property = NULL;
    ManagerMethod object = {.destination = MACHINED, .interface = MACHINED ".Machine"};
    ManagerMethod method = {.destination = MACHINED,
                            .path = MACHINED_PATH,
                            .interface = MACHINED ".Manager",
                            .name = "GetMachine"};
    uint32_t leader = 0;
    int r = manager_call(manager, &method, &reply, "s", machine);

    if (r != 0)
        return r;
    r = sd_bus_message_read(reply, "o", &object.path);
    if (r >= 0)
        r = get(manager, &object, "Leader", "u", &property, &leader);
    if (r == 0)
        *ret = (pid_t)leader;
    return r;
}

int manager_live_is_bound(Manager *manager, const char *machine, bool *ret)
{
    pid_t leader;
    int r = find_leader(manager, machine, &leader);

    return r == 0 ? live_mount_is_bound(leader, machine, ret) : r;
}
