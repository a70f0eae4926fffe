/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of broker/process/shelter.c: connections are open as long as they are sheltered, whatever
 * the order in which they end, and as many as there may be. */

#include "support.h"

#include "process/shelter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Connections of a listening socket, and their peers. */
typedef struct Fixture {
    TestFolder folder;
    Listeners listeners;
    Shelter shelter;
    int ours[LIMIT_SHELTERED + 1], theirs[LIMIT_SHELTERED + 1];
} Fixture;

static void connect_one(Fixture *fixture, size_t i)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strcpy(address.sun_path, test_path(&fixture->folder, "socket"));
    fixture->theirs[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(fixture->theirs[i], (const struct sockaddr *)&address, sizeof(address)), 0);
    fixture->ours[i] = accept4(fixture->listeners.fds[0], NULL, NULL, SOCK_CLOEXEC);
    assert_true(fixture->ours[i] > 0);
}

static Fixture *begin(size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    Fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    unsetenv("NOTIFY_SOCKET");
    fixture->folder = test_folder();
    fixture->listeners.count = 1;
    fixture->listeners.fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, test_path(&fixture->folder, "socket"));
    assert_int_equal(
        bind(fixture->listeners.fds[0], (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fixture->listeners.fds[0], 16), 0);
    shelter_open(&fixture->listeners);
    assert_true(fixture->listeners.shelter[0] > STDERR_FILENO);
    shelter_begin(&fixture->shelter, &fixture->listeners);
    for (size_t i = 0; i < count; i++)
        connect_one(fixture, i);
    return fixture;
}

static void end(Fixture *fixture)
{
    for (size_t i = 0; i < COUNT(fixture->theirs); i++) {
        if (fixture->theirs[i] > 0)
            close(fixture->theirs[i]);
        if (fixture->ours[i] > 0)
            close(fixture->ours[i]);
    }
    close(fixture->listeners.shelter[0]);
    close(fixture->listeners.shelter[1]);
    close(fixture->listeners.fds[0]);
    test_folder_remove(&fixture->folder);
    free(fixture);
}

/* Whether the peer of connection I would find it closed, and so take nothing for the secret. */
static bool is_lost(const Fixture *fixture, size_t i)
{
    return poll(&(struct pollfd){.fd = fixture->theirs[i], .events = POLLIN}, 1, 0) != 0;
}

/* The kernel does this when the last process is killed. */
static void lose(Fixture *fixture, size_t i)
{
    close(fixture->ours[i]);
    fixture->ours[i] = 0;
}

/* As a worker does. Its peer sees the end at once, wherever the connection is in the queue. */
static void finish(Fixture *fixture, size_t i)
{
    if (shelter_drop(&fixture->shelter, fixture->ours[i]))
        shutdown(fixture->ours[i], SHUT_RDWR);
    lose(fixture, i);
    assert_true(is_lost(fixture, i));
}

static int queued(const Fixture *fixture)
{
    int count;

    assert_int_equal(ioctl(fixture->listeners.shelter[1], FIONREAD, &count), 0);
    return count;
}

static size_t count_connections(const Fixture *fixture)
{
    size_t count = 0;

    for (int fd = STDERR_FILENO; (fd = handover_next(&fixture->listeners, fd + 1)) >= 0;)
        count++;
    return count;
}

static void test_closed_when_over(void **state)
{
    Fixture *fixture = begin(4);

    (void)state;
    for (size_t i = 0; i < 3; i++)
        shelter_put(&fixture->shelter, fixture->ours[i]);
    shelter_put(&fixture->shelter, fixture->ours[0]);
    assert_int_equal(queued(fixture), 3);
    finish(fixture, 1);
    assert_int_equal(queued(fixture), 3);
    finish(fixture, 0);
    assert_int_equal(queued(fixture), 1);
    lose(fixture, 2);
    assert_false(is_lost(fixture, 2));
    lose(fixture, 3);
    assert_true(is_lost(fixture, 3));
    end(fixture);
}

/* The next broker gets what is not over, once, and not what it has already. Then it has the same in
 * the shelter. */
static void test_next_broker(void **state)
{
    Fixture *fixture = begin(6);
    int first = fixture->listeners.shelter[0];

    (void)state;
    for (size_t i = 0; i < 6; i++)
        shelter_put(&fixture->shelter, fixture->ours[i]);
    finish(fixture, 2);
    close(fixture->theirs[3]);
    fixture->theirs[3] = 0;
    lose(fixture, 1);
    lose(fixture, 3);
    lose(fixture, 4);
    for (int round = 0; round < 2; round++) {
        shelter_open(&fixture->listeners);
        assert_int_equal(fixture->listeners.shelter[0], first);
        /* 0 and 5 have stayed in it, 1 and 4 come back */
        assert_int_equal(count_connections(fixture), 4);
        shelter_begin(&fixture->shelter, &fixture->listeners);
        assert_int_equal(queued(fixture), 4);
    }
    for (int fd = STDERR_FILENO; (fd = handover_next(&fixture->listeners, fd + 1)) >= 0;)
        close(fd);
    memset(fixture->ours, 0, sizeof(fixture->ours));
    for (size_t i = 0; i < 6; i++)
        assert_true(i == 2 || i == 3 || !is_lost(fixture, i));
    end(fixture);
}

/* Places are used again, also if the first connection never ends. */
static void test_full(void **state)
{
    Fixture *fixture = begin(LIMIT_SHELTERED + 1);

    (void)state;
    for (size_t i = 0; i < LIMIT_SHELTERED + 1; i++)
        shelter_put(&fixture->shelter, fixture->ours[i]);
    assert_int_equal(queued(fixture), LIMIT_SHELTERED);
    assert_int_equal(fixture->shelter.count, LIMIT_SHELTERED);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 1; i < LIMIT_SHELTERED; i += 2)
            finish(fixture, i);
        for (size_t i = 1; i < LIMIT_SHELTERED; i += 2) {
            close(fixture->theirs[i]);
            connect_one(fixture, i);
            shelter_put(&fixture->shelter, fixture->ours[i]);
        }
    }
    for (size_t i = 0; i < LIMIT_SHELTERED + 1; i++) {
        lose(fixture, i);
        assert_int_equal(is_lost(fixture, i), i == LIMIT_SHELTERED);
    }
    end(fixture);
}

static void set_buffer(const Fixture *fixture, int bytes)
{
    assert_int_equal(
        setsockopt(fixture->listeners.shelter[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
}

/* The kernel's default buffer (net.core.wmem_max) has room for LIMIT_SHELTERED messages, but not
 * for twice as many. The next worker loses none of them. */
static void test_next_worker(void **state)
{
    Fixture *fixture = begin(LIMIT_SHELTERED);

    (void)state;
    set_buffer(fixture, 212992);
    for (size_t i = 0; i < LIMIT_SHELTERED; i++)
        shelter_put(&fixture->shelter, fixture->ours[i]);
    finish(fixture, 1);
    shelter_begin(&fixture->shelter, &fixture->listeners);
    for (size_t i = 0; i < LIMIT_SHELTERED; i++) {
        if (i == 1)
            continue;
        lose(fixture, i);
        assert_false(is_lost(fixture, i));
    }
    end(fixture);
}

/* Places are also used again if the buffer has less room than LIMIT_SHELTERED messages take. Only
 * the connection that finds it full is not sheltered. */
static void test_small_buffer(void **state)
{
    Fixture *fixture = begin(1);
    const Shelter *shelter = &fixture->shelter;
    size_t missed = 0;

    (void)state;
    set_buffer(fixture, 32 * 1024);
    shelter_put(&fixture->shelter, fixture->ours[0]);
    for (size_t i = 0; i < 3 * LIMIT_SHELTERED; i++) {
        connect_one(fixture, 1);
        shelter_put(&fixture->shelter, fixture->ours[1]);
        missed += shelter->fds[shelter->count - 1] != fixture->ours[1];
        finish(fixture, 1);
        close(fixture->theirs[1]);
    }
    fixture->theirs[1] = 0;
    assert_true(shelter->room < LIMIT_SHELTERED);
    assert_int_equal(missed, 1);
    lose(fixture, 0);
    assert_false(is_lost(fixture, 0));
    end(fixture);
}

/* Reads no messages for a moment. Returns whether there is one with a descriptor after that. */
static bool gets_something(int manager)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    char text[256];
    struct iovec data = {text, sizeof(text)};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control};

    poll(NULL, 0, 100);
    do {
        message.msg_controllen = sizeof(control);
        if (poll(&(struct pollfd){.fd = manager, .events = POLLIN}, 1, 5000) != 1 ||
            recvmsg(manager, &message, 0) < 0)
            return false;
    } while (message.msg_controllen == 0);
    return true;
}

/* The service manager gets the pair, also if its queue was full. */
static void test_busy_manager(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    TestFolder folder = test_folder();
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    Listeners listeners = {.manager_msec = 1000};
    pid_t child;
    int status;

    (void)state;
    strcpy(address.sun_path, test_path(&folder, "notify"));
    assert_int_equal(bind(manager, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(connect(other, (const struct sockaddr *)&address, sizeof(address)), 0);
    while (send(other, "X=1", 3, 0) > 0)
        ;
    child = fork();
    if (child == 0)
        _exit(gets_something(manager) ? 0 : 1);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    shelter_open(&listeners);
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(listeners.shelter[0]);
    close(listeners.shelter[1]);
    close(manager);
    close(other);
    test_folder_remove(&folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_when_over),
        cmocka_unit_test(test_next_broker),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_next_worker),
        cmocka_unit_test(test_small_buffer),
        cmocka_unit_test(test_busy_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
