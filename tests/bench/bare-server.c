/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bare-server SOCKET FILE [ENTRY]: the least that any server must do, with which the broker is
 * compared. It accepts, sends FILE's content, and closes: no check of the peer, no store, no
 * decryption. Then it sends ENTRY, a file in the journal's native protocol, to the journal.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Content {
    uint8_t bytes[4096];
    ssize_t size; /* not more than 0 if there is nothing to read */
} Content;

static Content content_of(const char *path)
{
    Content content;
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    content.size = read(file, content.bytes, sizeof(content.bytes));
    return content;
}

static int open_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        perror("bare-server: the journal");
    return fd;
}

int main(int argc, char **argv)
{
    Content value = content_of(argc > 2 ? argv[2] : NULL);
    Content entry = content_of(argc > 3 ? argv[3] : NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int journal = entry.size > 0 ? open_journal() : -1;

    if (value.size <= 0 || (argc > 3 && entry.size <= 0) ||
        snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", argv[1]) >=
            (int)sizeof(address.sun_path)) {
        fprintf(stderr, "usage: bare-server SOCKET FILE [ENTRY]\n");
        return 2;
    }
    unlink(address.sun_path);
    /* Once the path is there, clients can connect. */
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 4096) < 0 || rename(address.sun_path, argv[1]) < 0) {
        perror("bare-server");
        return 1;
    }
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0 && send(fd, value.bytes, (size_t)value.size, MSG_NOSIGNAL) != value.size)
            fprintf(stderr, "bare-server: a short send\n");
        close(fd);
        if (journal >= 0 &&
            send(journal, entry.bytes, (size_t)entry.size, MSG_NOSIGNAL) != entry.size)
            fprintf(stderr, "bare-server: the journal did not take an entry\n");
    }
}
