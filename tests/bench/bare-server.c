/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bare-server SOCKET FILE: the floor that the broker is measured against. It accepts, sends what
 * FILE holds, closes, and does nothing else: no look at the peer, no store, no decryption, no
 * journal.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static uint8_t value[4096];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int file = argc == 3 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
    ssize_t size = read(file, value, sizeof(value));

    if (size <= 0 || strlen(argv[1]) >= sizeof(address.sun_path)) {
        fprintf(stderr, "usage: bare-server SOCKET FILE\n");
        return 2;
    }
    strcpy(address.sun_path, argv[1]);
    unlink(argv[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 4096) < 0) {
        perror("bare-server");
        return 1;
    }
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0 && send(fd, value, (size_t)size, MSG_NOSIGNAL) != size)
            fprintf(stderr, "bare-server: a short send\n");
        close(fd);
    }
}
