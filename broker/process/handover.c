/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "process/handover.h"

#include "base/names.h"
#include "process/notify.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(LIMIT_HANDOVERS < HANDOVER_ANSWERING, "the count must not run into the other mark");

/* All that the next worker, or the next broker, finds. Each live socket may have one connection
 * beyond LIMIT_LIVE_CONNECTIONS. */
#define SOCKETS_MAX                                                                                \
    (LIMIT_CONNECTIONS + LIMIT_STALLED + LIMIT_LIVE_CONNECTIONS + 2 * LIMIT_LIVE_SOCKETS)

_Static_assert(SOCKETS_MAX + LIMIT_CONTROLS + 128 <= HANDOVER_FD_MAX,
               "room for connections and all other descriptors");
_Static_assert(UNIT_LimitNOFILE >= HANDOVER_FD_MAX, "the unit allows that many");
/* and the shelter, and one more for notify_settle() */
_Static_assert(UNIT_FileDescriptorStoreMax > SOCKETS_MAX + 2,
               "the service manager keeps all of them");

int handover_mark_get(int fd)
{
    int mark;
    socklen_t size = sizeof(mark);

    return getsockopt(fd, SOL_SOCKET, SO_PRIORITY, &mark, &size) < 0 ? -errno : mark;
}

int handover_mark_set(int fd, int mark)
{
    return setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &mark, sizeof(mark)) < 0 ? -errno : 0;
}

static bool same_address(int a, int b)
{
    struct sockaddr_un addresses[2] = {0};
    socklen_t sizes[2] = {sizeof(addresses[0]), sizeof(addresses[1])};

    return getsockname(a, (struct sockaddr *)&addresses[0], &sizes[0]) == 0 &&
           getsockname(b, (struct sockaddr *)&addresses[1], &sizes[1]) == 0 &&
           addresses[0].sun_family == AF_UNIX && sizes[0] > sizeof(sa_family_t) &&
           sizes[0] == sizes[1] && sizes[0] <= sizeof(addresses[0]) &&
           memcmp(&addresses[0], &addresses[1], sizes[0]) == 0;
}

/* The socket's path is FOLDER/MACHINE/NAME, with any NAME. */
bool handover_live_machine(int fd, const Listeners *listeners, LiveMachine ret)
{
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address) - 1;
    const char *folder = listeners->live_folder;
    const char *machine, *slash;
    size_t length = folder ? strlen(folder) : 0;
    LiveMachine name;

    if (!folder || getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
        address.sun_family != AF_UNIX || strncmp(address.sun_path, folder, length) != 0 ||
        address.sun_path[length] != '/')
        return false;
    machine = address.sun_path + length + 1;
    slash = strchr(machine, '/');
    if (!slash || (size_t)(slash - machine) >= sizeof(name))
        return false;
    memcpy(name, machine, (size_t)(slash - machine));
    name[slash - machine] = '\0';
    if (!machine_name_valid(name))
        return false;
    strcpy(ret, name);
    return true;
}

/* Returns 1 for a listening socket, 0 for another socket, -1 for anything else. */
static int is_listening(int fd)
{
    int listening;
    socklen_t size = sizeof(listening);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 ? -1 : listening != 0;
}

static bool is_live_socket(int fd, const Listeners *listeners)
{
    LiveMachine machine;

    return is_listening(fd) == 1 && handover_live_machine(fd, listeners, machine);
}

/* Connections wait while the long and mostly empty table is searched, so this is not done one by
 * one. The readiness of a signalfd depends on the process that asks, and polling the worker's epoll
 * instance from another process would remove a signal's event from it. */
int handover_next_socket(int from)
{
    struct pollfd block[64];

    while (from < HANDOVER_FD_MAX) {
        int count = HANDOVER_FD_MAX - from;

        if (count > (int)(sizeof(block) / sizeof(block[0])))
            count = (int)(sizeof(block) / sizeof(block[0]));
        for (int i = 0; i < count; i++)
            block[i] = (struct pollfd){.fd = from + i};
        if (poll(block, (nfds_t)count, 0) < 0)
            return from; /* it may be open */
        for (int i = 0; i < count; i++)
            if (!(block[i].revents & POLLNVAL))
                return from + i;
        from += count;
    }
    return HANDOVER_FD_MAX;
}

#define FOREACH_SOCKET(fd, from)                                                                   \
    for (int fd = handover_next_socket(from); fd < HANDOVER_FD_MAX;                                \
         fd = handover_next_socket(fd + 1))

int handover_next_live(const Listeners *listeners, int from)
{
    if (!listeners->live_folder)
        return -1;
    FOREACH_SOCKET (fd, from)
        if (is_live_socket(fd, listeners))
            return fd;
    return -1;
}

/* Whether FD was accepted from a live socket or from one of the LISTENERS for requests. */
static bool is_connection(int fd, const Listeners *listeners)
{
    LiveMachine machine;

    if (is_listening(fd) != 0)
        return false;
    if (handover_live_machine(fd, listeners, machine))
        return true;
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->kinds[i] == LISTENER_REQUESTS && same_address(fd, listeners->fds[i]))
            return true;
    return false;
}

int handover_next(const Listeners *listeners, int from)
{
    FOREACH_SOCKET (fd, from)
        if (is_connection(fd, listeners))
            return fd;
    return -1;
}

/* Or an end of the shelter. */
static bool is_listener(int fd, const Listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->fds[i] == fd)
            return true;
    return fd == listeners->shelter[0] || fd == listeners->shelter[1];
}

static void close_all(unsigned from, unsigned to)
{
    if (from <= to)
        syscall(SYS_close_range, from, to, 0U);
}

/* poll() reports O_PATH descriptors as not open, so everything between those that stay is closed.
 */
size_t handover_sweep(const Listeners *listeners)
{
    size_t connections = 0;
    unsigned from = STDERR_FILENO + 1;

    FOREACH_SOCKET (fd, STDERR_FILENO + 1) {
        bool connection = is_connection(fd, listeners);

        if (!connection && !is_listener(fd, listeners) && !is_live_socket(fd, listeners))
            continue;
        connections += connection;
        close_all(from, (unsigned)fd - 1);
        from = (unsigned)fd + 1;
    }
    close_all(from, ~0U);
    return connections;
}

#define KEEP "FDSTORE=1\nFDNAME=" HANDOVER_KEPT

static bool is_kept(int fd, const Listeners *listeners)
{
    return is_connection(fd, listeners) || is_live_socket(fd, listeners);
}

void handover_keep(int fd, const Listeners *listeners)
{
    if (is_live_socket(fd, listeners)) /* else FD was closed, and its number used again */
        (void)notify_send(KEEP, &fd, 1, 0);
}

int handover_keep_all(const Listeners *listeners)
{
    const char *room = getenv("FDSTORE"); /* FileDescriptorStoreMax=; systemd 254 and later */
    int fds[NOTIFY_FDS_MAX], r = 0;
    int msec = listeners->manager_msec;
    size_t count = 0, all = listeners->shelter[0] ? 2 : 0;

    FOREACH_SOCKET (fd, STDERR_FILENO + 1) {
        if (!is_kept(fd, listeners))
            continue;
        all++;
        fds[count++] = fd;
        if (count < NOTIFY_FDS_MAX)
            continue;
        r = notify_send(KEEP, fds, count, msec);
        count = 0;
        if (r < 0)
            return r;
    }
    if (room && strtoul(room, NULL, 10) <= all)
        return -ENOSPC;
    if (count > 0)
        r = notify_send(KEEP, fds, count, msec);
    return r < 0 ? r : notify_settle(HANDOVER_KEPT "last", msec);
}
