/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The service manager of a container. See inner_manager.h.
 */

#include "manager/inner_manager.h"

#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>
#include <time.h>

#define NAME      "org.freedesktop.systemd1"
#define PATH      "/org/freedesktop/systemd1"
#define MANAGER   NAME ".Manager"
#define UNIT      NAME ".Unit"
#define SERVICE   NAME ".Service"

/* One call, µs. A container that is stopped in the middle of one keeps nobody waiting longer. */
#define CALL_USEC ((uint64_t)20 * 1000 * 1000)

struct InnerManager {
    sd_bus *bus;
    unsigned version;
    const char *job; /* the path of the one that is waited for, or NULL */
    bool ended;
    char job_result[INNER_MANAGER_STATE_BYTES];
};

/* What the other side says is no good for a terminal as it is. */
static void copy_word(const char *word, char text[INNER_MANAGER_STATE_BYTES])
{
    size_t length = 0;

    for (; *word && length + 1 < INNER_MANAGER_STATE_BYTES; word++)
        if (isalnum((unsigned char)*word) || *word == '-')
            text[length++] = *word;
    text[length] = '\0';
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    InnerManager *manager = userdata;
    const char *path, *unit, *result;
    uint32_t id;

    (void)error;
    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0 || !manager->job ||
        strcmp(path, manager->job) != 0)
        return 0;
    manager->ended = true;
    copy_word(result, manager->job_result);
    return 0;
}

/* "257.8-1~deb13u1" */
static unsigned get_version(sd_bus *bus)
{
    char *text = NULL;
    unsigned version = 0;

    if (sd_bus_get_property_string(bus, NAME, PATH, MANAGER, "Version", NULL, &text) >= 0)
        version = (unsigned)strtoul(text, NULL, 10);
    free(text);
    return version;
}

InnerManager *inner_manager_free(InnerManager *manager)
{
    if (manager) {
        sd_bus_flush_close_unref(manager->bus);
        free(manager);
    }
    return NULL;
}

int inner_manager_new(const char *machine, Reason *reason, InnerManager **ret)
{
    _cleanup_(inner_manager_freep) InnerManager *manager = calloc(1, sizeof(*manager));
    char *class = NULL;
    int r;

    if (!manager)
        return -ENOMEM;
    r = sd_machine_get_class(machine, &class);
    free(class);
    if (r < 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "%s does not run", machine);
    r = sd_bus_open_system_machine(&manager->bus, machine);
    if (r >= 0)
        r = sd_bus_set_method_call_timeout(manager->bus, CALL_USEC);
    if (r >= 0)
        r = sd_bus_match_signal(manager->bus, NULL, NAME, PATH, MANAGER, "JobRemoved",
                                on_job_removed, manager);
    if (r >= 0)
        r = sd_bus_call_method(manager->bus, NAME, PATH, MANAGER, "Subscribe", NULL, NULL, "");
    if (r < 0)
        return reason_set(reason, r, "cannot reach the service manager of %s, over its D-Bus",
                          machine);
    manager->version = get_version(manager->bus);
    *ret = TAKE_PTR(manager);
    return 0;
}

unsigned inner_manager_version(const InnerManager *manager)
{
    return manager->version;
}

/* --- units --- */

static void get_word(InnerManager *manager, const char *path, const char *interface,
                     const char *name, char text[INNER_MANAGER_STATE_BYTES])
{
    char *value = NULL;

    text[0] = '\0';
    if (sd_bus_get_property_string(manager->bus, NAME, path, interface, name, NULL, &value) >= 0)
        copy_word(value, text);
    free(value);
}

static void get_invocation(InnerManager *manager, const char *path, uint8_t id[16])
{
    sd_bus_message *reply = NULL;
    const void *bytes;
    size_t size;

    if (sd_bus_get_property(manager->bus, NAME, path, UNIT, "InvocationID", NULL, &reply, "ay") >=
            0 &&
        sd_bus_message_read_array(reply, 'y', &bytes, &size) >= 0 && size == 16)
        memcpy(id, bytes, 16);
    sd_bus_message_unref(reply);
}

/* RefreshOnReload=, of which older versions know nothing. */
static bool get_refreshes(InnerManager *manager, const char *path)
{
    char **words = NULL;
    bool refreshes = false;

    if (sd_bus_get_property_strv(manager->bus, NAME, path, SERVICE, "RefreshOnReload", NULL,
                                 &words) < 0)
        return false;
    for (char **word = words; word && *word; word++) {
        refreshes = refreshes || strcmp(*word, "credentials") == 0;
        free(*word);
    }
    free(words);
    return refreshes;
}

int inner_manager_read(InnerManager *manager, const char *unit, Reason *reason,
                       InnerManagerUnit *ret)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    InnerManagerUnit found = {.active = "inactive"};
    const char *path;
    int r =
        sd_bus_call_method(manager->bus, NAME, PATH, MANAGER, "GetUnit", &error, &reply, "s", unit);

    if (r < 0 && sd_bus_error_has_name(&error, NAME ".NoSuchUnit")) {
        r = 0;
    } else if (r >= 0 && (r = sd_bus_message_read(reply, "o", &path)) >= 0) {
        get_word(manager, path, UNIT, "ActiveState", found.active);
        get_word(manager, path, SERVICE, "Result", found.result);
        get_invocation(manager, path, found.invocation);
        found.refreshes = get_refreshes(manager, path);
    }
    if (r < 0)
        r = reason_set(reason, r, "cannot see what %s does", unit);
    else
        *ret = found;
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    return r < 0 ? r : 0;
}

bool inner_manager_unit_runs(const InnerManagerUnit *unit)
{
    static const char *const states[] = {"active", "activating", "reloading", "refreshing"};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(unit->active, states[i]) == 0)
            return true;
    return false;
}

void inner_manager_reset(InnerManager *manager, const char *unit)
{
    (void)sd_bus_call_method(manager->bus, NAME, PATH, MANAGER, "ResetFailedUnit", NULL, NULL, "s",
                             unit);
}

/* --- jobs --- */

static uint64_t seconds_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec;
}

/* Until .ended. */
static int wait_for_job(InnerManager *manager, const InnerManagerJob *job, Reason *reason)
{
    uint64_t begin = seconds_now(), words = 0;

    while (!manager->ended) {
        uint64_t passed = seconds_now() - begin;
        int r = sd_bus_process(manager->bus, NULL);

        if (r < 0)
            return reason_set(reason, r, "the container's service manager hung up");
        if (r > 0)
            continue;
        if (passed >= LIMIT_JOB_SECONDS)
            return reason_set(reason, OUTCOME_TIMEOUT, "%s takes longer than %u s", job->unit,
                              LIMIT_JOB_SECONDS);
        if (job->stopped && job->stopped())
            return reason_set(reason, OUTCOME_INTERRUPTED, "it was interrupted");
        if (passed / LIMIT_JOB_WORDS_SECONDS > words) {
            words = passed / LIMIT_JOB_WORDS_SECONDS;
            job->waiting(job->userdata, (unsigned)passed);
        }
        r = sd_bus_wait(manager->bus, 200 * 1000);
        if (r < 0 && r != -EINTR)
            return reason_set(reason, r, "the container's service manager hung up");
    }
    return 0;
}

int inner_manager_run(InnerManager *manager, const InnerManagerJob *job, Reason *reason)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    int r = sd_bus_call_method(manager->bus, NAME, PATH, MANAGER, job->method, &error, &reply, "ss",
                               job->unit, "replace");

    manager->ended = false;
    manager->job = NULL;
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &manager->job);
    if (r < 0)
        r = reason_set(reason, r, "%s cannot be acted upon", job->unit);
    else
        r = wait_for_job(manager, job, reason);
    if (r == 0 && strcmp(manager->job_result, "done") != 0)
        r = reason_set(reason, OUTCOME_INTERRUPTED, "its job came to the end \"%s\"",
                       manager->job_result);
    manager->job = NULL;
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    return r;
}
