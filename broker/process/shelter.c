/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "process/shelter.h"

#include "process/notify.h"
#include "request/peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for LIMIT_SHELTERED messages; one takes up to a KiB of it. The kernel's own limit may be
 * lower (net.core.wmem_max). */
#define BUFFER_BYTES ((int)(LIMIT_SHELTERED * 1024))

/* The marks on the two ends, see handover_mark_set(). */
enum {
    END_IN = 1,
    END_OUT = 2,
};

/* --- one message --- */

/* Returns 0 or a negative errno, -EAGAIN if there is no room. */
static int send_one(int in, int fd)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec data = {(void *)(uintptr_t) "", 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control.bytes)};

    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    return sendmsg(in, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Removes the oldest message; the kernel closes the descriptor in it. */
static void receive_one(int out)
{
    uint8_t byte;

    (void)recv(out, &byte, 1, MSG_DONTWAIT);
}

/* Returns another descriptor of the connection in the next message, which stays; -1 after the last
 * one. */
static int look_at_one(int out)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control;
    uint8_t byte;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control.bytes)};
    int fd = -1;

    if (recvmsg(out, &message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) == 1 &&
        CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    return fd;
}

/* --- the queue --- */

static void forget_first(Shelter *shelter)
{
    receive_one(shelter->out);
    shelter->count--;
    memmove(shelter->fds, shelter->fds + 1, shelter->count * sizeof(shelter->fds[0]));
}

static size_t place_of(const Shelter *shelter, int fd)
{
    size_t i = 0;

    while (i < shelter->count && shelter->fds[i] != fd)
        i++;
    return i;
}

/* Sends what is first in the queue to its end, all around, without what is over. */
void shelter_tidy(Shelter *shelter)
{
    if (place_of(shelter, -1) == shelter->count)
        return;
    for (size_t left = shelter->count; left > 0; left--) {
        int fd = shelter->fds[0];
        bool sent = fd >= 0 && send_one(shelter->in, fd) == 0;

        forget_first(shelter);
        /* the buffer was full: then the connection is outside for a moment */
        if (sent || (fd >= 0 && send_one(shelter->in, fd) == 0))
            shelter->fds[shelter->count++] = fd;
    }
}

/* Not only when there is no room for the next connection, since that would wait for it. */
static void make_room(Shelter *shelter)
{
    if (shelter->count >= shelter->room)
        shelter_tidy(shelter);
}

void shelter_put(Shelter *shelter, int fd)
{
    int r;

    if (shelter->count >= shelter->room || place_of(shelter, fd) < shelter->count)
        return;
    r = send_one(shelter->in, fd);
    if (r == 0)
        shelter->fds[shelter->count++] = fd;
    else if (r == -EAGAIN)
        shelter->room = shelter->count;
    make_room(shelter);
}

/* FD, if it is not -1, is over. */
static void forget(Shelter *shelter, int fd)
{
    size_t i = place_of(shelter, fd);

    if (i < shelter->count)
        shelter->fds[i] = -1;
    while (shelter->count > 0 && shelter->fds[0] < 0)
        forget_first(shelter);
}

bool shelter_drop(Shelter *shelter, int fd)
{
    size_t i = place_of(shelter, fd);
    bool stays = i > 0 && i < shelter->count;

    forget(shelter, fd);
    make_room(shelter);
    return stays;
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);

    (void)getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
    return cookie;
}

/* Whether there is nobody to answer: the connection was shut down, or the peer has closed it. If it
 * cannot just be closed, it is left to the worker. */
static bool is_over(int fd)
{
    struct pollfd status = {.fd = fd};

    return poll(&status, 1, 0) == 1 && !peer_has_sent(fd);
}

/* The queue stays as it is: its connections are in it all the time, and need no room for a second
 * message. Where there are two, because a worker was killed in shelter_tidy(), the first one is
 * over. */
void shelter_begin(Shelter *shelter, const Listeners *listeners)
{
    /* static, because there may be no memory to allocate */
    static struct {
        uint64_t cookie;
        int fd;
    } table[HANDOVER_FD_MAX];
    int from_first = 0, off = -1, copy;
    size_t count = 0;

    *shelter = (Shelter){.in = listeners->shelter[0], .out = listeners->shelter[1]};
    if (shelter->in == 0)
        return;
    shelter->room = LIMIT_SHELTERED;
    for (int fd = STDERR_FILENO; (fd = handover_next(listeners, fd + 1)) >= 0; count++) {
        table[count].cookie = cookie_of(fd);
        table[count].fd = fd;
    }
    (void)setsockopt(shelter->out, SOL_SOCKET, SO_PEEK_OFF, &from_first, sizeof(from_first));
    while ((copy = look_at_one(shelter->out)) >= 0) {
        uint64_t cookie = cookie_of(copy);
        size_t i = 0;

        while (i < count && table[i].cookie != cookie)
            i++;
        if (i == count && count < HANDOVER_FD_MAX && !is_over(copy)) {
            table[count].cookie = cookie;
            table[count++].fd = copy;
        } else {
            close(copy);
        }
        forget(shelter, i < count ? table[i].fd : -1);
        if (shelter->count == LIMIT_SHELTERED)
            forget_first(shelter);
        shelter->fds[shelter->count++] = i < count ? table[i].fd : -1;
    }
    (void)setsockopt(shelter->out, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
    shelter_tidy(shelter);
    for (size_t i = 0; i < count; i++)
        shelter_put(shelter, table[i].fd);
}

/* --- the supervisor --- */

static bool is_end(int fd)
{
    int type;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* Whether the table has one pair. */
static bool find(int ends[2])
{
    size_t found[2] = {0};

    for (int fd = handover_next_socket(STDERR_FILENO + 1); fd < HANDOVER_FD_MAX;
         fd = handover_next_socket(fd + 1)) {
        int end = is_end(fd) ? handover_mark_get(fd) : 0;

        if (end != END_IN && end != END_OUT)
            continue;
        ends[end - END_IN] = fd;
        found[end - END_IN]++;
    }
    return found[0] == 1 && found[1] == 1;
}

static bool make(int ends[2], int msec)
{
    static const int bytes = BUFFER_BYTES;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (handover_mark_set(ends[0], END_IN) < 0 || handover_mark_set(ends[1], END_OUT) < 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    if (notify_send("FDSTORE=1\nFDNAME=" HANDOVER_KEPT "shelter", ends, 2, msec) == 0)
        (void)notify_wait(msec);
    return true;
}

void shelter_open(Listeners *listeners)
{
    Shelter shelter;
    int ends[2];

    if (!find(ends) && !make(ends, listeners->manager_msec))
        ends[0] = ends[1] = 0;
    memcpy(listeners->shelter, ends, sizeof(ends));
    shelter_begin(&shelter, listeners);
}
