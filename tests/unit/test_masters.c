/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of cli/fleet/masters.c, with the real age. */

#include "steps.h"
#include "support.h"

#include "base/cleanup.h"
#include "base/limits.h"
#include "fleet/masters.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- recipients --- */

static void test_recipients(void **state)
{
    static const char text[] = "# two administrators\n"
                               "age1alice\n"
                               "\n"
                               "ssh-ed25519 AAAA bob\n"
                               "age1yubikey1carol";
    _cleanup_(recipients_done) Recipients recipients = {0};

    (void)state;
    assert_int_equal(recipients_parse(test_view(text), NULL, &recipients), 0);
    assert_int_equal(recipients.count, 3);
    assert_string_equal(recipients.lines[0], "age1alice");
    assert_string_equal(recipients.lines[1], "ssh-ed25519 AAAA bob");
    assert_string_equal(recipients.lines[2], "age1yubikey1carol");
}

static void test_bad_recipients(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "it has no recipients"},
        {"# age1alice\n", "it has no recipients"},
        {"age1alice\n", "it has one recipient"},
        {"age1alice\nage1alice\n", "line 2 repeats"},
        {"age1alice\n--output=/etc/passwd\n", "line 2 is neither"},
        {"age1alice\n age1bob\n", "line 2 is neither"},
        {"age1alice\r\nage1bob\r\n", "line 1 is neither"},
        {"age1alice\nssh-dss AAAA\n", "line 2 is neither"},
        {"age1alice\nAGE-SECRET-KEY-1\n", "line 2 is neither"},
        {"age1alice\nage1b\xc3\xb6\n", "line 2 is neither"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Recipients recipients;
        Reason reason = {0};

        assert_int_equal(recipients_parse(test_view(rows[i].text), &reason, &recipients),
                         OUTCOME_BAD_REPOSITORY);
        if (!strstr(reason.text, rows[i].reason))
            fail_msg("row %zu: %s", i, reason.text);
    }
    assert_int_equal(recipients_parse((BytesView){(const uint8_t *)"age1a\nage1b\0", 12}, NULL,
                                      &(Recipients){0}),
                     OUTCOME_BAD_REPOSITORY);
}

static void test_many_recipients(void **state)
{
    char text[(LIMIT_RECIPIENTS + 1) * 12], *end = text;

    (void)state;
    for (size_t i = 0; i <= LIMIT_RECIPIENTS; i++) {
        _cleanup_(recipients_done) Recipients recipients = {0};
        int r;

        end += sprintf(end, "age1x%zu\n", i);
        if (i == 0)
            continue;
        r = recipients_parse(test_view(text), NULL, &recipients);
        assert_int_equal(r, i < LIMIT_RECIPIENTS ? 0 : OUTCOME_BAD_REPOSITORY);
    }
}

/* --- values --- */

typedef struct Administrators {
    TestFolder folder;
    char alice[96], bob[96], stranger[96]; /* files with their identities */
    Recipients recipients;                 /* alice and bob */
} Administrators;

static void make_identity(const Administrators *all, const char *name, char path[static 96])
{
    char command[256];

    snprintf(path, 96, "%s/%s", all->folder.path, name);
    snprintf(command, sizeof(command),
             "age-keygen -o %s 2>/dev/null && age-keygen -y %s >>%s/recipients && "
             "echo >>%s/recipients",
             path, path, all->folder.path, all->folder.path);
    if (system(command) != 0)
        test_skip("age is not installed");
}

static Administrators administrators(void)
{
    Administrators all = {.folder = test_folder()};
    _cleanup_(bytes_done) Bytes text = {0};

    make_identity(&all, "alice", all.alice);
    make_identity(&all, "bob", all.bob);
    text = test_read_file(test_path(&all.folder, "recipients"));
    make_identity(&all, "stranger", all.stranger);
    assert_int_equal(recipients_parse(bytes_view(&text), NULL, &all.recipients), 0);
    return all;
}

static void administrators_done(Administrators *all)
{
    recipients_done(&all->recipients);
    test_folder_remove(&all->folder);
}

static void check_both_ways(const Administrators *all, const Secret *value)
{
    const char *const identities[] = {all->alice, all->bob};
    MasterProgram program = {0};
    _cleanup_(bytes_done) Bytes file = {0};

    assert_int_equal(master_encrypt(&program, &all->recipients, value, NULL, &file), 0);
    for (size_t i = 0; i < COUNT(identities); i++) {
        _cleanup_(secret_freep) Secret *opened = NULL;

        program.identity = identities[i];
        assert_int_equal(master_open(&program, "x", bytes_view(&file), NULL, &opened), 0);
        assert_true(secret_equal(opened, value));
    }
}

static void test_each_administrator_opens(void **state)
{
    static const size_t sizes[] = {0, 1, 65536, 65537, LIMIT_PLAINTEXT_BYTES};
    _cleanup_(administrators_done) Administrators all = administrators();

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        _cleanup_(secret_freep) Secret *value = test_secret_of(sizes[i]);

        check_both_ways(&all, value);
    }
}

static void check_fails(const MasterProgram *program, BytesView file, int expected,
                        const char *words)
{
    Secret *opened = NULL;
    Reason reason = {0};

    assert_int_equal(master_open(program, "secrets/x.age", file, &reason, &opened), expected);
    assert_null(opened);
    if (!strstr(reason.text, words))
        fail_msg("%s", reason.text);
}

static void test_what_does_not_open(void **state)
{
    _cleanup_(administrators_done) Administrators all = administrators();
    MasterProgram program = {.identity = all.alice}, stranger = {.identity = all.stranger},
                  missing = {.identity = "/nonexistent"}, unknown = {0};
    _cleanup_(secret_freep) Secret *value = test_secret_of(100000);
    _cleanup_(bytes_done) Bytes file = {0};

    (void)state;
    assert_int_equal(master_encrypt(&program, &all.recipients, value, NULL, &file), 0);
    check_fails(&stranger, bytes_view(&file), -ECANCELED, "age could not open secrets/x.age");
    check_fails(&missing, bytes_view(&file), -ECANCELED, "age could not open secrets/x.age");
    check_fails(&unknown, bytes_view(&file), OUTCOME_USAGE, "use --identity=FILE");
    check_fails(&program, test_view("no file of age, though it is long enough for one"),
                OUTCOME_BAD_REPOSITORY, "secrets/x.age is not a file of age");
    check_fails(&program, (BytesView){0}, OUTCOME_BAD_REPOSITORY, "is not a file of age");
    /* in the header, after it, after the first of two chunks, and before the last byte */
    for (size_t i = 0; i < 4; i++) {
        size_t sizes[] = {100, file.size - 100032, file.size - 34480, file.size - 1};

        check_fails(&program, (BytesView){file.data, sizes[i]}, -ECANCELED, "could not open");
    }
    file.data[file.size - 50000] ^= 1;
    check_fails(&program, bytes_view(&file), -ECANCELED, "could not open");
}

/* age knows whether a line that looks like a recipient is one. */
static void test_no_recipient(void **state)
{
    const char *lines[] = {"age1alice", "age1bob"};
    _cleanup_(secret_freep) Secret *value = test_secret("hunter2");
    Recipients recipients = {.lines = lines, .count = COUNT(lines)};
    Reason reason = {0};
    Bytes file = {0};

    (void)state;
    if (system("age --version >/dev/null 2>&1") != 0)
        test_skip("age is not installed");
    assert_int_equal(master_encrypt(&(MasterProgram){0}, &recipients, value, &reason, &file),
                     -ECANCELED);
    assert_string_equal(reason.text, "age could not encrypt the value; its own message says why");
    assert_null(file.data);
}

/* --- other programs --- */

static void test_own_commands(void **state)
{
    static const char *const encrypt[] = {"tr", "a-z", "b-za", NULL};
    static const char *const open[] = {"tr", "b-za", "a-z", NULL};
    MasterProgram program = {.open = open, .encrypt = encrypt};
    _cleanup_(secret_freep) Secret *value = test_secret("hunter2"), *opened = NULL;
    _cleanup_(bytes_done) Bytes file = {0};

    (void)state;
    assert_int_equal(master_encrypt(&program, &(Recipients){0}, value, NULL, &file), 0);
    assert_true(bytes_view_equal(bytes_view(&file), test_view("ivoufs2")));
    assert_int_equal(master_open(&program, "x", bytes_view(&file), NULL, &opened), 0);
    assert_true(secret_equal(opened, value));
}

static void check_encryption_fails(const char *const *command, size_t size, int expected,
                                   const char *words)
{
    _cleanup_(secret_freep) Secret *value = test_secret_of(size);
    Reason reason = {0};
    Bytes file = {0};

    assert_int_equal(master_encrypt(&(MasterProgram){.encrypt = command}, &(Recipients){0}, value,
                                    &reason, &file),
                     expected);
    assert_null(file.data);
    if (!strstr(reason.text, words))
        fail_msg("%s", reason.text);
}

static void test_commands_that_fail(void **state)
{
    static const char *const missing[] = {"/nonexistent/program", NULL};
    static const char *const fails[] = {"sh", "-c", "cat; exit 1", NULL};
    static const char *const ends[] = {"true", NULL};
    static const char *const doubles[] = {"sh", "-c", "cat; head -c 1200000 /dev/zero", NULL};

    (void)state;
    check_encryption_fails(missing, 100, -ENOENT, "cannot run /nonexistent/program");
    check_encryption_fails(fails, 100, -ECANCELED, "sh could not encrypt the value");
    check_encryption_fails(ends, LIMIT_PLAINTEXT_BYTES, -EPIPE, "did not read all of its input");
    check_encryption_fails(doubles, 100, OUTCOME_TOO_LARGE, "is larger than");
}

/* --- in a repository --- */

static const Recipients two_recipients = {
    .lines = (const char *[]){"age1alice", "age1bob"},
    .count = 2,
};

static int write_two_reason(const TestFolder *folder, Reason *reason)
{
    static uint8_t new[] = "new";
    MasterChange changes[] = {{.secret = (char[]){"a"}, .file = {new, 3}},
                              {.secret = (char[]){"b"}, .file = {new, 3}}};
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;

    repository.fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return masters_write(&repository, &two_recipients, changes, COUNT(changes), reason);
}

static int write_two(const void *folder)
{
    return write_two_reason(folder, NULL) != 0;
}

static void expect_master(const TestFolder *folder, const char *name, const char *content)
{
    char path[64];
    _cleanup_(bytes_done) Bytes file = {0};

    snprintf(path, sizeof(path), "secrets/%s.age", name);
    file = test_read_file(test_path(folder, path));
    assert_true(bytes_view_equal(bytes_view(&file), test_view(content)));
}

static void expect_masters(const TestFolder *folder, const char *content)
{
    expect_master(folder, "a", content);
    expect_master(folder, "b", content);
    expect_master(folder, "c", "old");
}

static bool is_new(const TestFolder *folder)
{
    _cleanup_(bytes_done) Bytes file = test_read_file(test_path(folder, "secrets/a.age"));

    return bytes_view_equal(bytes_view(&file), test_view("new"));
}

static TestFolder three_masters(void)
{
    TestFolder folder = test_folder();

    assert_int_equal(mkdir(test_path(&folder, "secrets"), 0700), 0);
    test_write_file(test_path(&folder, "secrets/a.age"), test_view("old"), 0600);
    test_write_file(test_path(&folder, "secrets/b.age"), test_view("old"), 0600);
    test_write_file(test_path(&folder, "secrets/c.age"), test_view("old"), 0600);
    return folder;
}

/* Whether RECIPIENTS are those to whom all masters of FOLDER are encrypted. */
static int check_list(const TestFolder *folder, const char *first, const char *second)
{
    Recipients recipients = {.lines = (const char *[]){first, second}, .count = 2};
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    Reason reason = {0};
    int r;

    repository.fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = masters_check_recipients(&repository, &recipients, &reason);
    assert_true(r == 0 || reason.text[0]);
    return r;
}

/* As long as one master is there that was encrypted to others, so is their list. */
static void test_list_of_recipients(void **state)
{
    TestFolder folder = three_masters();

    (void)state;
    assert_int_equal(write_two(&folder), 0);
    assert_int_equal(access(test_path(&folder, "secrets/recipients"), F_OK), -1);
    assert_int_equal(check_list(&folder, "age1alice", "age1carol"), 0); /* it is not known */
    test_write_file(test_path(&folder, "secrets/recipients"), test_view("age1alice\nage1carol\n"),
                    0600);
    assert_int_equal(write_two(&folder), 0);
    assert_int_equal(check_list(&folder, "age1alice", "age1carol"), 0);
    assert_int_equal(check_list(&folder, "age1alice", "age1bob"), OUTCOME_NOT_REKEYED);
    assert_int_equal(unlink(test_path(&folder, "secrets/c.age")), 0);
    test_write_file(test_path(&folder, "secrets/README"), test_view("no master"), 0600);
    assert_int_equal(write_two(&folder), 0);
    assert_int_equal(check_list(&folder, "age1bob", "age1alice"), 0); /* in any order */
    assert_int_equal(check_list(&folder, "age1alice", "age1carol"), OUTCOME_NOT_REKEYED);
    assert_int_equal(access(test_path(&folder, "secrets/README"), F_OK), 0);
    test_write_file(test_path(&folder, "secrets/recipients"), test_view("age1alice\n"), 0600);
    assert_int_equal(check_list(&folder, "age1alice", "age1bob"), OUTCOME_BAD_REPOSITORY);
    test_folder_remove(&folder);
}

/* Killed at any system call, it has written all or nothing, and the next writer cleans up. */
static void test_killed_writer(void **state)
{
    bool ended = false, was_new = false;
    int status;

    (void)state;
    for (unsigned step = 0; !ended; step++) {
        TestFolder folder = three_masters();
        pid_t pid = steps_start(write_two, &folder);

        ended = !steps_go(pid, step, &status);
        if (!ended)
            steps_kill(pid);
        was_new = is_new(&folder);
        expect_masters(&folder, was_new ? "new" : "old");
        assert_int_equal(write_two(&folder), 0);
        expect_masters(&folder, "new");
        assert_int_equal(access(test_path(&folder, "secrets.new"), F_OK), -1);
        test_folder_remove(&folder);
    }
    assert_int_equal(status, 0);
    assert_true(was_new);
}

static char broken[sizeof(TestFolder)]; /* the directory that cannot be written to the disk */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat status, of_broken;

    if (fstat(fd, &status) < 0 || stat(broken, &of_broken) < 0 ||
        status.st_ino != of_broken.st_ino || status.st_dev != of_broken.st_dev)
        return __real_fsync(fd);
    errno = EIO;
    return -1;
}

/* The new masters are there, so that nobody may hear that they could not be put in place. */
static void test_not_synced(void **state)
{
    TestFolder folder = three_masters();
    Reason reason = {0};
    int r;

    (void)state;
    strcpy(broken, folder.path);
    r = write_two_reason(&folder, &reason);
    broken[0] = '\0';
    assert_int_equal(r, -EIO);
    assert_non_null(strstr(reason.text, "secrets has its new content, which may not survive"));
    expect_masters(&folder, "new");
    test_folder_remove(&folder);
}

/* The first master of a repository. */
static void test_no_masters_yet(void **state)
{
    TestFolder folder = test_folder();

    (void)state;
    assert_int_equal(write_two(&folder), 0);
    expect_master(&folder, "a", "new");
    expect_master(&folder, "b", "new");
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipients),         cmocka_unit_test(test_bad_recipients),
        cmocka_unit_test(test_many_recipients),    cmocka_unit_test(test_each_administrator_opens),
        cmocka_unit_test(test_what_does_not_open), cmocka_unit_test(test_no_recipient),
        cmocka_unit_test(test_own_commands),       cmocka_unit_test(test_commands_that_fail),
        cmocka_unit_test(test_list_of_recipients), cmocka_unit_test(test_killed_writer),
        cmocka_unit_test(test_no_masters_yet),     cmocka_unit_test(test_not_synced),
    };
    Context context;

    signal(SIGPIPE, SIG_IGN);
    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
