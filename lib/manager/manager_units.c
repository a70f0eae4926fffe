/* SPDX-License-Identifier: LGPL-2.1-or-later */

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

typedef struct Property {
    const char *interface, *name;
    /* reads the value that MESSAGE is at; a negative errno, also for one of another type */
    int (*read)(sd_bus_message *message, void *ret);
    size_t offset; /* of the member that gets it */
    bool optional; /* only services have it, and not in every version: an error means "none" */
} Property;

/* Gets PROPERTY of the object PATH of DESTINATION; RET is the struct with the member. */
static int get(Manager *manager, const char *destination, const char *path,
               const Property *property, void *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    ManagerMethod method = {.destination = destination,
                            .path = path,
                            .interface = "org.freedesktop.DBus.Properties",
                            .name = "Get"};
    int r = manager_call(manager, &method, &reply, "ss", property->interface, property->name);

    if (r == 0)
        r = sd_bus_message_enter_container(reply, 'v', NULL);
    if (r >= 0)
        r = property->read(reply, (char *)ret + property->offset);
    return r < 0 ? r : 0;
}

/* Gets PROPERTIES, which end with a row without a name, of UNIT, which the manager loads if
 * necessary. */
static int get_all(Manager *manager, const char *unit, const Property *properties, void *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r = manager_call(manager, MANAGER_METHOD("LoadUnit"), &reply, "s", unit);

    if (r == 0 && sd_bus_message_read(reply, "o", &path) <= 0)
        r = -EBADMSG;
    if (r != 0)
        return r;
    for (; r >= 0 && properties->name; properties++) {
        r = get(manager, SYSTEMD, path, properties, ret);
        if (properties->optional && r != -ETIMEDOUT && r != -EINTR)
            r = 0;
    }
    return r < 0 ? r : 0;
}

/* --- values --- */

static int read_number(sd_bus_message *message, void *ret)
{
    return sd_bus_message_read(message, "u", ret);
}

/* The number at the beginning of a text. */
static int read_version(sd_bus_message *message, void *ret)
{
    const char *text; /* "257.8-1~deb13u1" */
    int r = sd_bus_message_read(message, "s", &text);

    if (r >= 0)
        *(unsigned *)ret = (unsigned)strtoul(text, NULL, 10);
    return r;
}

static int read_flag(sd_bus_message *message, void *ret)
{
    int flag, r = sd_bus_message_read(message, "b", &flag);

    if (r >= 0)
        *(bool *)ret = flag;
    return r;
}

static int read_word(sd_bus_message *message, void *ret)
{
    const char *word;
    int r = sd_bus_message_read(message, "s", &word);

    if (r >= 0)
        manager_copy_word(word, ret);
    return r;
}

static int read_id(sd_bus_message *message, void *ret)
{
    const void *bytes;
    size_t size;
    int r = sd_bus_message_read_array(message, 'y', &bytes, &size);

    if (r >= 0 && size == 16)
        memcpy(ret, bytes, 16);
    return r;
}

static int read_text(sd_bus_message *message, void *ret)
{
    const char *text;
    int r = sd_bus_message_read(message, "s", &text);

    if (r < 0)
        return r;
    *(char **)ret = strdup(text);
    return *(char **)ret ? 0 : -ENOMEM;
}

static int read_strings(sd_bus_message *message, void *ret)
{
    return sd_bus_message_read_strv(message, ret);
}

/* Flattens an array of pairs. */
static int read_pairs(sd_bus_message *message, void *ret)
{
    char ***list = ret;
    const char *first, *second;
    size_t count = 0;
    int r = sd_bus_message_enter_container(message, 'a', "(ss)");

    *list = calloc(1, sizeof(**list));
    if (!*list)
        return -ENOMEM;
    while (r >= 0 && (r = sd_bus_message_read(message, "(ss)", &first, &second)) > 0)
        if (!strings_add(list, &count, first) || !strings_add(list, &count, second))
            return -ENOMEM;
    return r;
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
static int read_refreshes(sd_bus_message *message, void *ret)
{
    _cleanup_(strings_freep) char **words = NULL;
    int r = sd_bus_message_read_strv(message, &words);

    *(bool *)ret = has_word(words, 1, "credentials");
    return r;
}

/* The first command of ExecStart=. */
static int read_command(sd_bus_message *message, void *ret)
{
    ManagerService *service = ret;
    const char *program = "";
    int r = sd_bus_message_enter_container(message, 'a', NULL);

    if (r >= 0)
        r = sd_bus_message_enter_container(message, 'r', "sasbttttuii"); /* 0 at the end */
    if (r > 0)
        r = sd_bus_message_read(message, "s", &program);
    if (r > 0)
        r = sd_bus_message_read_strv(message, &service->arguments);
    if (r < 0)
        return r;
    service->program = strdup(program);
    return service->program ? 0 : -ENOMEM;
}

/* --- questions --- */

unsigned manager_version(Manager *manager)
{
    static const Property property = {MANAGER, "Version", read_version, 0, false};
    unsigned version = 0;

    (void)get(manager, SYSTEMD, SYSTEMD_PATH, &property, &version);
    return version;
}

int manager_unit(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret)
{
    static const Property properties[] = {
        {UNIT, "LoadState", read_word, offsetof(ManagerUnit, load), false},
        {UNIT, "ActiveState", read_word, offsetof(ManagerUnit, active), false},
        {UNIT, "UnitFileState", read_word, offsetof(ManagerUnit, file), false},
        {UNIT, "NeedDaemonReload", read_flag, offsetof(ManagerUnit, reload_needed), false},
        {0},
    };
    ManagerUnit found = {0};
    int r = get_all(manager, unit, properties, &found);

    if (r != 0)
        return manager_failed(manager, r, "cannot read the state of ", unit, reason);
    *ret = found;
    return 0;
}

int manager_state(Manager *manager, const char *unit, Reason *reason, ManagerState *ret)
{
    static const Property properties[] = {
        {UNIT, "ActiveState", read_word, offsetof(ManagerState, active), false},
        {UNIT, "InvocationID", read_id, offsetof(ManagerState, invocation), false},
        {SERVICE, "Result", read_word, offsetof(ManagerState, result), true},
        {SERVICE, "RefreshOnReload", read_refreshes, offsetof(ManagerState, refreshes), true},
        {0},
    };
    ManagerState found = {0};
    int r = get_all(manager, unit, properties, &found);

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
    strings_free(service->arguments);
    free(service->file);
    strings_free(service->drop_ins);
    *service = (ManagerService){0};
}

int manager_service(Manager *manager, const char *unit, Reason *reason, ManagerService *ret)
{
    static const Property properties[] = {
        {SERVICE, "LoadCredential", read_pairs, offsetof(ManagerService, credentials), false},
        {SERVICE, "LoadCredentialEncrypted", read_pairs, offsetof(ManagerService, encrypted),
         false},
        {SERVICE, "ExecSearchPath", read_strings, offsetof(ManagerService, search_path), false},
        {SERVICE, "Environment", read_strings, offsetof(ManagerService, environment), false},
        {SERVICE, "ExecStart", read_command, 0, false},
        {UNIT, "FragmentPath", read_text, offsetof(ManagerService, file), true},
        {UNIT, "DropInPaths", read_strings, offsetof(ManagerService, drop_ins), true},
        {SERVICE, "MainPID", read_number, offsetof(ManagerService, main_pid), true},
        {0},
    };
    _cleanup_(manager_service_done) ManagerService service = {0};
    int r = get_all(manager, unit, properties, &service);

    if (r != 0)
        return manager_failed(manager, r, "cannot read the settings of ", unit, reason);
    *ret = TAKE(service);
    return 0;
}

static int read_unit(Manager *manager, const char *name, Reason *reason, ManagerUnit *ret_state,
                     ManagerService *ret_service)
{
    int r;

    /* Otherwise the manager loads a unit that does not run anew for each property. Only root may
     * ask for that. */
    (void)manager_call(manager, MANAGER_METHOD("RefUnit"), NULL, "s", name);
    r = manager_unit(manager, name, reason, ret_state);
    if (r == 0)
        r = manager_service(manager, name, reason, ret_service);
    (void)manager_call(manager, MANAGER_METHOD("UnrefUnit"), NULL, "s", name);
    return r;
}

int manager_find_unit(Manager *manager, const char *machine, Reason *reason,
                      char ret_name[MANAGER_UNIT_BYTES], ManagerUnit *ret_state,
                      ManagerService *ret_service)
{
    int r;

    snprintf(ret_name, MANAGER_UNIT_BYTES, "container@%s.service", machine);
    r = manager_unit(manager, ret_name, reason, ret_state);
    if (r == 0 && strcmp(ret_state->load, "loaded") != 0)
        snprintf(ret_name, MANAGER_UNIT_BYTES, "systemd-nspawn@%s.service", machine);
    return r == 0 ? read_unit(manager, ret_name, reason, ret_state, ret_service) : r;
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

bool manager_service_names_image(const ManagerService *service)
{
    static const char *const options[] = {"-D", "-i", "--directory", "--image", "--template"};

    for (char **argument = service->arguments; argument && *argument; argument++)
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
            if (strncmp(*argument, options[i], strlen(options[i])) == 0)
                return true;
    return false;
}

/* --- systemd-machined --- */

#define MACHINED_METHOD(name)                                                                      \
    (&(ManagerMethod){MACHINED, MACHINED_PATH, MACHINED ".Manager", name, 0})

int manager_images(Manager *manager, char ***ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_(strings_freep) char **images = calloc(1, sizeof(*images));
    size_t count = 0;
    const char *name;
    int r = images ? manager_call(manager, MACHINED_METHOD("ListImages"), &reply, "") : -ENOMEM;

    if (r == 0)
        r = sd_bus_message_enter_container(reply, 'a', "(ssbttto)");
    while (r >= 0 && (r = sd_bus_message_read(reply, "(ssbttto)", &name, NULL, NULL, NULL, NULL,
                                              NULL, NULL)) > 0)
        if (name[0] != '.' && !strings_add(&images, &count, name)) /* ".host" is this host */
            return -ENOMEM;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(images);
    return 0;
}

int manager_image_id(Manager *manager, const char *image, uint8_t ret[16])
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = manager_call(manager, MACHINED_METHOD("GetImageMachineID"), &reply, "s", image);

    memset(ret, 0, 16);
    if (r == 0)
        r = read_id(reply, ret);
    return r < 0 ? r : 0;
}

/* The D-Bus path of the running container MACHINE, borrowed from RET_REPLY. */
static int find_machine(Manager *manager, const char *machine, sd_bus_message **ret_reply,
                        const char **ret_path)
{
    int r = manager_call(manager, MACHINED_METHOD("GetMachine"), ret_reply, "s", machine);

    return r == 0 && sd_bus_message_read(*ret_reply, "o", ret_path) <= 0 ? -EBADMSG : r;
}

int manager_unit_of_machine(Manager *manager, const char *machine, char **ret)
{
    static const Property property = {MACHINED ".Machine", "Unit", read_text, 0, false};
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r = find_machine(manager, machine, &reply, &path);

    return r == 0 ? get(manager, MACHINED, path, &property, ret) : r;
}

int manager_live_is_bound(Manager *manager, const char *machine, bool *ret)
{
    static const Property property = {MACHINED ".Machine", "Leader", read_number, 0, false};
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    uint32_t leader;
    int r = find_machine(manager, machine, &reply, &path);

    if (r == 0)
        r = get(manager, MACHINED, path, &property, &leader);
    return r == 0 ? live_mount_is_bound((pid_t)leader, machine, ret) : r;
}
