/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An empty store, and the name of a credential. For cmocka_unit_test_setup_teardown().
 */

#include "support.h"

#include "store/store.h"

typedef struct Fixture {
    TestFolder folder;
    Store *store;
    CredentialName name; /* web@x */
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;

    fixture.folder = test_folder();
    assert_int_equal(store_new(fixture.folder.path, NULL, &fixture.store), 0);
    assert_int_equal(credential_name_new("web", "x", NULL, &fixture.name), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    fixture->store = store_free(fixture->store);
    test_folder_remove(&fixture->folder);
    return 0;
}
