/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of store_open_installed(). Only root can change the owner of a directory. */

#include "support.h"

#include "store/store.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

static int open_store(const TestFolder *folder, const char *name, Reason *reason)
{
    _cleanup_(store_freep) Store *store = NULL;

    return store_open_installed(test_path(folder, name), reason, &store);
}

static void test_paths(void **state)
{
    TestFolder folder = test_folder();
    const struct group *group = getgrnam(BROKER_USER);
    Reason reason = {0};

    (void)state;
    assert_int_equal(mkdir(test_path(&folder, "store"), 0770), 0);
    if (geteuid() == 0 && group)
        assert_int_equal(chown(test_path(&folder, "store"), 0, group->gr_gid), 0);
    assert_int_equal(open_store(&folder, "store", &reason), 0);
    assert_int_equal(open_store(&folder, "gone", &reason), -ENOENT);
    assert_int_equal(symlink("store", test_path(&folder, "link")), 0);
    assert_int_equal(open_store(&folder, "link", &reason), OUTCOME_STORE_UNSAFE);
    assert_non_null(strstr(reason.text, "symbolic link"));
    assert_int_equal(symlink(".", test_path(&folder, "here")), 0);
    assert_int_equal(open_store(&folder, "here/store", &reason), OUTCOME_STORE_UNSAFE);
    test_write_file(test_path(&folder, "file"), test_view(""), 0600);
    assert_int_equal(open_store(&folder, "file", &reason), -ENOTDIR);
    test_folder_remove(&folder);
}

static void test_owners(void **state)
{
    static const struct {
        mode_t mode;
        bool foreign_user, foreign_group;
        int rc;
        const char *rule;
    } rows[] = {
        {0770, false, false, 0, "as it was installed"},
        {0700, false, false, 0, "closed to the broker: not root's concern"},
        {0770, true, false, OUTCOME_STORE_UNSAFE, "another user's"},
        {0770, false, true, OUTCOME_STORE_UNSAFE, "another group's"},
        {0772, false, false, OUTCOME_STORE_UNSAFE, "writable for others"},
        {01777, false, false, OUTCOME_STORE_UNSAFE, "sticky is not enough"},
    };
    const struct group *group = getgrnam(BROKER_USER);
    TestFolder folder = test_folder();

    (void)state;
    if (geteuid() != 0)
        test_skip("only root can give files away");
    assert_int_equal(mkdir(test_path(&folder, "store"), 0770), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        gid_t right = group ? group->gr_gid : 0;
        int r;

        if (rows[i].foreign_group && !group)
            continue; /* no owner is expected */
        assert_int_equal(chown(test_path(&folder, "store"), rows[i].foreign_user ? 12345 : 0,
                               rows[i].foreign_group ? 12345 : right),
                         0);
        assert_int_equal(chmod(test_path(&folder, "store"), rows[i].mode), 0);
        r = open_store(&folder, "store", NULL);
        if (r != rows[i].rc)
            fail_msg("%s: %s", rows[i].rule, outcome_name(r));
    }
    test_folder_remove(&folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_owners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
