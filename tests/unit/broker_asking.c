/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policies and answers. See broker_asking.h.
 */

#include "broker_asking.h"

#include <string.h>
#include <sys/stat.h>

Got got_read(int fd)
{
    Got got = {.size = 0};
    ssize_t n;

    do {
        uint8_t rest[65536];
        bool room = got.size < sizeof(got.data);

        n = room ? read(fd, got.data + got.size, sizeof(got.data) - got.size)
                 : read(fd, rest, sizeof(rest));
        if (n > 0)
            got.size += (size_t)n;
    } while (n > 0);
    assert_int_equal(n, 0);
    close(fd);
    return got;
}

Got got_ask(const BrokerFixture *broker, const char *machine, const char *id)
{
    char unit[128];

    snprintf(unit, sizeof(unit), "systemd-nspawn@%s.service", machine);
    return got_read(client_connect(broker, unit, id));
}

bool got_equal(const Got *a, const Got *b)
{
    return a->size == b->size && a->size <= sizeof(a->data) &&
           memcmp(a->data, b->data, a->size) == 0;
}

void expect_refused(const BrokerFixture *broker, const char *machine, const char *id,
                    const char *words)
{
    char record[512];
    Got got;
    unsigned before;

    snprintf(record, sizeof(record), "refused %s", words);
    before = broker_records(broker, record);
    got = got_ask(broker, machine, id);
    assert_true(got_refused(&got));
    for (unsigned i = 0; i < 20000 && broker_records(broker, record) == before; i++)
        wait_msec(1);
    if (broker_records(broker, record) != before + 1)
        fail_msg("%s@%s: not refused with \"%s\"", machine, id, words);
}

void write_policy(const BrokerFixture *broker, const char *machine, const char *credentials)
{
    char name[128], text[2048];

    mkdir(test_path(&broker->folder, "etc/nspawn-creds"), 0755);
    snprintf(name, sizeof(name), "etc/nspawn-creds/%s.json", machine);
    snprintf(text, sizeof(text), "{\"credentials\":\n{%s}}", credentials);
    test_write_file(test_path(&broker->folder, name), test_view(text), 0644);
}
