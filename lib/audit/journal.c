/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries go to journald's own socket. sd_journal_sendv() sends them there, too, but if journald
 * hangs, it blocks without limit, and so would every request. Here, entries that journald does not
 * take at once wait in memory, in order, and the event loop sends them when there is room. When too
 * many wait, the sink is full, and the broker accepts no requests until there is room. If journald
 * then takes nothing for a while, the broker goes on without it: lost entries are counted, and a
 * later entry reports how many there were.
 *
 * Each process opens its own socket: the supervisor closes a dead worker's.
 */

#include "audit/journal.h"

#include "base/cleanup.h"
#include "base/context.h"
#include "base/limits.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* When no more entries can wait and journald takes none for this long, µs, entries are lost, so
 * that requests no longer wait. */
#define PATIENCE_USEC ((uint64_t)500 * 1000)
/* How long we wait for journald when the event loop ends, µs. */
#define LAST_USEC     ((uint64_t)200 * 1000)
/* How long this process stays alive after its last entry, µs. journald looks up the sender's unit
 * only when it reads the entry; `journalctl -u` does not show entries without a unit. */
#define GRACE_USEC    50000U
/* Room beyond LIMIT_AUDIT_WAITING for requests that are under way when it is reached. */
#define RESERVE       2048U

typedef struct Waiting Waiting;

struct Waiting {
    Waiting *next;
    size_t size;
    char text[];
};

typedef struct JournalSink {
    AuditSink sink; /* first, so that an AuditSink pointer can be cast */
    const char *path;
    int fd; /* -1 until the first entry */
    Waiting *first;
    Waiting *last;
    size_t count;
    sd_event *event;           /* NULL without an event loop */
    sd_event_source *io;       /* NULL without EVENT or FD; enabled while anything waits */
    sd_event_source *patience; /* enabled while the sink is full */
    bool gave_up;              /* journald takes nothing: entries without room are lost */
    unsigned long lost;
} JournalSink;

static int on_room(sd_event_source *source, int fd, uint32_t events, void *userdata);
static void settle(JournalSink *journal, bool was_full);

static void close_journal(JournalSink *journal)
{
    journal->io = sd_event_source_disable_unref(journal->io);
    close_keep_errno(journal->fd);
    journal->fd = -1;
}

/* If this fails, waiting entries are sent with the next one. */
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

/* Reconnects after an error, because journald may have been restarted. */
static int send_text(JournalSink *journal, const char *text, size_t size)
{
    int r = 0;

    if (send(journal->fd, text, size, MSG_NOSIGNAL) >= 0)
        return 0;
    if (errno != EAGAIN) {
        close_journal(journal);
        r = open_journal(journal);
        if (r < 0 || send(journal->fd, text, size, MSG_NOSIGNAL) >= 0)
            return r;
    }
    return -errno;
}

static int report_lost(JournalSink *journal)
{
    char text[128];
    int size = snprintf(text, sizeof(text),
                        "PRIORITY=4\nSYSLOG_IDENTIFIER=nspawn-creds-broker\n"
                        "MESSAGE=The journal did not accept %lu entries; they are lost\n",
                        journal->lost);
    int r = send_text(journal, text, (size_t)size);

    if (r == 0)
        journal->lost = 0;
    return r;
}

/* --- waiting entries --- */

/* Oldest first, then the report of what was lost after them. Returns -EAGAIN if journald did not
 * take all of it, otherwise 0. */
static int send_waiting(JournalSink *journal)
{
    while (journal->first) {
        Waiting *waiting = journal->first;
        int r = send_text(journal, waiting->text, waiting->size);

        if (r == -EAGAIN)
            return r;
        journal->lost += r < 0; /* journald is gone */
        journal->gave_up = false;
        journal->first = waiting->next;
        journal->count--;
        free(waiting);
    }
    journal->last = NULL;
    return journal->lost > 0 && report_lost(journal) == -EAGAIN ? -EAGAIN : 0;
}

static bool journal_full(const AuditSink *sink)
{
    const JournalSink *journal = (const JournalSink *)sink;

    return journal->event && journal->count >= LIMIT_AUDIT_WAITING && !journal->gave_up;
}

static void send_last(JournalSink *journal)
{
    struct pollfd room = {.fd = journal->fd, .events = POLLOUT};
    uint64_t now = monotonic_usec(), end = now + LAST_USEC;

    while (send_waiting(journal) != 0 && now < end) {
        poll(&room, 1, (int)((end - now) / 1000 + 1));
        now = monotonic_usec();
    }
}

static int queue(JournalSink *journal, const AuditEntry *entry)
{
    Waiting *waiting;

    /* a program without an event loop may block here */
    if (!journal->event && journal->count >= LIMIT_AUDIT_WAITING)
        send_last(journal);
    if (journal->count >= LIMIT_AUDIT_WAITING + (journal->gave_up ? 0 : RESERVE))
        return -ENOBUFS;
    waiting = malloc(sizeof(*waiting) + entry->size);
    if (!waiting)
        return -ENOMEM;
    *waiting = (Waiting){.size = entry->size};
    memcpy(waiting->text, entry->text, entry->size);
    *(journal->first ? &journal->last->next : &journal->first) = waiting;
    journal->last = waiting;
    journal->count++;
    return 0;
}

static int on_impatient(sd_event_source *, uint64_t, void *userdata)
{
    JournalSink *journal = userdata;

    journal->gave_up = true;
    settle(journal, true);
    return 0;
}

/* Watches the socket while entries or the report of a loss wait, and times how long journald takes
 * nothing while the sink is full. WAS_FULL before what happened. */
static void settle(JournalSink *journal, bool was_full)
{
    bool full = journal_full(&journal->sink);

    if (journal->io)
        sd_event_source_set_enabled(
            journal->io, journal->first || journal->lost > 0 ? SD_EVENT_ON : SD_EVENT_OFF);
    if (!full)
        journal->patience = sd_event_source_disable_unref(journal->patience);
    else if (!journal->patience)
        (void)sd_event_add_time_relative(journal->event, &journal->patience, CLOCK_MONOTONIC,
                                         PATIENCE_USEC, 0, on_impatient, journal);
    if (was_full && !full && journal->sink.room)
        journal->sink.room(journal->sink.userdata);
}

static int on_room(sd_event_source *, int, uint32_t, void *userdata)
{
    JournalSink *journal = userdata;
    bool was_full = journal_full(&journal->sink);

    send_waiting(journal);
    journal->patience = sd_event_source_disable_unref(journal->patience);
    settle(journal, was_full);
    return 0;
}

/* --- the sink --- */

static void journal_write(AuditSink *sink, const AuditRecord *record)
{
    JournalSink *journal = (JournalSink *)sink;
    char message[AUDIT_FIELD_BYTES];
    AuditEntry entry;
    int r;

    audit_entry_format(record, &entry);
    r = send_waiting(journal);
    if (r == 0)
        r = send_text(journal, entry.text, entry.size);
    if (r == -EAGAIN) {
        r = queue(journal, &entry);
        journal->lost += r < 0;
        settle(journal, false);
    } else if (r < 0) {
        audit_entry_get(&entry, "MESSAGE", message);
        fprintf(stderr, "<%d>%s\n", audit_verdicts[record->verdict].priority, message);
    }
}

static void journal_attach(AuditSink *sink, sd_event *event)
{
    JournalSink *journal = (JournalSink *)sink;

    journal->io = sd_event_source_disable_unref(journal->io);
    journal->patience = sd_event_source_disable_unref(journal->patience);
    journal->gave_up = false;
    sd_event_unref(journal->event);
    journal->event = sd_event_ref(event);
    if (event) {
        watch_journal(journal);
    } else {
        send_last(journal);
        if (journal->fd >= 0)
            usleep(GRACE_USEC);
    }
}

void audit_write(AuditSink *sink, const AuditRecord *record)
{
    AuditRecord known = *record;
    const char **texts[] = {&known.machine, &known.id,  &known.unit,
                            &known.reason,  &known.key, &known.fleet};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!*texts[i])
            *texts[i] = "";
    if (sink)
        sink->write(sink, &known);
}

AuditSink *audit_journal(const char *path)
{
    static JournalSink journal = {
        .sink = {.write = journal_write, .attach = journal_attach, .full = journal_full}, .fd = -1};

    journal.path = path;
    return &journal.sink;
}
