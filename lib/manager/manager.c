/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A service manager over D-Bus. See manager.h.
 *
 * Nothing here uses libsystemd's own blocking calls: each of them waits for its reply by itself,
 * deaf to signals, and processes whatever else arrives meanwhile. All waiting is in wait_for().
 */

#include "manager/manager.h"

#include "base/context.h"
#include "base/limits.h"
#include "manager/live_mount.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>
#include <time.h>

#define SYSTEMD         "org.freedesktop.systemd1"
#define SYSTEMD_PATH    "/org/freedesktop/systemd1"
#define MANAGER         SYSTEMD ".Manager"
#define UNIT            SYSTEMD ".Unit"
#define SERVICE         SYSTEMD ".Service"
/* org.freedesktop.machine1(5) */
#define MACHINED        "org.freedesktop.machine1"
#define MACHINED_PATH   "/org/freedesktop/machine1"

/* Where root reaches the host's without a message bus. */
#define PRIVATE_ADDRESS "unix:path=/run/systemd/private"

/* One call, µs, as in libsystemd. A daemon-reload with many units takes its time; systemctl gives
 * it as long. */
#define CALL_USEC       ((uint64_t)25 * 1000 * 1000)
#define RELOAD_USEC     ((uint64_t)90 * 1000 * 1000)

/* How long a socket may take to listen, and the broker to end (its TimeoutStopSec=). */
#define SOCKET_USEC     ((uint64_t)60 * 1000 * 1000)

struct Manager {
    char name[128]; /* "the service manager of web" */
    const char *machine;
    sd_bus *bus;
    int stop;
    uint64_t end;    /* of all waiting, monotonic_usec() */
    const char *job; /* the path of the one that is waited for, or NULL */
    bool job_ended;
    char job_result[MANAGER_WORD_BYTES];
};

/* A container's words are no good for a terminal as they are. */
static void copy_word(const char *word, char text[MANAGER_WORD_BYTES])
{
    size_t length = 0;

    for (; *word && length + 1 < MANAGER_WORD_BYTES; word++)
        if (isalnum((unsigned char)*word) || *word == '-')
            text[length++] = *word;
    text[length] = '\0';
}

static void copy_sentence(const char *sentence, Reason *ret)
{
    size_t length = 0;

    if (!ret)
        return;
    for (; *sentence && length + 1 < sizeof(ret->text); sentence++)
        ret->text[length++] = isprint((unsigned char)*sentence) ? *sentence : '?';
    ret->text[length] = '\0';
}

/* Says in REASON that RC came of DOING something with UNIT, and WHY. */
static int failed(int rc, const char *doing, const char *unit, const Reason *why, Reason *reason)
{
    if (!why->text[0])
        return reason_set(reason, rc, "%s%s", doing, unit);
    reason_set(reason, 0, "%s%s: %.200s", doing, unit, why->text);
    return rc;
}

/* --- waiting --- */

/* Sleeps for USEC at most, until the bus needs attention or the stop descriptor is readable; with
 * 0 it only looks. Returns whether it is. */
static bool sleep_until_stopped(Manager *manager, uint64_t usec)
{
    int events = sd_bus_get_events(manager->bus);
    struct pollfd fds[] = {
        {.fd = sd_bus_get_fd(manager->bus), .events = (short)(events < 0 ? 0 : events)},
        {.fd = manager->stop, .events = POLLIN},
    };
    struct timespec time = {.tv_sec = (time_t)(usec / 1000000),
                            .tv_nsec = (long)(usec % 1000000 * 1000)};

    return ppoll(fds, 2, &time, NULL) > 0 && fds[1].revents != 0;
}

/* Waits until DONE, for which the bus has a callback. -ETIMEDOUT at END, -EINTR. */
static int wait_for(Manager *manager, const bool *done, uint64_t end, Reason *why)
{
    if (end > manager->end)
        end = manager->end;
    while (!*done) {
        uint64_t now = monotonic_usec(), until = UINT64_MAX;
        int r;

        if (now >= end) {
            reason_set(why, 0, "%s does not answer in time", manager->name);
            return -ETIMEDOUT;
        }
        r = sd_bus_process(manager->bus, NULL);
        if (r < 0)
            return reason_set(why, r, "%s hung up", manager->name);
        (void)sd_bus_get_timeout(manager->bus, &until);
        if (until > end)
            until = end;
        if (sleep_until_stopped(manager, r > 0 || until <= now ? 0 : until - now)) {
            reason_set(why, 0, "it was interrupted");
            return -EINTR;
        }
    }
    return 0;
}

typedef struct Method {
    const char *destination, *path, *interface, *name;
    uint64_t usec; /* 0: CALL_USEC */
} Method;

#define MANAGER_METHOD(name) (&(Method){SYSTEMD, SYSTEMD_PATH, MANAGER, name, 0})

typedef struct Reply {
    sd_bus_message *message;
    bool arrived;
} Reply;

static void reply_done(Reply *reply)
{
    sd_bus_message_unref(reply->message);
}

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    Reply *reply = userdata;

    (void)error;
    reply->message = sd_bus_message_ref(message);
    reply->arrived = true;
    return 0;
}

/* Calls METHOD with what TYPES say. WHY says what went wrong. RET may be NULL. */
static int call(Manager *manager, const Method *method, Reason *why, sd_bus_message **ret,
                const char *types, ...)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
    _cleanup_(reply_done) Reply reply = {0};
    _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
    uint64_t usec = method->usec ? method->usec : CALL_USEC;
    const sd_bus_error *error;
    va_list arguments;
    int r = sd_bus_message_new_method_call(manager->bus, &message, method->destination,
                                           method->path, method->interface, method->name);

    va_start(arguments, types);
    if (r >= 0)
        r = sd_bus_message_appendv(message, types, arguments);
    va_end(arguments);
    if (r >= 0)
        r = sd_bus_call_async(manager->bus, &slot, message, on_reply, &reply, usec);
    if (r < 0)
        return reason_set(why, r, "%s cannot be asked", manager->name);
    r = wait_for(manager, &reply.arrived, monotonic_usec() + usec, why);
    if (r != 0)
        return r;
    error = sd_bus_message_get_error(reply.message);
    if (error) {
        copy_sentence(error->message ? error->message : error->name, why);
        return -sd_bus_message_get_errno(reply.message);
    }
    if (ret)
        *ret = TAKE_PTR(reply.message);
    return 0;
}

/* --- connections --- */

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    Manager *manager = userdata;
    const char *path, *unit, *result;
    uint32_t id;

    (void)error;
    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0 || !manager->job ||
        strcmp(path, manager->job) != 0)
        return 0;
    manager->job_ended = true;
    copy_word(result, manager->job_result);
    return 0;
}

static int open_private(sd_bus **ret)
{
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    int r = sd_bus_new(&bus);

    if (r >= 0)
        r = sd_bus_set_address(bus, PRIVATE_ADDRESS);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r >= 0)
        *ret = TAKE_PTR(bus);
    return r;
}

/* Has it say when jobs end. */
static int subscribe(Manager *manager, Reason *reason)
{
    Reason why = {0};
    /* signals on the manager's own socket have no sender */
    int r = sd_bus_match_signal_async(
        manager->bus, NULL, sd_bus_is_bus_client(manager->bus) > 0 ? SYSTEMD : NULL, SYSTEMD_PATH,
        MANAGER, "JobRemoved", on_job_removed, NULL, manager);

    if (r >= 0)
        r = call(manager, MANAGER_METHOD("Subscribe"), &why, NULL, "");
    return r == 0 ? 0 : failed(r, "cannot reach ", manager->name, &why, reason);
}

/* Not flushed: that would wait for a container that does not read. */
Manager *manager_free(Manager *manager)
{
    if (manager) {
        sd_bus_close_unref(manager->bus);
        free(manager);
    }
    return NULL;
}

int manager_new(Reason *reason, Manager **ret)
{
    _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
    int r;

    if (!manager)
        return -ENOMEM;
    manager->stop = -1;
    manager->end = UINT64_MAX;
    strcpy(manager->name, "the service manager");
    r = sd_bus_open_system(&manager->bus);
    if (r < 0 && geteuid() == 0)
        r = open_private(&manager->bus);
    if (r < 0)
        return reason_set(reason, r, "cannot reach %s", manager->name);
    r = subscribe(manager, reason);
    if (r == 0)
        *ret = TAKE_PTR(manager);
    return r;
}

int manager_new_of_machine(const char *machine, int stop, Reason *reason, Manager **ret)
{
    _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
    _cleanup_(freep) char *class = NULL;
    int r;

    if (!manager)
        return -ENOMEM;
    manager->stop = stop;
    manager_allow(manager, MANAGER_USEC);
    snprintf(manager->name, sizeof(manager->name), "the service manager of %s", machine);
    manager->machine = strrchr(manager->name, ' ') + 1;
    if (sd_machine_get_class(machine, &class) < 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "%s does not run", machine);
    r = sd_bus_open_system_machine(&manager->bus, machine);
    if (r < 0)
        return reason_set(reason, r, "cannot reach %s, over its D-Bus", manager->name);
    r = subscribe(manager, reason);
    if (r == 0)
        *ret = TAKE_PTR(manager);
    return r;
}

void manager_allow(Manager *manager, uint64_t usec)
{
    manager->end = monotonic_usec() + usec;
}

uint64_t manager_left(const Manager *manager)
{
    uint64_t now = monotonic_usec();

    return manager->end > now ? manager->end - now : 0;
}

/* --- questions --- */

/* The property NAME, of the type TYPE: RET is where it can be read. */
static int get(Manager *manager, const Method *object, const char *name, const char *type,
               Reason *why, sd_bus_message **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Method method = {.destination = object->destination,
                     .path = object->path,
                     .interface = "org.freedesktop.DBus.Properties",
                     .name = "Get"};
    int r = call(manager, &method, why, &reply, "ss", object->interface, name);

    if (r != 0)
        return r;
    r = sd_bus_message_enter_container(reply, 'v', type);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(reply);
    return 0;
}

unsigned manager_version(Manager *manager)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *text; /* "257.8-1~deb13u1" */

    if (get(manager, MANAGER_METHOD(NULL), "Version", "s", NULL, &reply) != 0 ||
        sd_bus_message_read(reply, "s", &text) < 0)
        return 0;
    return (unsigned)strtoul(text, NULL, 10);
}

/* The path of UNIT, which is loaded if it was not. */
static int load_unit(Manager *manager, const char *unit, Reason *why, char **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *path;
    int r = call(manager, MANAGER_METHOD("LoadUnit"), why, &reply, "s", unit);

    if (r != 0)
        return r;
    r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return r;
    *ret = strdup(path);
    return *ret ? 0 : -ENOMEM;
}

static int get_word(Manager *manager, const Method *object, const char *name, Reason *why,
                    char text[MANAGER_WORD_BYTES])
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *value;
    int r = get(manager, object, name, "s", why, &reply);

    if (r != 0)
        return r;
    r = sd_bus_message_read(reply, "s", &value);
    if (r < 0)
        return r;
    copy_word(value, text);
    return 0;
}

int manager_unit(Manager *manager, const char *unit, Reason *reason, ManagerUnit *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_(freep) char *path = NULL;
    Method object = {.destination = SYSTEMD, .interface = UNIT};
    ManagerUnit found = {0};
    Reason why = {0};
    int reload = 0, r = load_unit(manager, unit, &why, &path);

    object.path = path;
    if (r == 0)
        r = get_word(manager, &object, "LoadState", &why, found.load);
    if (r == 0)
        r = get_word(manager, &object, "ActiveState", &why, found.active);
    if (r == 0)
        r = get_word(manager, &object, "UnitFileState", &why, found.file);
    if (r == 0)
        r = get(manager, &object, "NeedDaemonReload", "b", &why, &reply);
    if (r == 0 && sd_bus_message_read(reply, "b", &reload) < 0)
        r = -EBADMSG;
    if (r != 0)
        return failed(r, "cannot ask about ", unit, &why, reason);
    found.reload_needed = reload;
    *ret = found;
    return 0;
}

static int get_invocation(Manager *manager, const Method *object, Reason *why, uint8_t id[16])
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const void *bytes;
    size_t size;
    int r = get(manager, object, "InvocationID", "ay", why, &reply);

    if (r != 0)
        return r;
    r = sd_bus_message_read_array(reply, 'y', &bytes, &size);
    if (r >= 0 && size == 16)
        memcpy(id, bytes, 16);
    return r < 0 ? r : 0;
}

static void free_strings(char **strings)
{
    for (char **string = strings; string && *string; string++)
        free(*string);
    free(strings);
}

static int get_strings(Manager *manager, const Method *object, const char *name, Reason *why,
                       char ***ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = get(manager, object, name, "as", why, &reply);

    if (r == 0)
        r = sd_bus_message_read_strv(reply, ret);
    return r < 0 ? r : 0;
}

/* RefreshOnReload=, of which older versions know nothing. */
static int get_refreshes(Manager *manager, const Method *object, Reason *why, bool *ret)
{
    char **words = NULL;
    int r = get_strings(manager, object, "RefreshOnReload", why, &words);

    for (char **word = words; r == 0 && word && *word; word++)
        *ret = *ret || strcmp(*word, "credentials") == 0;
    free_strings(words);
    return r;
}

int manager_state(Manager *manager, const char *unit, Reason *reason, ManagerState *ret)
{
    _cleanup_(freep) char *path = NULL;
    ManagerState found = {0};
    Reason why = {0};
    int r = load_unit(manager, unit, &why, &path);
    Method object = {.destination = SYSTEMD, .path = path, .interface = UNIT};
    Method service = {.destination = SYSTEMD, .path = path, .interface = SERVICE};

    if (r == 0)
        r = get_word(manager, &object, "ActiveState", &why, found.active);
    if (r == 0)
        r = get_invocation(manager, &object, &why, found.invocation);
    /* only services have these two, and not in every version: an error means that there is none */
    if (r == 0) {
        r = get_word(manager, &service, "Result", &why, found.result);
        if (r != -ETIMEDOUT && r != -EINTR)
            r = get_refreshes(manager, &service, &why, &found.refreshes);
        if (r != -ETIMEDOUT && r != -EINTR)
            r = 0;
    }
    if (r != 0)
        return failed(r, "cannot ask about ", unit, &why, reason);
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
    free_strings(service->credentials);
    free_strings(service->encrypted);
    free_strings(service->search_path);
    free_strings(service->environment);
    free(service->program);
    *service = (ManagerService){0};
}

/* An array of pairs, as one list. */
static int get_pairs(Manager *manager, const Method *object, const char *name, Reason *why,
                     char ***ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    char **list = calloc(1, sizeof(list[0])), **larger;
    const char *first, *second;
    size_t count = 0;
    int r;

    if (!list)
        return -ENOMEM;
    *ret = list;
    r = get(manager, object, name, "a(ss)", why, &reply);
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

static int get_program(Manager *manager, const Method *object, Reason *why, char **ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *program = "";
    int r = get(manager, object, "ExecStart", "a(sasbttttuii)", why, &reply);

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
    Reason why = {0};
    int r = load_unit(manager, unit, &why, &path);
    Method object = {.destination = SYSTEMD, .path = path, .interface = SERVICE};

    if (r == 0)
        r = get_pairs(manager, &object, "LoadCredential", &why, &service.credentials);
    if (r == 0)
        r = get_pairs(manager, &object, "LoadCredentialEncrypted", &why, &service.encrypted);
    if (r == 0)
        r = get_strings(manager, &object, "ExecSearchPath", &why, &service.search_path);
    if (r == 0)
        r = get_strings(manager, &object, "Environment", &why, &service.environment);
    if (r == 0)
        r = get_program(manager, &object, &why, &service.program);
    if (r != 0)
        return failed(r, "cannot ask about ", unit, &why, reason);
    *ret = service;
    service = (ManagerService){0};
    return 0;
}

static bool has_pair(char **pairs, const char *id)
{
    for (; pairs && *pairs; pairs += 2)
        if (strcmp(pairs[0], id) == 0)
            return true;
    return false;
}

static bool has_word(char **words, const char *word)
{
    for (; words && *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

bool manager_service_asks(const ManagerService *service, const char *machine,
                          const PolicyCredential *credential)
{
    char text[CREDENTIAL_NAME_TEXT_BYTES + sizeof("NSPAWN_CREDS_LIVE=")];

    if (credential->delivery == POLICY_BOOT)
        return has_pair(service->credentials, credential->id);
    if (credential->delivery == POLICY_LIVE) {
        snprintf(text, sizeof(text), "NSPAWN_CREDS_LIVE=%s", machine);
        return has_word(service->environment, text);
    }
    snprintf(text, sizeof(text), "%s@%s", machine, credential->id);
    return has_pair(service->encrypted, text);
}

/* The first process of MACHINE, as systemd-machined knows it. */
static int find_leader(Manager *manager, const char *machine, pid_t *ret)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL, *property = NULL;
    Method object = {.destination = MACHINED, .interface = MACHINED ".Machine"};
    Method method = {.destination = MACHINED,
                     .path = MACHINED_PATH,
                     .interface = MACHINED ".Manager",
                     .name = "GetMachine"};
    uint32_t leader;
    int r = call(manager, &method, NULL, &reply, "s", machine);

    if (r != 0)
        return r;
    r = sd_bus_message_read(reply, "o", &object.path);
    if (r >= 0)
        r = get(manager, &object, "Leader", "u", NULL, &property);
    if (r == 0)
        r = sd_bus_message_read(property, "u", &leader);
    if (r < 0)
        return r;
    *ret = (pid_t)leader;
    return 0;
}

int manager_live_is_bound(Manager *manager, const char *machine, bool *ret)
{
    pid_t leader;
    int r = find_leader(manager, machine, &leader);

    return r == 0 ? live_mount_is_bound(leader, machine, ret) : r;
}

/* --- actions --- */

int manager_run(Manager *manager, const char *unit, const char *method, const Observer *observer,
                Reason *reason)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const uint64_t words_usec = (uint64_t)LIMIT_JOB_WORDS_SECONDS * 1000 * 1000;
    uint64_t begin = monotonic_usec(), words = begin + words_usec;
    Reason why = {0};
    int r = call(manager, MANAGER_METHOD(method), &why, &reply, "ss", unit, "replace");

    if (r == 0 && sd_bus_message_read(reply, "o", &manager->job) < 0)
        r = -EBADMSG;
    if (r != 0) {
        manager->job = NULL;
        return failed(r, "there is no job for ", unit, &why, reason);
    }
    manager->job_ended = false;
    while ((r = wait_for(manager, &manager->job_ended, words, &why)) == -ETIMEDOUT &&
           words < manager->end && monotonic_usec() >= words) {
        observer_note(observer, "%s: %s: still waiting, after %u s", manager->machine, unit,
                      (unsigned)((words - begin) / 1000000));
        words += words_usec;
    }
    manager->job = NULL;
    if (r == -ETIMEDOUT)
        reason_set(reason, 0, "its job takes longer than %u s",
                   (unsigned)((manager->end - begin) / 1000000));
    else if (r != 0)
        reason_set(reason, 0, "%s", why.text);
    else if (strcmp(manager->job_result, "done") != 0) {
        reason_set(reason, 0, "its job came to the end \"%s\"", manager->job_result);
        r = -ECANCELED;
    }
    return r;
}

void manager_reset(Manager *manager, const char *unit)
{
    (void)call(manager, MANAGER_METHOD("ResetFailedUnit"), NULL, NULL, "s", unit);
}

int manager_reload(Manager *manager, Reason *reason)
{
    Method method = *MANAGER_METHOD("Reload");
    Reason why = {0};
    int r;

    method.usec = RELOAD_USEC;
    r = call(manager, &method, &why, NULL, "");
    return r == 0 ? 0 : failed(r, manager->name, " cannot read its units again", &why, reason);
}

static int start_socket(Manager *manager, const char *socket, const char *service, Reason *reason)
{
    ManagerUnit state;
    Reason why = {0};
    int r = manager_unit(manager, service, &why, &state);

    manager_allow(manager, SOCKET_USEC);
    if (r == 0 && strcmp(state.active, "active") == 0)
        r = manager_run(manager, service, "StopUnit", NULL, &why);
    if (r == 0)
        r = manager_run(manager, socket, "StartUnit", NULL, &why);
    manager->end = UINT64_MAX;
    return r == 0 ? 0 : failed(r, "cannot start ", socket, &why, reason);
}

int manager_enable_socket(Manager *manager, const char *socket, const char *service, Reason *reason,
                          bool *ret_changed)
{
    bool changed = false;
    ManagerUnit state;
    Reason why = {0};
    int r = manager_unit(manager, socket, reason, &state);

    if (r == 0 && strcmp(state.file, "enabled") != 0) {
        changed = true;
        r = call(manager, MANAGER_METHOD("EnableUnitFiles"), &why, NULL, "asbb", 1, socket, false,
                 false);
        if (r != 0)
            r = failed(r, "cannot enable ", socket, &why, reason);
    }
    if (r == 0 && strcmp(state.active, "active") != 0) {
        changed = true;
        r = start_socket(manager, socket, service, reason);
    }
    *ret_changed = changed;
    return r;
}
