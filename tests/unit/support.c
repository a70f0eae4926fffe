/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the unit tests share. See support.h.
 */

#include "support.h"

#include "base/fsutil.h"
#include "key/host_key.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Before main(), so that no test has to do it. */
__attribute__((constructor)) static void filter_tests(void)
{
    if (getenv("TEST_FILTER"))
        cmocka_set_test_filter(getenv("TEST_FILTER"));
}

static uint64_t fixed_now(const Context *context)
{
    (void)context;
    return TEST_NOW;
}

static void counting_random(const Context *context, void *bytes, size_t size)
{
    static uint8_t next;

    (void)context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = next++;
}

Context test_context(const char *root)
{
    Context context;

    assert_int_equal(context_system(&context), 0);
    context.now = fixed_now;
    context.random = counting_random;
    context.root = root ? root : "";
    context.trusted_uid = geteuid();
    return context;
}

/* In memory, where syncing is free: the disk took a third of the unit tests' time. */
#define MEMORY "/dev/shm"

TestFolder test_folder(void)
{
    TestFolder folder;

    snprintf(folder.path, sizeof(folder.path), "%s/nspawn-creds-test-XXXXXX", MEMORY);
    if (access(MEMORY, W_OK) < 0)
        strcpy(folder.path, "/tmp/nspawn-creds-test-XXXXXX");
    assert_non_null(mkdtemp(folder.path));
    return folder;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void test_folder_remove(const TestFolder *folder)
{
    assert_int_equal(nftw(folder->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void test_folder_make_root(const TestFolder *folder)
{
    static const char *const folders[] = {"etc", "var", "var/lib", "var/lib/systemd"};

    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(test_path(folder, folders[i]), 0755), 0);
    test_write_file(test_path(folder, "etc/machine-id"), test_view(TEST_MACHINE_ID "\n"), 0644);
}

const char *test_path(const TestFolder *folder, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder->path, name);
    return path;
}

void test_write_file(const char *path, BytesView content, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.data, content.size), content.size);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

Bytes test_read_file(const char *path)
{
    Bytes bytes;

    assert_int_equal(file_read(path, (size_t)16 << 20, NULL, &bytes), 0);
    return bytes;
}

Secret *test_secret(const char *text)
{
    Secret *secret;

    assert_int_equal(secret_new_from(test_view(text), NULL, &secret), 0);
    return secret;
}

Secret *test_host_key(const char *text)
{
    Secret *secret;

    assert_int_equal(host_key_state(test_view(text), NULL, &secret), 0);
    return secret;
}

Secret *test_secret_of(size_t size)
{
    Secret *secret;

    assert_int_equal(secret_new(size, NULL, &secret), 0);
    for (size_t i = 0; i < size; i++)
        secret_borrow(secret)[i] = (uint8_t)(i + 1);
    return secret;
}

size_t test_read_all(int fd)
{
    static char bytes[65536];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        total += (size_t)n;
    close(fd);
    assert_int_equal(n, 0);
    return total;
}
