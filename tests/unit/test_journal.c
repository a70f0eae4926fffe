/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/audit/journal.c, with a socket instead of the journal's that the test reads when it
 * likes. */

#include "support.h"

#include "audit/journal.h"
#include "base/limits.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Journal {
    TestFolder folder;
    char *path;
    int fd;
    sd_event *event;
    AuditSink *sink;
} Journal;

static int set_up(void **state)
{
    Journal *journal = calloc(1, sizeof(*journal));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    journal->folder = test_folder();
    journal->path = strdup(test_path(&journal->folder, "socket"));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", journal->path);
    journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(journal->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(sd_event_new(&journal->event) >= 0);
    journal->sink = audit_journal(journal->path);
    journal->sink->attach(journal->sink, journal->event);
    *state = journal;
    return 0;
}

static int tear_down(void **state)
{
    Journal *journal = *state;

    journal->sink->attach(journal->sink, NULL);
    sd_event_unref(journal->event);
    close(journal->fd);
    test_folder_remove(&journal->folder);
    free(journal->path);
    free(journal);
    return 0;
}

/* COUNT requests, which differ in their durations. */
static void write_entries(const Journal *journal, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++)
        audit_write(journal->sink, &(AuditRecord){.machine = "web", .id = "x", .usec = i});
}

/* Reads the journal's next entry into TEXT; returns false if there is none. */
static bool receive(const Journal *journal, char *text, size_t size)
{
    ssize_t n = recv(journal->fd, text, size - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Reads the waiting entries, which must continue with number FROM. Adds reported losses to LOST.
 * Returns the next number. */
static unsigned read_entries(const Journal *journal, unsigned from, unsigned *lost)
{
    char text[4096];

    while (receive(journal, text, sizeof(text))) {
        const char *usec = strstr(text, "NSPAWN_CREDS_USEC=");
        const char *not_taken = strstr(text, "The journal did not accept ");
        unsigned number;

        if (not_taken) {
            assert_int_equal(sscanf(not_taken, "The journal did not accept %u entries", &number),
                             1);
            *lost += number;
            from += number;
            continue;
        }
        assert_non_null(usec);
        assert_int_equal(sscanf(usec, "NSPAWN_CREDS_USEC=%u\n", &number), 1);
        assert_int_equal(number, from);
        from++;
    }
    return from;
}

/* Lets the event loop send waiting entries, and reads them, until COUNT have arrived. */
static void read_all(const Journal *journal, unsigned from, unsigned count, unsigned *lost)
{
    for (unsigned i = 0; i < 1000 && from < count; i++) {
        assert_true(sd_event_run(journal->event, 50 * 1000) >= 0);
        from = read_entries(journal, from, lost);
    }
    assert_int_equal(from, count);
}

/* They are sent in order, and need no further entry to be sent. */
static void test_what_a_busy_journal_does_not_take_waits(void **state)
{
    const Journal *journal = *state;
    unsigned lost = 0, came;

    write_entries(journal, 0, 3000);
    came = read_entries(journal, 0, &lost);
    assert_true(came > 0 && came < 3000); /* as many as the socket holds */
    read_all(journal, came, 3000, &lost);
    write_entries(journal, 3000, 1);
    assert_int_equal(read_entries(journal, 3000, &lost), 3001);
    assert_int_equal(lost, 0);
}

static void on_room(void *userdata)
{
    ++*(unsigned *)userdata;
}

/* Writing never waits. The sink says when it is full and when there is room again; until then no
 * entry is lost. */
static void test_full_and_room_again(void **state)
{
    const Journal *journal = *state;
    unsigned lost = 0, count = 0, rooms = 0;
    uint64_t begin = monotonic_usec();

    journal->sink->room = on_room;
    journal->sink->userdata = &rooms;
    while (!journal->sink->full(journal->sink))
        write_entries(journal, count++, 1);
    assert_true(count > LIMIT_AUDIT_WAITING);
    /* requests that were under way */
    write_entries(journal, count, 1000);
    assert_true(monotonic_usec() - begin < 100 * 1000 * 1000);
    count += 1000;
    read_all(journal, 0, count, &lost);
    assert_int_equal(lost, 0);
    assert_int_equal(rooms, 1);
    assert_false(journal->sink->full(journal->sink));
    journal->sink->room = NULL;
}

/* A journal that accepts nothing does not stop the broker for good: entries without room are
 * counted and the loss is reported. */
static void test_what_is_lost_is_told(void **state)
{
    const Journal *journal = *state;
    unsigned lost = 0, count = 0, rooms = 0;

    journal->sink->room = on_room;
    journal->sink->userdata = &rooms;
    while (!journal->sink->full(journal->sink))
        write_entries(journal, count++, 1);
    while (rooms == 0)
        assert_true(sd_event_run(journal->event, UINT64_MAX) >= 0);
    assert_false(journal->sink->full(journal->sink));
    write_entries(journal, count, 500);
    count += 500;
    read_all(journal, 0, count, &lost);
    assert_int_equal(lost, 500);
    lost = 0;
    write_entries(journal, count, 10);
    assert_int_equal(read_entries(journal, count, &lost), count + 10);
    assert_int_equal(lost, 0);
    journal->sink->room = NULL;
}

/* A slow journal takes one entry at a time, so that the socket is full again after each. The report
 * of a loss follows the entries that waited, and needs no later entry to be sent. */
static void test_a_slow_journal_is_told_too(void **state)
{
    const Journal *journal = *state;
    unsigned lost = 0, count = 0, next = 0, rooms = 0;
    char text[4096];

    journal->sink->room = on_room;
    journal->sink->userdata = &rooms;
    while (!journal->sink->full(journal->sink))
        write_entries(journal, count++, 1);
    while (rooms == 0)
        assert_true(sd_event_run(journal->event, UINT64_MAX) >= 0);
    write_entries(journal, count, 500);
    count += 500;
    while (next < count && receive(journal, text, sizeof(text))) {
        const char *not_taken = strstr(text, "The journal did not accept ");

        if (not_taken)
            assert_int_equal(sscanf(not_taken, "The journal did not accept %u entries", &lost), 1);
        next += not_taken ? lost : 1;
        assert_true(sd_event_run(journal->event, 0) >= 0);
    }
    assert_int_equal(lost, 500);
    assert_int_equal(next, count);
    journal->sink->room = NULL;
}

/* The last waiting entries are sent when the broker ends. */
static void test_the_end_is_written(void **state)
{
    const Journal *journal = *state;
    unsigned lost = 0, came = 0;

    write_entries(journal, 0, 100);
    for (unsigned i = 0; i < 20 && came < 100; i++) {
        came = read_entries(journal, came, &lost);
        journal->sink->attach(journal->sink, NULL);
    }
    assert_int_equal(came, 100);
    journal->sink->attach(journal->sink, journal->event);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_a_busy_journal_does_not_take_waits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_full_and_room_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_lost_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slow_journal_is_told_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_end_is_written, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
