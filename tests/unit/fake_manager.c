/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Service managers of containers that do not exist. See fake_manager.h.
 */

#include "fake_manager.h"

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define MANAGER "org.freedesktop.systemd1.Manager"

/* The history of a unit. */
typedef struct History {
    unsigned jobs, looks;
} History;

/* Shared with the processes. */
static struct Shared {
    FakeManager managers[FAKE_MACHINES];
    History histories[FAKE_MACHINES][FAKE_UNITS];
    size_t count;
    char log[4096];
} * shared;

atomic_ullong *fake_managers_clock;

static pid_t children[16];
static size_t child_count;

void fake_managers_start(const FakeManager *managers, size_t count)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED && count <= FAKE_MACHINES);
    memcpy(shared->managers, managers, count * sizeof(managers[0]));
    shared->count = count;
}

bool fake_managers_idle(void)
{
    for (size_t i = 0; i < child_count; i++) {
        char path[64], state = 'Z';
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)children[i]);
        file = fopen(path, "re");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
        fclose(file);
        if (state != 'S' && state != 'Z')
            return false;
    }
    return true;
}

const char *fake_managers_log(void)
{
    return shared->log;
}

void fake_managers_stop(void)
{
    while (child_count > 0) {
        kill(children[--child_count], SIGKILL);
        waitpid(children[child_count], NULL, 0);
    }
    munmap(shared, sizeof(*shared));
    shared = NULL;
}

static size_t find(const char *machine)
{
    size_t i = 0;

    while (i < shared->count && strcmp(shared->managers[i].machine, machine) != 0)
        i++;
    return i;
}

/* --- the process of one --- */

typedef struct Server {
    sd_bus *bus;
    const FakeManager *manager;
    History *histories;
    unsigned jobs;
} Server;

static void check(int r)
{
    if (r < 0)
        _exit(1);
}

static const char * or (const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static void reply(sd_bus_message *request, const char *types, ...)
{
    sd_bus_message *message;
    va_list arguments;

    check(sd_bus_message_new_method_return(request, &message));
    va_start(arguments, types);
    check(sd_bus_message_appendv(message, types, arguments));
    va_end(arguments);
    check(sd_bus_send(NULL, message, NULL));
    sd_bus_message_unref(message);
}

static void reply_error(sd_bus_message *request, const char *text)
{
    check(sd_bus_reply_method_errorf(request, "org.freedesktop.systemd1.Wrong", "%s", text));
}

static void emit_job_removed(Server *server, unsigned job, const char *unit, const char *result)
{
    char path[64];

    snprintf(path, sizeof(path), "/job/%u", job);
    check(sd_bus_emit_signal(server->bus, "/org/freedesktop/systemd1", MANAGER, "JobRemoved",
                             "uoss", job, path, unit, result));
}

/* --- a flood: signals faster than libsystemd makes or takes them, so that the client never finds
 * its socket empty; D-Bus specification, "Message Format" --- */

typedef struct Wire {
    uint8_t bytes[4096];
    size_t size;
} Wire;

static void align(Wire *wire, size_t to)
{
    wire->size = (wire->size + to - 1) / to * to;
}

static void put_number(Wire *wire, size_t number)
{
    uint32_t value = (uint32_t)number;

    align(wire, 4);
    memcpy(wire->bytes + wire->size, &value, sizeof(value));
    wire->size += sizeof(value);
}

static void put_text(Wire *wire, const char *text)
{
    put_number(wire, strlen(text));
    strcpy((char *)wire->bytes + wire->size, text);
    wire->size += strlen(text) + 1;
}

static void put_signature(Wire *wire, const char *text)
{
    wire->bytes[wire->size++] = (uint8_t)strlen(text);
    strcpy((char *)wire->bytes + wire->size, text);
    wire->size += strlen(text) + 1;
}

static void put_field(Wire *wire, uint8_t code, const char *type, const char *value)
{
    align(wire, 8);
    wire->bytes[wire->size++] = code;
    put_signature(wire, type);
    if (*type == 'g')
        put_signature(wire, value);
    else
        put_text(wire, value);
}

/* The signals of a job that nobody waits for. */
static Wire job_removed(void)
{
    static const uint8_t start[] = {__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B', 4, 0, 1};
    Wire wire = {0}, body = {0};
    char unit[2048] = {0}; /* long, so that few of them fill the socket */
    uint32_t fields;

    memset(unit, 'x', sizeof(unit) - 1);
    put_number(&body, 1000);
    put_text(&body, "/job/1000");
    put_text(&body, unit);
    put_text(&body, "done");
    memcpy(wire.bytes, start, sizeof(start));
    wire.size = sizeof(start);
    put_number(&wire, body.size);
    put_number(&wire, 1000); /* the serial */
    put_number(&wire, 0);
    put_field(&wire, 1, "o", "/org/freedesktop/systemd1");
    put_field(&wire, 2, "s", MANAGER);
    put_field(&wire, 3, "s", "JobRemoved");
    put_field(&wire, 8, "g", "uoss");
    fields = (uint32_t)wire.size - 16;
    memcpy(wire.bytes + 12, &fields, sizeof(fields));
    align(&wire, 8);
    memcpy(wire.bytes + wire.size, body.bytes, body.size);
    wire.size += body.size;
    return wire;
}

static void tell(const Server *server)
{
    if (server->manager->tells > 0)
        check((int)write(server->manager->tells, "", 1));
}

_Noreturn static void flood(Server *server)
{
    /* libsystemd gives the socket a buffer of up to 16 MiB, which must be filled once */
    enum { COPIES = 1024, PASSES = 16 };
    Wire wire = job_removed();
    uint8_t *all = malloc(COPIES * wire.size);
    int fd = sd_bus_get_fd(server->bus);

    check(all ? sd_bus_flush(server->bus) : -1);
    for (size_t i = 0; i < COPIES; i++)
        memcpy(all + i * wire.size, wire.bytes, wire.size);
    check(fcntl(fd, F_SETFL, 0));
    for (unsigned pass = 1;; pass++) {
        for (size_t done = 0; done < COPIES * wire.size;) {
            ssize_t n = write(fd, all + done, COPIES * wire.size - done);

            check(n < 0 ? -1 : 0);
            done += (size_t)n;
        }
        if (pass == PASSES)
            tell(server);
    }
}

static bool went_bad(const FakeUnit *unit, const History *history)
{
    return history->jobs > 0 && !(unit->recovers && history->jobs > 1);
}

static void reply_property(Server *server, sd_bus_message *request, size_t number, const char *name)
{
    const FakeUnit *unit = &server->manager->units[number];
    History *history = &server->histories[number];
    bool bad = went_bad(unit, history);
    uint8_t id[16] = {(uint8_t)history->jobs};
    bool known = number < FAKE_UNITS && unit->name;
    sd_bus_message *message;

    if (strcmp(name, "ActiveState") == 0) {
        if (bad)
            history->looks++;
        reply(request, "v", "s",
              !known                      ? "inactive"
              : bad && unit->after_active ? unit->after_active
                                          : or (unit->active, "active"));
    } else if (strcmp(name, "Result") == 0) {
        reply(request, "v", "s", bad ? or (unit->after_result, "success") : "success");
    } else if (strcmp(name, "LoadState") == 0) {
        reply(request, "v", "s", "\033[31mloaded");
    } else if (strcmp(name, "UnitFileState") == 0) {
        reply(request, "v", "s", "enabled-runtime");
    } else if (strcmp(name, "NeedDaemonReload") == 0) {
        reply(request, "v", "b", true);
    } else if (strcmp(name, "Version") == 0) {
        reply(request, "v", "s", or (server->manager->version, "257"));
    } else if (strcmp(name, "RefreshOnReload") == 0 && unit->refreshes) {
        reply(request, "v", "as", 1, "credentials");
    } else if (strcmp(name, "InvocationID") == 0) {
        id[2] = unit->starts;
        if (bad && unit->dies_after > 0 && history->looks > unit->dies_after)
            id[1] = 1;
        check(sd_bus_message_new_method_return(request, &message));
        check(sd_bus_message_open_container(message, 'v', "ay"));
        check(sd_bus_message_append_array(message, 'y', id, sizeof(id)));
        check(sd_bus_message_close_container(message));
        check(sd_bus_send(NULL, message, NULL));
        sd_bus_message_unref(message);
    } else
        reply_error(request, "no such property");
}

static void run_job(Server *server, sd_bus_message *request, size_t number)
{
    const FakeUnit *unit = &server->manager->units[number];
    size_t used = strlen(shared->log);
    char path[64];

    snprintf(shared->log + used, sizeof(shared->log) - used, "%s%s %s %s", used > 0 ? "; " : "",
             server->manager->machine, sd_bus_message_get_member(request), unit->name);
    server->histories[number].jobs++;
    server->histories[number].looks = 0;
    snprintf(path, sizeof(path), "/job/%u", ++server->jobs);
    reply(request, "o", path);
    if (server->manager->floods)
        flood(server);
    tell(server);
    if (!unit->never_ends)
        emit_job_removed(server, server->jobs, unit->name,
                         went_bad(unit, &server->histories[number]) ? or (unit->job_result, "done")
                                                                    : "done");
}

static size_t find_unit(const FakeManager *manager, const char *name)
{
    size_t i = 0;

    while (i < FAKE_UNITS && manager->units[i].name && strcmp(manager->units[i].name, name) != 0)
        i++;
    return i;
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    Server *server = userdata;
    const char *member = sd_bus_message_get_member(message), *first = "", *second = "", *path_text;
    size_t number = 0;
    char path[64];

    (void)error;
    if (!member || !sd_bus_message_is_method_call(message, NULL, NULL))
        return 0;
    if (fake_managers_clock)
        *fake_managers_clock += server->manager->delay_msec * 1000;
    else
        usleep(server->manager->delay_msec * 1000);
    if (strcmp(member, "Subscribe") == 0) {
        reply(message, "");
        return 1;
    }
    check(sd_bus_message_read(message, "s", &first));
    if (strcmp(member, "LoadUnit") == 0) {
        number = find_unit(server->manager, first);
        snprintf(path, sizeof(path), "/unit/%zu", number);
        if (number < FAKE_UNITS && server->manager->units[number].error)
            reply_error(message, server->manager->units[number].error);
        else
            reply(message, "o", path);
    } else if (strcmp(member, "Get") == 0) {
        check(sd_bus_message_read(message, "s", &second));
        path_text = sd_bus_message_get_path(message);
        if (strncmp(path_text, "/unit/", strlen("/unit/")) == 0) /* or the manager's own */
            number = strtoul(path_text + strlen("/unit/"), NULL, 10);
        reply_property(server, message, number, second);
    } else if (strcmp(member, "ResetFailedUnit") == 0)
        reply(message, "");
    else
        run_job(server, message, find_unit(server->manager, first));
    return 1;
}

_Noreturn static void serve(size_t machine, int fd)
{
    Server server = {.manager = &shared->managers[machine],
                     .histories = shared->histories[machine]};
    static const sd_id128_t id = {.bytes = {1}};

    check(prctl(PR_SET_PDEATHSIG, SIGKILL));
    check(sd_bus_new(&server.bus));
    check(sd_bus_set_fd(server.bus, fd, fd));
    check(sd_bus_set_server(server.bus, true, id));
    check(sd_bus_add_filter(server.bus, NULL, on_message, &server));
    check(sd_bus_start(server.bus));
    for (;;) {
        int r = sd_bus_process(server.bus, NULL);

        check(r);
        if (r == 0)
            check(sd_bus_wait(server.bus, UINT64_MAX));
    }
}

/* --- what libsystemd is asked instead --- */

int __wrap_sd_machine_get_class(const char *machine, char **ret);
int __wrap_sd_bus_open_system_machine(sd_bus **ret, const char *machine);

int __wrap_sd_machine_get_class(const char *machine, char **ret)
{
    if (find(machine) == shared->count)
        return -ENXIO;
    *ret = strdup("container");
    return 0;
}

int __wrap_sd_bus_open_system_machine(sd_bus **ret, const char *machine)
{
    unsigned *boots = &shared->managers[find(machine)].boots;
    sd_bus *bus;
    int fds[2];
    pid_t pid;

    if (*boots > 0) {
        (*boots)--;
        return -ECONNREFUSED;
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        serve(find(machine), fds[1]);
    }
    close(fds[1]);
    assert_true(child_count < COUNT(children));
    children[child_count++] = pid;
    assert_true(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0 &&
                sd_bus_start(bus) >= 0);
    *ret = bus;
    return 0;
}
