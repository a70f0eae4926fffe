/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing here uses libsystemd's blocking calls, because they cannot be interrupted. All waiting is
 * in wait_for().
 */

#include "manager/manager_internal.h"

#include "base/context.h"
#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>
#include <time.h>

/* The host manager's private socket, which works without a message bus. */
#define PRIVATE_ADDRESS "unix:path=/run/systemd/private"

/* The timeout of a call, µs: libsystemd's, and systemctl's for daemon-reload, which takes long with
 * many units. */
#define CALL_USEC       ((uint64_t)25 * 1000 * 1000)
#define RELOAD_USEC     ((uint64_t)90 * 1000 * 1000)

#define TICK_USEC       ((uint64_t)OBSERVER_TICK_MSEC * 1000)

/* How long a socket may take to listen, and the broker to stop before (its TimeoutStopSec=). */
#define SOCKET_USEC     ((uint64_t)60 * 1000 * 1000)

void manager_copy_word(const char *word, char text[MANAGER_WORD_BYTES])
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

    for (; *sentence && length + 1 < sizeof(ret->text); sentence++)
        ret->text[length++] = isprint((unsigned char)*sentence) ? *sentence : '?';
    ret->text[length] = '\0';
}

int manager_failed(const Manager *manager, int rc, const char *doing, const char *unit,
                   Reason *reason)
{
    Reason why = manager->why; /* REASON may be the same */

    if (!why.text[0])
        return reason_set(reason, rc, "%s%s", doing, unit);
    reason_set(reason, 0, "%s%s: %.200s", doing, unit, why.text);
    return rc;
}

/* --- waiting --- */

/* Sleeps for at most USEC, until the bus needs attention or the stop descriptor is readable.
 * Returns whether the latter is. */
static bool sleep_until_stopped(Manager *manager, uint64_t usec)
{
    int events = sd_bus_get_events(manager->bus);
    struct pollfd fds[] = {
        {.fd = sd_bus_get_fd(manager->bus), .events = (short)(events < 0 ? 0 : events)},
        {.fd = manager->stop, .events = POLLIN},
    };
    struct timespec time = usec_to_timespec(usec);

    return ppoll(fds, 2, &time, NULL) > 0 && fds[1].revents != 0;
}

/* Processes messages until one of the bus's callbacks sets DONE. Returns -ETIMEDOUT at END, -EINTR
 * when stopped. */
static int wait_for(Manager *manager, const bool *done, uint64_t end)
{
    uint64_t tick;

    if (end > manager->end)
        end = manager->end;
    tick = monotonic_usec() + TICK_USEC;
    while (!*done) {
        uint64_t now = monotonic_usec(), until = UINT64_MAX;
        int r;

        if (now >= end) {
            reason_set(&manager->why, 0, "%s did not answer in time", manager->name);
            return -ETIMEDOUT;
        }
        r = sd_bus_process(manager->bus, NULL);
        if (r < 0)
            return reason_set(&manager->why, r, "%s closed the connection", manager->name);
        (void)sd_bus_get_timeout(manager->bus, &until);
        if (until > end)
            until = end;
        if (now >= tick) {
            observer_wait_tick(manager->observer);
            tick = now + TICK_USEC;
        }
        if (until > tick)
            until = tick;
        if (sleep_until_stopped(manager, r > 0 || until <= now ? 0 : until - now)) {
            reason_set(&manager->why, 0, "it was interrupted");
            return -EINTR;
        }
    }
    return 0;
}

typedef struct Reply {
    sd_bus_message *message;
    bool arrived;
} Reply;

static void reply_done(Reply *reply)
{
    sd_bus_message_unref(reply->message);
}

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *)
{
    Reply *reply = userdata;

    reply->message = sd_bus_message_ref(message);
    reply->arrived = true;
    return 0;
}

int manager_call(Manager *manager, const ManagerMethod *method, sd_bus_message **ret,
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

    manager->why = (Reason){0};
    va_start(arguments, types);
    if (r >= 0)
        r = sd_bus_message_appendv(message, types, arguments);
    va_end(arguments);
    if (r >= 0)
        r = sd_bus_call_async(manager->bus, &slot, message, on_reply, &reply, usec);
    if (r < 0)
        return reason_set(&manager->why, r, "cannot call %s", manager->name);
    r = wait_for(manager, &reply.arrived, monotonic_usec() + usec);
    if (r != 0)
        return r;
    error = sd_bus_message_get_error(reply.message);
    if (error) {
        copy_sentence(error->message ? error->message : error->name, &manager->why);
        return -sd_bus_message_get_errno(reply.message);
    }
    if (ret)
        *ret = TAKE_PTR(reply.message);
    return 0;
}

/* --- connections --- */

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *)
{
    Manager *manager = userdata;
    const char *path, *unit, *result;
    uint32_t id;

    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0 || !manager->job ||
        strcmp(path, manager->job) != 0)
        return 0;
    manager->job_ended = true;
    manager_copy_word(result, manager->job_result);
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

/* Subscribes to the signal that says when a job has ended. */
static int subscribe(Manager *manager, Reason *reason)
{
    /* signals on the manager's private socket have no sender */
    int r = sd_bus_match_signal_async(
        manager->bus, NULL, sd_bus_is_bus_client(manager->bus) > 0 ? SYSTEMD : NULL, SYSTEMD_PATH,
        MANAGER, "JobRemoved", on_job_removed, NULL, manager);

    if (r >= 0)
        r = manager_call(manager, MANAGER_METHOD("Subscribe"), NULL, "");
    return r == 0 ? 0 : manager_failed(manager, r, "cannot reach ", manager->name, reason);
}

/* Does not flush the bus, because that would block on a container that does not read. */
Manager *manager_free(Manager *manager)
{
    if (manager) {
        sd_bus_close_unref(manager->bus);
        free(manager);
    }
    return NULL;
}

int manager_new(const Observer *observer, Reason *reason, Manager **ret)
{
    _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
    int r;

    if (!manager)
        return -ENOMEM;
    manager->observer = observer;
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

int manager_new_of_machine(const char *machine, uint64_t usec, int stop, Reason *reason,
                           Manager **ret)
{
    _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
    _cleanup_(freep) char *class = NULL;
    int r;

    if (!manager)
        return -ENOMEM;
    manager->stop = stop;
    manager_allow(manager, usec);
    snprintf(manager->name, sizeof(manager->name), "the service manager of %s", machine);
    manager->machine = strrchr(manager->name, ' ') + 1;
    if (sd_machine_get_class(machine, &class) < 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "%s is not running", machine);
    r = sd_bus_open_system_machine(&manager->bus, machine);
    if (r < 0)
        return reason_set(reason, r, "cannot reach %s over its D-Bus", manager->name);
    r = subscribe(manager, reason);
    if (r != 0)
        return r;
    manager_allow(manager, MANAGER_USEC);
    *ret = TAKE_PTR(manager);
    return 0;
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

/* --- actions --- */

int manager_run(Manager *manager, const char *unit, const char *method, const Observer *observer,
                Reason *reason)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const uint64_t words_usec = (uint64_t)LIMIT_JOB_WORDS_SECONDS * 1000 * 1000;
    uint64_t begin = monotonic_usec(), words = begin + words_usec;
    int r = manager_call(manager, MANAGER_METHOD(method), &reply, "ss", unit, "replace");

    if (r == 0 && sd_bus_message_read(reply, "o", &manager->job) < 0)
        r = -EBADMSG;
    if (r != 0) {
        manager->job = NULL;
        return manager_failed(manager, r, "cannot start a job for ", unit, reason);
    }
    manager->job_ended = false;
    while ((r = wait_for(manager, &manager->job_ended, words)) == -ETIMEDOUT &&
           words < manager->end && monotonic_usec() >= words) {
        observer_note(observer, "%s: %s: still waiting, after %u s", manager->machine, unit,
                      (unsigned)((words - begin) / 1000000));
        words += words_usec;
    }
    manager->job = NULL;
    if (r == -ETIMEDOUT)
        reason_set(reason, 0, "its job took longer than %u s",
                   (unsigned)((manager->end - begin) / 1000000));
    else if (r != 0 && reason)
        *reason = manager->why;
    else if (r == 0 && strcmp(manager->job_result, "done") != 0) {
        reason_set(reason, 0, "the result of its job was \"%s\"", manager->job_result);
        r = -ECANCELED;
    }
    return r;
}

void manager_reset(Manager *manager, const char *unit)
{
    (void)manager_call(manager, MANAGER_METHOD("ResetFailedUnit"), NULL, "s", unit);
}

int manager_reload(Manager *manager, Reason *reason)
{
    ManagerMethod method = *MANAGER_METHOD("Reload");
    int r;

    method.usec = RELOAD_USEC;
    observer_wait_begin(manager->observer, "the service manager to reload its units");
    r = manager_call(manager, &method, NULL, "");
    observer_wait_end(manager->observer);
    return r == 0 ? 0
                  : manager_failed(manager, r, manager->name, " cannot reload its units", reason);
}

static int start_socket(Manager *manager, const char *socket, const char *service, Reason *reason)
{
    ManagerUnit state;
    int r = manager_unit(manager, service, &manager->why, &state);

    manager_allow(manager, SOCKET_USEC);
    if (r == 0 && strcmp(state.active, "active") == 0)
        r = manager_run(manager, service, "StopUnit", NULL, &manager->why);
    if (r == 0)
        r = manager_run(manager, socket, "StartUnit", NULL, &manager->why);
    manager->end = UINT64_MAX;
    return r == 0 ? 0 : manager_failed(manager, r, "cannot start ", socket, reason);
}

int manager_enable_socket(Manager *manager, const char *socket, const char *service, Reason *reason,
                          bool *ret_changed)
{
    bool changed = false;
    ManagerUnit state;
    int r = manager_unit(manager, socket, reason, &state);

    if (r == 0 && strcmp(state.file, "enabled") != 0) {
        changed = true;
        r = manager_call(manager, MANAGER_METHOD("EnableUnitFiles"), NULL, "asbb", 1, socket, false,
                         false);
        if (r != 0)
            r = manager_failed(manager, r, "cannot enable ", socket, reason);
        else /* or it goes on believing that the socket is disabled, and that units have changed */
            r = manager_reload(manager, reason);
    }
    if (r == 0 && strcmp(state.active, "active") != 0) {
        changed = true;
        r = start_socket(manager, socket, service, reason);
    }
    *ret_changed = changed;
    return r;
}
