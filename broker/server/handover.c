/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handing connections on. See handover.h.
 */

#include "server/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(LIMIT_HANDOVERS < HANDOVER_ANSWERING, "the count must not run into the other mark");
_Static_assert(LIMIT_CONNECTIONS + 128 < HANDOVER_FD_MAX, "connections, and what else is open");

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
    struct sockaddr_un addresses[2];
    socklen_t sizes[2] = {sizeof(addresses[0]), sizeof(addresses[1])};

    return getsockname(a, (struct sockaddr *)&addresses[0], &sizes[0]) == 0 &&
           getsockname(b, (struct sockaddr *)&addresses[1], &sizes[1]) == 0 &&
           addresses[0].sun_family == AF_UNIX && sizes[0] > sizeof(sa_family_t) &&
           sizes[0] == sizes[1] && sizes[0] <= sizeof(addresses[0]) &&
           memcmp(&addresses[0], &addresses[1], sizes[0]) == 0;
}

bool handover_is_connection(int fd, const Listeners *listeners)
{
    int listening;
    socklen_t size = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || listening)
        return false;
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->kinds[i] == LISTENER_REQUESTS && same_address(fd, listeners->fds[i]))
            return true;
    return false;
}

int handover_next(const Listeners *listeners, int from)
{
    for (int fd = from; fd < HANDOVER_FD_MAX; fd++)
        if (handover_is_connection(fd, listeners))
            return fd;
    return -1;
}

static bool is_listener(int fd, const Listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (listeners->fds[i] == fd)
            return true;
    return false;
}

size_t handover_sweep(const Listeners *listeners)
{
    size_t connections = 0;

    for (int fd = STDERR_FILENO + 1; fd < HANDOVER_FD_MAX; fd++) {
        if (is_listener(fd, listeners))
            continue;
        if (handover_is_connection(fd, listeners))
            connections++;
        else
            close(fd);
    }
    syscall(SYS_close_range, (unsigned)HANDOVER_FD_MAX, ~0U, 0U);
    return connections;
}
