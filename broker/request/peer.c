/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/peer.h"

#include "base/child.h"

#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void peer_read(int fd, Peer *ret)
{
    struct ucred credentials;
    struct sockaddr_un address = {0};
    socklen_t credentials_size = sizeof(credentials);
    socklen_t address_size = sizeof(address);
    size_t front = offsetof(struct sockaddr_un, sun_path);

    _Static_assert(sizeof(address.sun_path) == ADDRESS_BYTES, "the parser's limit");
    *ret = (Peer){.uid = (uid_t)-1};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &credentials_size) == 0) {
        ret->pid = credentials.pid;
        ret->uid = credentials.uid;
    }
    if (getpeername(fd, (struct sockaddr *)&address, &address_size) < 0 ||
        address.sun_family != AF_UNIX || address_size <= front)
        return;
    /* for a path name the kernel may count a NUL that does not fit */
    ret->path_size = address_size - front;
    if (ret->path_size > sizeof(ret->path))
        ret->path_size = sizeof(ret->path);
    memcpy(ret->path, address.sun_path, ret->path_size);
}

bool peer_has_sent(int fd)
{
    int bytes;

    return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

void peer_close(int fd)
{
    if (peer_has_sent(fd))
        child_close(&fd, 1);
    else
        close(fd);
}
