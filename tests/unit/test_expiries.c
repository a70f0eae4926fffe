/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When credentials expire, as far as the broker knows.
 */

#include "support.h"

#include "base/context.h"
#include "request/expiries.h"

/* What follows must not be written to. */
typedef struct Guarded {
    Expiries expiries;
    uint8_t guard[sizeof(Expiry)];
} Guarded;

static CredentialName numbered(unsigned number)
{
    CredentialName name = {.machine = "web"};

    snprintf(name.id, sizeof(name.id), "c%u", number);
    return name;
}

static void set(Expiries *expiries, unsigned number, uint64_t usec)
{
    CredentialName name = numbered(number);

    expiries_set(expiries, &name, usec);
}

static void test_next(void **state)
{
    _cleanup_(freep) Expiries *expiries = calloc(1, sizeof(*expiries));

    (void)state;
    assert_true(expiries_next(expiries) == USEC_INFINITY);
    set(expiries, 1, USEC_INFINITY);
    assert_true(expiries_next(expiries) == USEC_INFINITY);
    set(expiries, 1, 300);
    set(expiries, 2, 200);
    set(expiries, 3, 400);
    assert_int_equal(expiries_next(expiries), 200);
    set(expiries, 2, 500);
    assert_int_equal(expiries_next(expiries), 300);
    set(expiries, 1, USEC_INFINITY);
    assert_int_equal(expiries_next(expiries), 400);
    set(expiries, 3, USEC_INFINITY);
    assert_int_equal(expiries_next(expiries), 500);
    set(expiries, 2, USEC_INFINITY);
    assert_true(expiries_next(expiries) == USEC_INFINITY);
}

/* Those that expire first are kept. */
static void test_limit(void **state)
{
    _cleanup_(freep) Guarded *guarded = calloc(1, sizeof(*guarded));
    Expiries *expiries = &guarded->expiries;

    (void)state;
    for (unsigned i = 0; i < LIMIT_EXPIRIES; i++)
        set(expiries, i, 1000 + i);
    set(expiries, LIMIT_EXPIRIES, 5000);
    assert_int_equal(expiries->count, LIMIT_EXPIRIES);
    assert_int_equal(guarded->guard[0], 0);
    set(expiries, LIMIT_EXPIRIES, 10);
    assert_int_equal(expiries_next(expiries), 10);
    assert_int_equal(expiries->count, LIMIT_EXPIRIES);
    set(expiries, LIMIT_EXPIRIES, USEC_INFINITY);
    assert_int_equal(expiries_next(expiries), 1000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
