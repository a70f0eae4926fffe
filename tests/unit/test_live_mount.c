/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What .nspawn files and mount tables say of the live mount, and whether somebody listens there.
 * The files are in a test folder, and connect() is the test's.
 */

#include "support.h"

#include "manager/live_mount.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static TestFolder folder;
static int connected; /* the errno of connect() */

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);

static bool is_ours(const char *path)
{
    return strstr(path, ".nspawn") || strcmp(path, "/proc/77/mountinfo") == 0;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return __real_fopen(is_ours(path) ? test_path(&folder, strrchr(path, '/') + 1) : path, mode);
}

int __wrap_access(const char *path, int mode)
{
    return __real_access(is_ours(path) ? test_path(&folder, strrchr(path, '/') + 1) : path, mode);
}

int __wrap_connect(int, const struct sockaddr *, socklen_t)
{
    errno = connected;
    return connected == 0 ? 0 : -1;
}

static void test_settings(void **state)
{
    static const struct {
        const char *rule, *text;
        LiveMountSettings expected;
    } rows[] = {
        {"no mounts", "[Network]\nZone=web\n", LIVE_MOUNT_NOT_SAID},
        {"other mounts", "[Files]\nBind=/srv\n", LIVE_MOUNT_DISPLACED},
        {"an overlay", "[Files]\nOverlay=/a:/b:/c\n", LIVE_MOUNT_DISPLACED},
        {"a setting may be indented", "[Files]\n  TemporaryFileSystem=/x\n", LIVE_MOUNT_DISPLACED},
        {"the mount",
         "[Files]\nBind=/srv\n"
         "BindReadOnly=/run/nspawn-creds/machines/web:/run/host/nspawn-creds:rootidmap\n",
         LIVE_MOUNT_BOUND},
        {"without options", "Bind=/run/nspawn-creds/machines/web:/run/host/nspawn-creds",
         LIVE_MOUNT_BOUND},
        {"a comment is none",
         "#BindReadOnly=/run/nspawn-creds/machines/web:/run/host/nspawn-creds\nBind=/srv\n",
         LIVE_MOUNT_DISPLACED},
        {"a directory that begins like it is another one", "Bind=/x:/run/host/nspawn-creds-old\n",
         LIVE_MOUNT_DISPLACED},
    };
    char file[PATH_MAX];

    (void)state;
    assert_false(live_mount_file("web", file));
    assert_int_equal(live_mount_settings("web", file), LIVE_MOUNT_NOT_SAID);
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)unlink(test_path(&folder, "web.nspawn"));
        test_write_file(test_path(&folder, "web.nspawn"), test_view(rows[i].text), 0644);
        if (live_mount_settings("web", file) != rows[i].expected)
            fail_msg("%s", rows[i].rule);
    }
    assert_string_equal(file, "/etc/systemd/nspawn/web.nspawn");
    assert_int_equal(unlink(test_path(&folder, "web.nspawn")), 0);
}

static void test_is_bound(void **state)
{
    static const struct {
        const char *text;
        bool expected;
    } rows[] = {
        {"", false},
        {"30 1 0:25 /nspawn-creds/machines/web /run/host/nspawn-creds ro - tmpfs tmpfs rw\n", true},
        {"30 1 0:25 /nspawn-creds/machines/webb /run/host/nspawn-creds ro - tmpfs tmpfs rw\n",
         false},
        {"30 1 0:25 /nspawn-creds/machines/web /mnt ro - tmpfs tmpfs rw\n", false},
    };
    bool bound;

    (void)state;
    assert_int_equal(live_mount_is_bound(77, "web", &bound), -ENOENT);
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)unlink(test_path(&folder, "mountinfo"));
        test_write_file(test_path(&folder, "mountinfo"), test_view(rows[i].text), 0644);
        assert_int_equal(live_mount_is_bound(77, "web", &bound), 0);
        assert_int_equal(bound, rows[i].expected);
    }
}

static void test_check(void **state)
{
    static const int rows[][2] = {
        {EPROTOTYPE, 0}, {ENOENT, -ENOENT}, {ECONNREFUSED, -ECONNREFUSED}, {0, -EPROTOTYPE}};
    char name[128];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        connected = rows[i][0];
        assert_int_equal(live_mount_check("web"), rows[i][1]);
    }
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(live_mount_check(name), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_is_bound),
        cmocka_unit_test(test_check),
    };
    int failed;

    folder = test_folder();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(&folder);
    return failed;
}
