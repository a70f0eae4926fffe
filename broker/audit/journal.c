/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal sink. See journal.h.
 *
 * Entries are sent in the journal's native protocol, which for fields without a newline is a line
 * each. sd_journal_sendv() does the same, but waits without limit for a journal that hangs, and
 * every request with it. Here what the journal does not take at once waits in memory, in order,
 * and nobody with it. Only when too much waits does the request wait as well, for a moment, and
 * after one has waited in vain none does for a while: what is lost is counted and told.
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL
 *
 * The socket is its process's own: the supervisor closes it when a worker has died.
 */

#include "audit/journal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* How long a request waits for room among them, ms. */
#define PATIENCE_MSEC 200
/* After one has waited in vain: how long the next ones do not wait at all, ms. */
#define PAUSE_MSEC    ((int64_t)2000)

typedef struct Waiting Waiting;

/* An entry that waits. */
struct Waiting {
    Waiting *next;
    size_t size;
    char text[];
};

typedef struct JournalSink {
    AuditSink sink; /* first: what is written here */
    const char *path;
    int fd; /* -1 until it is needed */
    Waiting *first;
    Waiting *last;
    size_t count;
    sd_event *event;     /* NULL without an event loop */
    sd_event_source *io; /* NULL without one, or without FD; enabled while an entry waits */
    int64_t paused; /* no waiting for room until then, or until one is taken; CLOCK_MONOTONIC, ms */
    unsigned long lost;
} JournalSink;

static int64_t monotonic_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int on_room(sd_event_source *source, int fd, uint32_t events, void *userdata);

static void close_journal(JournalSink *journal)
{
    journal->io = sd_event_source_disable_unref(journal->io);
    close_keep_errno(journal->fd);
    journal->fd = -1;
}

/* Without a source, what waits waits for the next entry. */
static void watch_journal(JournalSink *journal)
{
    if (journal->event && journal->fd >= 0 &&
        sd_event_add_io(journal->event, &journal->io, journal->fd, EPOLLOUT, on_room, journal) >= 0)
        sd_event_source_set_enabled(journal->io, SD_EVENT_OFF);
}

static int open_journal(JournalSink *journal)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int r = 0;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", journal->path);
    journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (journal->fd < 0)
        return -errno;
    if (connect(journal->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        r = -errno;
        close_journal(journal);
    }
    watch_journal(journal);
    return r;
}

static int send_lines(const JournalSink *journal, struct iovec *lines, size_t count)
{
    const struct msghdr message = {.msg_iov = lines, .msg_iovlen = count};

    return sendmsg(journal->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A journal that was started anew may have another socket. */
static int send_entry(JournalSink *journal, struct iovec *lines, size_t count)
{
    int r = -ENOTCONN;

    if (journal->fd >= 0)
        r = send_lines(journal, lines, count);
    if (r == 0 || r == -EAGAIN)
        return r;
    close_journal(journal);
    r = open_journal(journal);
    return r < 0 ? r : send_lines(journal, lines, count);
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

/* --- entries that wait --- */

/* Sends those that wait, the oldest first. */
static int send_waiting(JournalSink *journal)
{
    while (journal->first) {
        Waiting *waiting = journal->first;
        struct iovec line = {waiting->text, waiting->size};
        int r = send_entry(journal, &line, 1);

        if (r == -EAGAIN)
            return r;
        journal->lost += r < 0; /* there is no journal any more */
        journal->paused = 0;
        journal->first = waiting->next;
        journal->count--;
        free(waiting);
    }
    journal->last = NULL;
    if (journal->lost > 0)
        tell_lost(journal);
    return 0;
}

/* Whether there is room for one more within PATIENCE_MSEC. */
static bool make_room(JournalSink *journal)
{
    struct pollfd room = {.fd = journal->fd, .events = POLLOUT};
    int64_t now = monotonic_msec(), end = now + PATIENCE_MSEC;

    while (journal->count >= AUDIT_WAITING_MAX && now >= journal->paused && now < end) {
        poll(&room, 1, (int)(end - now));
        send_waiting(journal);
        now = monotonic_msec();
    }
    if (journal->count < AUDIT_WAITING_MAX)
        return true;
    if (now >= end)
        journal->paused = now + PAUSE_MSEC;
    return false;
}

static int keep(JournalSink *journal, const struct iovec *lines, size_t count)
{
    size_t size = 0;
    Waiting *waiting;

    if (!make_room(journal))
        return -ENOBUFS;
    for (size_t i = 0; i < count; i++)
        size += lines[i].iov_len;
    waiting = malloc(sizeof(*waiting) + size);
    if (!waiting)
        return -ENOMEM;
    *waiting = (Waiting){0};
    for (size_t i = 0; i < count; i++) {
        memcpy(waiting->text + waiting->size, lines[i].iov_base, lines[i].iov_len);
        waiting->size += lines[i].iov_len;
    }
    *(journal->first ? &journal->last->next : &journal->first) = waiting;
    journal->last = waiting;
    journal->count++;
    return 0;
}

static void update_watch(const JournalSink *journal)
{
    if (journal->io)
        sd_event_source_set_enabled(journal->io, journal->first ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int on_room(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    JournalSink *journal = userdata;

    (void)source;
    (void)fd;
    (void)events;
    send_waiting(journal);
    update_watch(journal);
    return 0;
}

/* --- the sink --- */

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
    r = send_waiting(journal);
    if (r == 0)
        r = send_entry(journal, lines, 2 * entry.count);
    if (r == -EAGAIN) {
        r = keep(journal, lines, 2 * entry.count);
        journal->lost += r < 0;
        update_watch(journal);
    } else if (r < 0) {
        fprintf(stderr, "<%s>%s\n", audit_entry_get(&entry, "PRIORITY"),
                audit_entry_get(&entry, "MESSAGE"));
    }
}

static void send_last(JournalSink *journal)
{
    struct pollfd room = {.fd = journal->fd, .events = POLLOUT};
    int64_t now = monotonic_msec(), end = now + PATIENCE_MSEC;

    while (send_waiting(journal) != 0 && now < end) {
        poll(&room, 1, (int)(end - now));
        now = monotonic_msec();
    }
}

static void journal_attach(AuditSink *sink, sd_event *event)
{
    JournalSink *journal = (JournalSink *)sink;

    journal->io = sd_event_source_disable_unref(journal->io);
    sd_event_unref(journal->event);
    journal->event = sd_event_ref(event);
    if (event)
        watch_journal(journal);
    else
        send_last(journal);
}

AuditSink *audit_journal(const char *path)
{
    static JournalSink journal = {.sink = {.write = journal_write, .attach = journal_attach},
                                  .fd = -1};

    journal.path = path;
    return &journal.sink;
}
