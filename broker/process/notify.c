/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "process/notify.h"

#include "base/fsutil.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The service manager closes what it does not store in another thread or process, so possibly only
 * after it has handled later messages. How long we wait for that, ms. */
#define CLOSE_MSEC 100

/* Returns a descriptor or a negative errno. */
static int connect_to_manager(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    _cleanup_(closep) int fd = -1;

    if (length == 0 || length >= sizeof(address.sun_path))
        return -ENOTCONN;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

int notify_send(const char *text, const int *fds, size_t count, int msec)
{
    _cleanup_(closep) int fd = connect_to_manager();
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int) * NOTIFY_FDS_MAX)];
    } control = {0};
    struct iovec data = {(void *)(uintptr_t)text, strlen(text)};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    assert(count <= NOTIFY_FDS_MAX);
    if (fd < 0)
        return fd;
    if (count > 0) {
        control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS,
                                          .cmsg_len = CMSG_LEN(sizeof(int) * count)};
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    }
    while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || poll(&room, 1, msec) <= 0)
            return -errno;
    }
    return 0;
}

/* Sends the writing end of a pipe. The reading end in RET reports an end of file as soon as the
 * manager has closed its copy. */
static int send_pipe(const char *text, int msec, int *ret)
{
    int ends[2];
    int r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    r = notify_send(text, &ends[1], 1, msec);
    close(ends[1]);
    if (r < 0)
        close(ends[0]);
    else
        *ret = ends[0];
    return r;
}

static bool is_closed(int fd, int msec)
{
    return poll(&(struct pollfd){.fd = fd}, 1, msec) == 1;
}

int notify_wait(int msec)
{
    _cleanup_(closep) int barrier = -1;
    int r = send_pipe("BARRIER=1", msec, &barrier);

    if (r < 0)
        return r;
    return is_closed(barrier, msec) ? 0 : -ETIMEDOUT;
}

int notify_settle(const char *name, int msec)
{
    _cleanup_(closep) int stored = -1;
    char text[64];
    int r;

    snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
    r = send_pipe(text, msec, &stored);
    if (r == 0)
        r = notify_wait(msec);
    if (r < 0)
        return r;
    if (is_closed(stored, CLOSE_MSEC))
        return -ENOSPC;
    snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
    (void)notify_send(text, NULL, 0, msec); /* else the manager sees that we have exited */
    return 0;
}
