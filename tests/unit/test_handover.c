/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of broker/process/handover.c and request/reply.c, and of what the supervisor does with
 * workers that always fail. */

#include "support.h"

#include "process/handover.h"
#include "process/supervisor.h"
#include "request/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A user without processes that count towards the limit. */
#define NOBODY 65534

static Listeners listen_in(const TestFolder *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    Listeners listeners = {.count = 1};

    strcpy(address.sun_path, test_path(folder, "socket"));
    listeners.fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(listeners.fds[0], (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listeners.fds[0], 10), 0);
    return listeners;
}

static int connect_to(const TestFolder *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, test_path(folder, "socket"));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Connects with an address like the service manager's. */
static int connect_as_manager(const TestFolder *folder)
{
    struct sockaddr_un ours = {.sun_family = AF_UNIX}, theirs = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(ours.sun_path + 1, sizeof(ours.sun_path) - 1,
                          "%x/unit/systemd-nspawn@web.service/x", getpid());

    length += 1 + (int)offsetof(struct sockaddr_un, sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&ours, (socklen_t)length), 0);
    strcpy(theirs.sun_path, test_path(folder, "socket"));
    assert_int_equal(connect(fd, (struct sockaddr *)&theirs, sizeof(theirs)), 0);
    return fd;
}

static int accept_from(const Listeners *listeners)
{
    return accept4(listeners->fds[0], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* A limit on any socket, for any user, from the first connection. */
static void test_marks(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(handover_mark_get(fds[0]), 0);
    for (int mark = 0; mark <= HANDOVER_ANSWERING; mark++) {
        assert_int_equal(handover_mark_set(fds[0], mark), 0);
        assert_int_equal(handover_mark_get(fds[0]), mark);
    }
    assert_int_equal(handover_mark_get(fds[1]), 0);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(handover_mark_get(fds[0]), -EBADF);
    assert_int_equal(handover_mark_set(fds[0], 1), -EBADF);
}

/* Runs in a process of its own, because it closes all descriptors. Returns the number of the first
 * failed check, or 0. */
static int sweep(const TestFolder *folder)
{
    Listeners listeners = listen_in(folder);
    int clients[2] = {connect_to(folder), connect_to(folder)};
    int accepted[2] = {accept_from(&listeners), accept_from(&listeners)};
    int others[6] = {-1, -1, -1, -1, -1, -1};
    int high;

    if (pipe2(others, O_CLOEXEC) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, others + 2) < 0)
        return 1;
    others[4] = epoll_create1(EPOLL_CLOEXEC);
    others[5] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    high = fcntl(others[5], F_DUPFD, HANDOVER_FD_MAX + 10);
    if (handover_sweep(&listeners) != 2)
        return 2;
    for (size_t i = 0; i < COUNT(others); i++)
        if (fcntl(others[i], F_GETFD) >= 0)
            return 3;
    if (high >= 0 && fcntl(high, F_GETFD) >= 0)
        return 4;
    /* the peers' ends are not connections either */
    if (fcntl(clients[0], F_GETFD) >= 0 || fcntl(clients[1], F_GETFD) >= 0)
        return 5;
    if (fcntl(listeners.fds[0], F_GETFD) < 0 || fcntl(STDERR_FILENO, F_GETFD) < 0)
        return 6;
    if (handover_next(&listeners, 0) != accepted[0] ||
        handover_next(&listeners, accepted[0] + 1) != accepted[1] ||
        handover_next(&listeners, accepted[1] + 1) != -1)
        return 7;
    return 0;
}

static void test_sweep(void **state)
{
    TestFolder folder = test_folder();
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0)
        _exit(sweep(&folder));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    test_folder_remove(&folder);
}

/* Only the socket's directory determines the machine. */
static void test_live_machine(void **state)
{
    static const struct {
        const char *path; /* in the test's directory */
        const char *machine;
    } rows[] = {
        {"live/web/socket", "web"}, {"live/web/new", "web"}, {"live/a.b_c-d/s", "a.b_c-d"},
        {"live/web", NULL},         {"live/-web/s", NULL},   {"live/.hidden/s", NULL},
        {"live/../web/s", NULL},    {"live//web/s", NULL},   {"live.other/web/s", NULL},
        {"elsewhere/web/s", NULL},  {"web/s", NULL},
    };
    TestFolder folder = test_folder();
    Listeners listeners = {.live_folder = test_path(&folder, "live")}, none = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        LiveMachine machine = "";
        char *slash;

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder.path, rows[i].path);
        for (slash = address.sun_path + strlen(folder.path) + 1; (slash = strchr(slash, '/'));
             slash++) {
            *slash = '\0';
            mkdir(address.sun_path, 0700);
            *slash = '/';
        }
        unlink(address.sun_path);
        rmdir(address.sun_path);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        if (handover_live_machine(fd, &listeners, machine) != (rows[i].machine != NULL))
            fail_msg("%s", rows[i].path);
        assert_string_equal(machine, rows[i].machine ? rows[i].machine : "");
        assert_false(handover_live_machine(fd, &none, machine));
        unlink(address.sun_path);
    }
    test_folder_remove(&folder);
}

static void test_delivery(void **state)
{
    static const size_t refusals[] = {0, LIMIT_REFUSAL_BYTES, LIMIT_FOREIGN_REFUSAL_BYTES};

    (void)state;
    for (size_t row = 0; row < COUNT(refusals); row++) {
        _cleanup_(secret_freep) Secret *secret = test_secret_of(LIMIT_PLAINTEXT_BYTES);
        size_t refusal = refusals[row], total = 0;
        Reply delivery = {.secret = refusal ? NULL : secret, .refusal_bytes = refusal};
        int fds[2];
        int r;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        while ((r = reply_step(&delivery, fds[0])) == REPLY_BLOCKED) {
            static uint8_t bytes[40001];
            ssize_t n = read(fds[1], bytes, sizeof(bytes));

            for (size_t i = 0; i < (size_t)n; i++)
                if (bytes[i] != (refusal ? 0 : (uint8_t)(total + i + 1)))
                    fail_msg("byte %zu is wrong", total + i);
            total += (size_t)n;
        }
        assert_int_equal(r, REPLY_DONE);
        close(fds[0]);
        assert_int_equal(total + test_read_all(fds[1]), refusal ? refusal : LIMIT_PLAINTEXT_BYTES);
    }
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static bool peer_is_fast;

/* A peer that is fast has always read everything. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    size_t size = 0;

    if (!peer_is_fast)
        return __real_sendmsg(fd, message, flags);
    for (size_t i = 0; i < message->msg_iovlen; i++)
        size += message->msg_iov[i].iov_len;
    return (ssize_t)size;
}

/* Others get their turn even if a peer reads fast. */
static void test_a_step_is_bounded(void **state)
{
    Reply delivery = {.refusal_bytes = LIMIT_FOREIGN_REFUSAL_BYTES};
    int r = REPLY_BLOCKED;

    (void)state;
    peer_is_fast = true;
    while (r == REPLY_BLOCKED) {
        size_t before = delivery.sent;

        r = reply_step(&delivery, -1);
        assert_in_range(delivery.sent - before, 1, 2 * LIMIT_REFUSAL_BYTES);
    }
    peer_is_fast = false;
    assert_int_equal(r, REPLY_DONE);
    assert_int_equal(delivery.sent, LIMIT_FOREIGN_REFUSAL_BYTES);
}

static void test_size_of_a_refusal(void **state)
{
    static const struct {
        const char *path;
        size_t size;
        bool live;
        size_t expected;
        const char *rule;
    } rows[] = {
        {"\0f00/unit/x.service/id", 22, false, LIMIT_REFUSAL_BYTES, "the manager"},
        {"\0f00/unit/x.service/id", 22, true, LIMIT_REFUSAL_BYTES, "a container's manager"},
        {"", 0, false, LIMIT_FOREIGN_REFUSAL_BYTES, "no address"},
        {"", 0, true, LIMIT_REFUSAL_BYTES, "no address, live"},
        {"\0f00", 4, false, LIMIT_FOREIGN_REFUSAL_BYTES, "a number alone, as from autobind"},
        {"/run/socket", 11, false, LIMIT_FOREIGN_REFUSAL_BYTES, "a path"},
        {"/run/socket", 11, true, LIMIT_REFUSAL_BYTES, "a path, live"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Peer peer = {.path_size = rows[i].size};

        memcpy(peer.path, rows[i].path, rows[i].size);
        if (reply_refusal_bytes(&peer, rows[i].live) != rows[i].expected)
            fail_msg("%s", rows[i].rule);
    }
}

static void test_delivery_to_nobody(void **state)
{
    Reply delivery = {.refusal_bytes = LIMIT_REFUSAL_BYTES};
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    close(fds[1]);
    assert_int_equal(reply_step(&delivery, fds[0]), REPLY_GONE);
    close(fds[0]);
}

/* --- workers that are of no use --- */

typedef int (*Life)(const Listeners *listeners);

static int run_worker(void *userdata, Drain drain)
{
    const Listeners *listeners = ((void **)userdata)[0];
    Life life = *(Life *)((void **)userdata)[1];

    (void)drain;
    return life(listeners);
}

/* Runs a supervisor with such workers and one client, which has the MANAGER's address or none.
 * Returns what the client read. RET is what the supervisor returned, or 1 if it was still
 * running after so many ms. */
static size_t supervise(Life life, bool manager, uid_t user, unsigned msec, int *ret)
{
    TestFolder folder = test_folder();
    Listeners listeners = listen_in(&folder);
    int client = manager ? connect_as_manager(&folder) : connect_to(&folder);
    pid_t supervisor = fork(), ended;
    size_t total;
    int status;

    if (supervisor == 0) {
        close(client);
        if (user && setresuid(user, user, user) < 0)
            _exit(EXIT_FAILURE);
        _exit(-supervisor_run(&listeners, run_worker, (void *[]){&listeners, &life}));
    }
    total = test_read_all(client);
    *ret = 1;
    while ((ended = waitpid(supervisor, &status, WNOHANG)) == 0 && msec-- > 0)
        poll(NULL, 0, 1);
    if (ended == 0) {
        kill(supervisor, SIGKILL);
        waitpid(supervisor, &status, 0);
    } else if (WIFEXITED(status)) {
        *ret = -WEXITSTATUS(status);
    }
    close(listeners.fds[0]);
    test_folder_remove(&folder);
    return total;
}

static int accept_and_fail(const Listeners *listeners)
{
    if (handover_next(listeners, 0) < 0)
        accept_from(listeners);
    return EXIT_FAILURE;
}

/* Each worker fails at once: the supervisor refuses the open connections, and then gives up. */
static void test_workers_that_fail(void **state)
{
    int r;

    (void)state;
    assert_int_equal(supervise(accept_and_fail, true, 0, 20000, &r), LIMIT_REFUSAL_BYTES);
    assert_int_equal(r, -ECHILD);
    assert_int_equal(supervise(accept_and_fail, false, 0, 20000, &r), LIMIT_FOREIGN_REFUSAL_BYTES);
    assert_int_equal(r, -ECHILD);
}

/* A worker's exit status alone does not make its end clean. */
static int accept_and_leave(const Listeners *listeners)
{
    int fd = handover_next(listeners, 0);

    if (fd < 0) {
        fd = accept_from(listeners);
        return EXIT_SUCCESS;
    }
    return send(fd, "x", 1, MSG_NOSIGNAL) == 1 && close(fd) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void test_worker_that_leaves_something(void **state)
{
    int r;

    (void)state;
    assert_int_equal(supervise(accept_and_leave, true, 0, 20000, &r), 1);
    assert_int_equal(r, 0);
}

static int accept_and_forbid(const Listeners *listeners)
{
    accept_from(listeners);
    if (prlimit(getppid(), RLIMIT_NPROC, &(struct rlimit){0, 0}, NULL) < 0)
        return EXIT_SUCCESS;
    raise(SIGKILL);
    return EXIT_FAILURE;
}

/* When no process can be created, the supervisor itself refuses, and keeps running. */
static void test_no_more_workers(void **state)
{
    int r;

    (void)state;
    assert_int_equal(supervise(accept_and_forbid, true, geteuid() == 0 ? NOBODY : 0, 300, &r),
                     LIMIT_REFUSAL_BYTES);
    assert_int_equal(r, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_live_machine),
        cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_a_step_is_bounded),
        cmocka_unit_test(test_size_of_a_refusal),
        cmocka_unit_test(test_delivery_to_nobody),
        cmocka_unit_test(test_workers_that_fail),
        cmocka_unit_test(test_worker_that_leaves_something),
        cmocka_unit_test(test_no_more_workers),
    };

    (void)test_context(NULL); /* makes secrets possible */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
