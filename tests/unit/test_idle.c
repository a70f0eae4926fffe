/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of the broker that exits when it is idle: when it exits, and that no request is lost. */

#include "broker_fixture.h"

#include <poll.h>
#include <sys/wait.h>

static bool has_ended(const BrokerFixture *broker)
{
    siginfo_t info = {0};

    assert_int_equal(waitid(P_PID, (id_t)broker->supervisor, &info, WEXITED | WNOHANG | WNOWAIT),
                     0);
    return info.si_pid != 0;
}

/* The service manager's part: a waiting connection starts the broker. */
static bool start_if_ended(BrokerFixture *broker)
{
    if (broker->supervisor && !has_ended(broker))
        return false;
    if (broker->supervisor)
        assert_int_equal(broker_wait(broker), 0);
    broker_start(broker);
    return true;
}

/* The broker exits when it is idle, and not before. */
static void test_exit_idle(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int asker, fd;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_TPM, 20, NULL, 0});
    broker->config.exit_idle_usec = 300000;
    broker->shared->tpm_msec = 60000;
    /* a request that waits for the TPM for longer keeps it running */
    asker = client_connect(broker, "systemd-nspawn@web.service", "x");
    broker_start(broker);
    while (broker->shared->tpm_begun == 0)
        wait_msec(1);
    wait_msec(1000);
    assert_false(has_ended(broker));
    /* as does the administrator */
    fd = client_connect_control(broker);
    broker->shared->tpm_msec = 0;
    assert_int_equal(client_read(asker, "web", "x", 20), ANSWER_RIGHT);
    wait_msec(1000);
    assert_false(has_ended(broker));
    close(fd);
    assert_int_equal(broker_wait(broker), 0);
    assert_int_equal(broker->shared->workers, 1);
}

/* An unsealing that runs keeps it, also when nobody waits for it any more. */
static void test_exit_idle_finishes_an_unsealing(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    int fd;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_TPM, 20, NULL, 0});
    broker->config.exit_idle_usec = 100000;
    broker->shared->tpm_msec = 60000;
    fd = client_connect(broker, "systemd-nspawn@web.service", "x");
    broker_start(broker);
    while (broker->shared->tpm_begun == 0)
        wait_msec(1);
    close(fd);
    wait_msec(1000);
    assert_false(has_ended(broker));
    broker->shared->tpm_msec = 0;
    assert_int_equal(broker_wait(broker), 0);
}

/* Every request is answered, however often the broker exits and is started again. */
static void test_exit_idle_loses_nobody(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = broker_new();
    unsigned starts = 0;

    (void)state;
    broker_seal(broker, &(SealedFile){"web", "x", KIND_HOST, 20, NULL, 0});
    broker->config.exit_idle_usec = 1000;
    for (unsigned i = 0; starts < 6; i++) {
        struct pollfd waiting = {.fd = client_connect(broker, "systemd-nspawn@web.service", "x"),
                                 .events = POLLIN};

        do {
            starts += start_if_ended(broker);
        } while (poll(&waiting, 1, 10) == 0);
        assert_int_equal(client_read(waiting.fd, "web", "x", 20), ANSWER_RIGHT);
        wait_msec(i % 7);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_idle),
        cmocka_unit_test(test_exit_idle_finishes_an_unsealing),
        cmocka_unit_test(test_exit_idle_loses_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
