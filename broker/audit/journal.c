/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal sink. See journal.h.
 *
 * Entries are sent in the journal's native protocol, which for fields without a newline is a line
 * each. sd_journal_sendv() does the same, but waits without limit for a journal that hangs, and
 * every request with it. Here the wait is short, and then there is none for a while: what is lost
 * is counted and told. https://systemd.io/JOURNAL_NATIVE_PROTOCOL
 *
 * The socket is its process's own: the supervisor closes it when a worker has died.
 */

#include "audit/journal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* How long one entry waits for room in the journal's queue, ms. */
#define PATIENCE_MSEC  200
/* After one has waited in vain: how long the next ones do not wait at all, ms. */
#define PAUSE_MSEC     ((int64_t)2000)

typedef struct JournalSink {
    AuditSink sink; /* first: what is written here */
    int fd;         /* -1 until it is needed */
    int64_t paused; /* no waiting until then, CLOCK_MONOTONIC in ms */
    unsigned long lost;
} JournalSink;

static int64_t monotonic_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_journal(void)
{
    static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int r = -errno;

        close_keep_errno(fd);
        return r;
    }
    return fd;
}

static int send_lines(JournalSink *journal, struct iovec *lines, size_t count)
{
    const struct msghdr message = {.msg_iov = lines, .msg_iovlen = count};
    struct pollfd room = {.fd = journal->fd, .events = POLLOUT};

    if (sendmsg(journal->fd, &message, MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno != EAGAIN || monotonic_msec() < journal->paused)
        return -errno;
    if (poll(&room, 1, PATIENCE_MSEC) == 1 && sendmsg(journal->fd, &message, MSG_NOSIGNAL) >= 0)
        return 0;
    journal->paused = monotonic_msec() + PAUSE_MSEC;
    return -EAGAIN;
}

/* A journal that was started anew may have another socket. */
static int send_entry(JournalSink *journal, struct iovec *lines, size_t count)
{
    int r = -ENOTCONN;

    if (journal->fd >= 0)
        r = send_lines(journal, lines, count);
    if (r == 0 || r == -EAGAIN)
        return r;
    close_keep_errno(journal->fd);
    journal->fd = open_journal();
    return journal->fd < 0 ? journal->fd : send_lines(journal, lines, count);
}

static void tell_lost(JournalSink *journal)
{
    char text[128];
    struct iovec line = {text, 0};

    line.iov_len = (size_t)snprintf(text, sizeof(text),
                                    "PRIORITY=4\nSYSLOG_IDENTIFIER=nspawn-creds-broker\n"
                                    "MESSAGE=The journal did not take %lu entries\n",
                                    journal->lost);
    if (send_entry(journal, &line, 1) == 0)
        journal->lost = 0;
}

static void journal_write(AuditSink *sink, const AuditRecord *record)
{
    JournalSink *journal = (JournalSink *)sink;
    struct iovec lines[2 * AUDIT_FIELDS_MAX];
    char newline[] = "\n";
    AuditEntry entry;
    int r;

    audit_entry_format(record, &entry);
    for (size_t i = 0; i < entry.count; i++) {
        lines[2 * i] = entry.fields[i];
        lines[2 * i + 1] = (struct iovec){newline, 1};
    }
    if (journal->lost > 0)
        tell_lost(journal);
    r = send_entry(journal, lines, 2 * entry.count);
    if (r == -EAGAIN)
        journal->lost++;
    else if (r < 0)
        fprintf(stderr, "<%s>%s\n", audit_entry_get(&entry, "PRIORITY"),
                audit_entry_get(&entry, "MESSAGE"));
}

AuditSink *audit_journal(void)
{
    static JournalSink journal = {.sink.write = journal_write, .fd = -1};

    return &journal.sink;
}
