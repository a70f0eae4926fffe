/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the tests of rollback protection: a host's store, whose TPM's counter is a file, the
 * changes of it, and what the broker says at its start.
 */

#include "fleet_put.h"

#include "rollback/rollback_check.h"
#include "tpm/counter.h"

#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Fixture {
    TestFolder folder;
    char base[128], store[160], counter[128];
    Context context;
    Reason reason;
} Fixture;

/* --- the counter --- */

static inline uint64_t counter_value(const Fixture *fixture)
{
    uint64_t value = 0;
    int fd = open(fixture->counter, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && pread(fd, &value, sizeof(value), 0) == sizeof(value));
    close(fd);
    return value;
}

static inline int count(const char *device, uint32_t counter, Reason *reason)
{
    uint64_t value = 0;
    int fd = open(device, O_RDWR | O_CLOEXEC);

    (void)reason;
    assert_int_equal(counter, TPM_COUNTER_DEFAULT);
    assert_true(pread(fd, &value, sizeof(value), 0) == sizeof(value));
    value++;
    assert_true(pwrite(fd, &value, sizeof(value), 0) == sizeof(value));
    close(fd);
    return 0;
}

static inline int count_not(const char *device, uint32_t counter, Reason *reason)
{
    (void)device;
    (void)counter;
    return reason_set(reason, OUTCOME_TPM_BUSY, "not now");
}

/* --- the fixture --- */

__attribute__((format(printf, 1, 2))) static inline void run(const char *format, ...)
{
    char command[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    assert_int_equal(system(command), 0);
}

static inline void own(const char *path)
{
    const struct group *group = getgrnam(BROKER_USER);

    if (geteuid() == 0 && group)
        assert_int_equal(chown(path, (uid_t)-1, group->gr_gid), 0);
    assert_int_equal(chmod(path, 0770), 0);
}

static inline void begin(Fixture *fixture)
{
    uint64_t value = 5;

    fixture->folder = test_folder();
    fixture->context = test_context(NULL);
    snprintf(fixture->base, sizeof(fixture->base), "%s/base", fixture->folder.path);
    snprintf(fixture->store, sizeof(fixture->store), "%s/store", fixture->base);
    snprintf(fixture->counter, sizeof(fixture->counter), "%s/counter", fixture->folder.path);
    assert_int_equal(mkdir(fixture->base, 0755), 0);
    assert_int_equal(mkdir(fixture->store, 0770), 0);
    own(fixture->store);
    test_write_file(fixture->counter, (BytesView){(const uint8_t *)&value, sizeof(value)}, 0600);
}

static inline int set_up(void **state)
{
    static Fixture fixture;

    begin(&fixture);
    *state = &fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    test_folder_remove(&((Fixture *)*state)->folder);
    return 0;
}

/* Sets NAME to TEXT (NULL: removes it). */
static inline int change(const Fixture *fixture, const char *name, const char *text)
{
    RollbackScope scope = {.store = fixture->store};
    StoreChange change = {.remove = !text, .sealed = text ? test_view(text) : (BytesView){0}};
    _cleanup_(store_freep) Store *store = NULL;

    assert_int_equal(credential_name_parse(name, NULL, &change.name), 0);
    assert_int_equal(store_new(fixture->store, NULL, &store), 0);
    return store_commit(
        store,
        &(StoreCommit){
            .changes = &change, .count = 1, .origin = {"test", 17, 1}, .rollback = &scope},
        NULL);
}

/* As the broker does after a commit. */
static inline int advance(const Fixture *fixture, RollbackIncrement increment)
{
    _cleanup_(rollback_freep) Rollback *rollback = NULL;
    uint64_t value = 0;
    int r = rollback_open(fixture->store, NULL, &rollback);

    if (r == 0)
        r = rollback_advance(rollback, counter_value(fixture), TEST_NOW, fixture->counter,
                             increment, NULL, &value);
    assert_true(r != 0 || value == counter_value(fixture));
    return r;
}

static inline void turn_on(Fixture *fixture)
{
    uint64_t value = counter_value(fixture);

    assert_int_equal(rollback_make(&fixture->context, fixture->store, NULL), 0);
    assert_int_equal(
        rollback_take(fixture->store, TPM_COUNTER_DEFAULT, value, TEST_NOW, &fixture->reason), 0);
    assert_int_equal(advance(fixture, count), 0);
}

/* As the broker at its start: what the state and the counter say. */
static inline int verdict(Fixture *fixture, RollbackVerdict *ret)
{
    RollbackState state;
    int r;

    fixture->reason = (Reason){0};
    r = rollback_check(fixture->store, true, &fixture->reason, &state);
    *ret = r == 0 ? rollback_state_judge(&state, counter_value(fixture), &fixture->reason)
                  : ROLLBACK_NOTICED;
    return r == 0 && *ret == ROLLBACK_NOTICED ? OUTCOME_ROLLED_BACK : r;
}

static inline void expect_well(Fixture *fixture)
{
    RollbackVerdict how;

    if (verdict(fixture, &how) != 0)
        fail_msg("%s", fixture->reason.text);
    assert_int_equal(how, ROLLBACK_NONE);
}

static inline void expect_noticed(Fixture *fixture, const char *words)
{
    RollbackVerdict how;

    assert_int_equal(verdict(fixture, &how), OUTCOME_ROLLED_BACK);
    if (!strstr(fixture->reason.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, fixture->reason.text);
}

/* --- an older copy --- */

static inline void restore(const Fixture *fixture, const char *what)
{
    char from[256], to[256];

    snprintf(to, sizeof(to), "%s/%s", fixture->base, what);
    snprintf(from, sizeof(from), "%s/copy/%s", fixture->folder.path, what);
    run("rm -rf %s", to);
    run("cp -a %s %s", from, to);
}

static inline void copy_aside(const Fixture *fixture)
{
    char to[256];

    snprintf(to, sizeof(to), "%s/copy", fixture->folder.path);
    run("rm -rf %s", to);
    run("cp -a %s %s", fixture->base, to);
}
