/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the children that read the store for control connections, on a whole broker: a list of
 * any size is sent in pieces, at the client's pace, and deliveries go on whatever happens to a
 * child or its client. Mirrors broker/process/children.c.
 */

#include "control_calls.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* More than the sockets and the broker's buffers of one connection can hold. */
enum { MACHINES = 3, OF_MACHINE = 4000 };

#define LIST "{\"method\":\"io.nspawn-creds.Broker.List\",\"more\":true}"

static void fill_store(const BrokerFixture *broker)
{
    char path[128], padding[50];

    memset(padding, 'x', sizeof(padding) - 1);
    padding[sizeof(padding) - 1] = '\0';
    for (int machine = 0; machine < MACHINES; machine++) {
        snprintf(path, sizeof(path), "store/m%d", machine);
        assert_int_equal(mkdir(test_path(&broker->folder, path), 0770), 0);
        for (int i = 0; i < OF_MACHINE; i++) {
            snprintf(path, sizeof(path), "store/m%d/%s%d.cred", machine, padding, i);
            test_write_file(test_path(&broker->folder, path), test_view("AAAA"), 0640);
        }
    }
}

/* The parent of the process PID, or 0 if it has ended. */
static pid_t parent_of(const char *pid)
{
    char path[300], text[512] = "", state = 'Z';
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (fgets(text, sizeof(text), file))
        sscanf(strrchr(text, ')'), ") %c %d", &state, &parent);
    fclose(file);
    return state == 'Z' ? 0 : parent;
}

/* Returns how many children the worker has; RET is one of them. */
static size_t children_of_worker(const BrokerFixture *broker, pid_t *ret)
{
    _cleanup_(closedirp) DIR *folder = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;

    while ((entry = readdir(folder))) {
        pid_t pid = atoi(entry->d_name);

        if (pid == 0 || parent_of(entry->d_name) != broker->shared->worker)
            continue;
        count++;
        if (ret)
            *ret = pid;
    }
    return count;
}

static void wait_for_children(const BrokerFixture *broker, size_t count, pid_t *ret)
{
    for (unsigned i = 0; children_of_worker(broker, ret) != count; i++) {
        assert_true(i < 20000);
        wait_msec(1);
    }
}

static int start_list(const BrokerFixture *broker)
{
    int fd = client_connect_control(broker);

    assert_int_equal(send(fd, LIST, sizeof(LIST), 0), sizeof(LIST));
    return fd;
}

static bool has_reply(int fd, int msec)
{
    struct pollfd reply = {.fd = fd, .events = POLLIN};

    return poll(&reply, 1, msec) == 1;
}

/* Reads a whole list. Returns how many credentials it has, or -1 if it ends with an error. */
static ssize_t read_list(int fd)
{
    static const char mark[] = "\"writtenUSec\"";
    static char text[8 * 1024 * 1024];
    size_t size = 0, message = 0;
    ssize_t count = 0;
    bool last = false, failed = false;

    while (!last) {
        ssize_t n = recv(fd, text + size, sizeof(text) - 1 - size, 0);

        if (n <= 0)
            fail_msg("after %zu bytes: %zd", size, n);
        size += (size_t)n;
        for (char *end; (end = memchr(text + message, '\0', size - message));
             message = (size_t)(end - text) + 1) {
            last = !strstr(text + message, "\"continues\"");
            failed = strstr(text + message, "SystemError");
        }
    }
    for (size_t i = 0; i < size; i += strlen(text + i) + 1)
        for (const char *found = text + i; (found = strstr(found, mark)); found++)
            count++;
    close(fd);
    return failed ? -1 : count;
}

static void expect_deliveries(const BrokerFixture *broker)
{
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
}

static BrokerFixture *start_with_much(void)
{
    BrokerFixture *broker = broker_new();

    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    fill_store(broker);
    broker_start(broker);
    return broker;
}

/* While a client does not read, its child waits, the worker buffers little, and other clients are
 * served. When the client finally reads, it gets everything. */
static void test_client_does_not_read(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = start_with_much();
    int fd = start_list(broker);

    (void)state;
    assert_true(has_reply(fd, 20000));
    expect_deliveries(broker);
    wait_for_children(broker, 1, NULL);
    assert_int_equal(read_list(fd), MACHINES * OF_MACHINE + 1);
    wait_for_children(broker, 0, NULL);
    assert_int_equal(broker_stop(broker), 0);
}

/* LIMIT_READERS run at a time; another one starts when one of them ends or its client hangs up. */
static void test_too_many_lists(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = start_with_much();
    int fds[LIMIT_READERS], last;

    (void)state;
    for (size_t i = 0; i < LIMIT_READERS; i++) {
        fds[i] = start_list(broker);
        assert_true(has_reply(fds[i], 20000));
    }
    last = start_list(broker);
    expect_deliveries(broker);
    json_object_put(call(broker, "Status", NULL, 0));
    wait_for_children(broker, LIMIT_READERS, NULL); /* that of Status has ended */
    assert_false(has_reply(last, 0));
    close(fds[0]);
    assert_int_equal(read_list(last), MACHINES * OF_MACHINE + 1);
    for (size_t i = 1; i < LIMIT_READERS; i++)
        assert_int_equal(read_list(fds[i]), MACHINES * OF_MACHINE + 1);
    wait_for_children(broker, 0, NULL);
    assert_int_equal(broker_stop(broker), 0);
}

/* A child that hangs delays nobody and is killed after a while. The client of a killed child gets
 * an error. */
static void test_child_hangs_or_dies(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    pid_t child;
    int fd;

    (void)state;
    broker->config.child_usec = 5000 * 1000; /* one that works says something by then */
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 31, NULL, 0});
    fill_store(broker);
    broker_start(broker);
    for (unsigned i = 0; i < 2; i++) {
        fd = start_list(broker);
        assert_true(has_reply(fd, 20000));
        wait_for_children(broker, 1, &child);
        kill(child, i == 0 ? SIGSTOP : SIGKILL);
        expect_deliveries(broker);
        assert_int_equal(read_list(fd), -1);
        wait_for_children(broker, 0, NULL);
    }
    assert_int_equal(broker_stop(broker), 0);
}

/* Children do not outlive the worker. */
static void test_worker_is_killed(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = start_with_much();
    int fd = start_list(broker);
    char text[16];
    pid_t child;

    (void)state;
    assert_true(has_reply(fd, 20000));
    wait_for_children(broker, 1, &child);
    broker_kill_worker(broker, 0);
    snprintf(text, sizeof(text), "%d", child);
    for (unsigned i = 0; parent_of(text) != 0; i++) {
        assert_true(i < 20000);
        wait_msec(1);
    }
    expect_deliveries(broker);
    assert_int_equal(broker_stop(broker), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_does_not_read),
        cmocka_unit_test(test_too_many_lists),
        cmocka_unit_test(test_child_hangs_or_dies),
        cmocka_unit_test(test_worker_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
