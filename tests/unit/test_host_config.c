/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/policy/host_config.c, and of how lib/base/trusted_file.c opens it. */

#include "support.h"

#include "base/cleanup.h"
#include "base/trusted_file.h"
#include "policy/host_config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define X10   "xxxxxxxxxx"
#define X100  X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

static void test_valid(void **state)
{
    static const struct {
        const char *text, *store, *tpm, *templates, *rule;
    } rows[] = {
        {"", NULL, NULL, NULL, "an empty file has all defaults"},
        {"[Store]\nPath=/srv/store\n", "/srv/store", NULL, NULL, "one key, the others default"},
        {"[Store]\nPath=/srv/store", "/srv/store", NULL, NULL, "no newline at the end"},
        {"  [Store]  \r\n\t Path \t=  /srv/a=b \r\n", "/srv/a=b", NULL, NULL,
         "space around everything, the first \"=\" separates"},
        {"# a \\\n; b\n\n[Store]\n#Path=/x\n ;Path=/y\n", NULL, NULL, NULL, "comments"},
        {"[Store]\nPath=/a\nPath=/b\n", "/b", NULL, NULL, "the last one counts"},
        {"[Store]\nPath=/a\nPath=\n", NULL, NULL, NULL, "empty: the default"},
        {"[Store]\nPath=/a%b..c\n", "/a%b..c", NULL, NULL, "no more than that is special"},
        {"[Store]\n[TPM]\nDevice=/dev/tpmrm1\n[Store]\nPath=/a", "/a", "/dev/tpmrm1", NULL,
         "a section may be opened again"},
        {"[TPM]\nDevice=auto\n", NULL, "/dev/tpmrm0", NULL, "auto"},
        {"[TPM]\nDevice=device:/dev/tpm0\n", NULL, "/dev/tpm0", NULL, "with the transport's name"},
        {"[TPM]\nDevice=swtpm:path=/run/swtpm/tpm\n", NULL, "swtpm:path=/run/swtpm/tpm", NULL,
         "a software TPM"},
        {"[TPM]\nDevice=tabrmd:bus_type=system\nDevice=\n", NULL, NULL, NULL, "empty: the default"},
        {"[Machines]\nUnitTemplate=a@.service\n", NULL, NULL, "a@",
         "the first one replaces the defaults"},
        {"[Machines]\nUnitTemplate=a@.service \t b@.service\nUnitTemplate=c@.service\n", NULL, NULL,
         "a@ b@ c@", "lists add up"},
        {"[Machines]\nUnitTemplate=a@.service\nUnitTemplate=\nUnitTemplate=b@.service\n", NULL,
         NULL, "b@", "empty: from here on anew"},
        {"[Machines]\nUnitTemplate=a@.service\nUnitTemplate=\n", NULL, NULL, NULL,
         "nothing left: the defaults"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char templates[256] = "";
        Reason reason = {0};
        HostConfig config;

        if (host_config_parse("x.conf", test_view(rows[i].text), &reason, &config) != 0)
            fail_msg("%s: %s", rows[i].rule, reason.text);
        for (size_t j = 0; j < config.templates.count; j++) {
            strcat(templates, j > 0 ? " " : "");
            strcat(templates, config.templates.prefixes[j]);
        }
        if (strcmp(config.store, rows[i].store ? rows[i].store : STORE_DEFAULT_PATH) != 0 ||
            strcmp(config.tpm_device, rows[i].tpm ? rows[i].tpm : "/dev/tpmrm0") != 0 ||
            strcmp(templates,
                   rows[i].templates ? rows[i].templates : "systemd-nspawn@ container@") != 0)
            fail_msg("%s: %s, %s, %s", rows[i].rule, config.store, config.tpm_device, templates);
    }
}

static void test_history(void **state)
{
    static const struct {
        const char *text;
        unsigned history;
    } rows[] = {{"", 3}, {"History=0", 0}, {"History=9", 9}, {"History=9\nHistory=", 3}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[64];
        HostConfig config;

        snprintf(text, sizeof(text), "[Store]\n%s\n", rows[i].text);
        assert_int_equal(host_config_parse("x.conf", test_view(text), NULL, &config), 0);
        assert_int_equal(config.history, rows[i].history);
    }
}

static void test_not_valid(void **state)
{
    static const struct {
        const char *text, *words, *rule;
    } rows[] = {
        {"[Store]\nHistory=10\n", "\"10\" is not a number from 0 to 9", "a large history"},
        {"[Store]\nHistory=-1\n", "\"-1\" is not a number from 0 to 9", "a negative one"},
        {"[Store]\nHistory=no\n", "\"no\" is not a number from 0 to 9", "not a number"},
        {"[Store]\nHistory=:\n", "\":\" is not a number from 0 to 9", "the character after 9"},
        {"Path=/a\n", "x.conf:1: \"Path=/a\" comes before", "a key without a section"},
        {"[Store\n", "no closing bracket", "half a section"},
        {"[store]\n", "unknown section \"store\"; the keys are Path= and History= in [Store]",
         "an unknown section"},
        {"[]\n", "unknown section \"\"", "a section without a name"},
        {"\n[Store]\nPaht=/a\n",
         "x.conf:3: unknown key \"Paht\" in [Store]; the keys are Path= and", "an unknown key"},
        {"[Store]\nDevice=/dev/tpm0\n", "unknown key \"Device\" in [Store]; ",
         "a key of another section"},
        {"[Store]\nPath\n", "neither", "no \"=\""},
        {"[Store]\n=/a\n", "neither", "no key"},
        {"[Store]\nPath=/a\\\n/b\n", "cannot be continued", "a continued line"},
        {"[Store]\nPath=/a\001b\n", "control character", "a control character"},
        {"[Store]\nPath=a\n", "not an absolute path", "a relative path"},
        {"[Store]\nPath=/\n", "not an absolute path", "the root"},
        {"[Store]\nPath=/a/../b\n", "not an absolute path", "\"..\""},
        {"[Store]\nPath=/a/.\n", "not an absolute path", "\".\""},
        {"[Store]\nPath=/a//b\n", "not an absolute path", "a doubled slash"},
        {"[Store]\nPath=/a/\n", "not an absolute path", "a final slash"},
        {"[Store]\nPath=/a b\n", "not an absolute path", "a space"},
        {"[Store]\nPath=/a:b\n", "not an absolute path", "a colon, which BindPaths= splits at"},
        {"[Store]\nPath=\"/a\"\n", "not an absolute path", "quotes"},
        {"[Store]\nPath=/\303\244\n", "not an absolute path", "beyond ASCII"},
        {"[Store]\nPath=/" X1000 X10 X10 X10 "\n", "more than 1023", "a long path"},
        {"[Store]\nPath=/" X1000 X1000 X100 "\n", "x.conf:2: the value has", "a long line"},
        {"[TPM]\nDevice=cmd:touch /tmp/x\n", "not a TPM", "a command"},
        {"[TPM]\nDevice=/lib/evil.so:x\n", "not a device below /dev", "a library"},
        {"[TPM]\nDevice=./evil.so:x\n", "not a TPM", "a library, relative"},
        {"[TPM]\nDevice=device:tpm0\n", "not a TPM", "a relative device"},
        {"[TPM]\nDevice=/dev/../etc/victim\n", "not a device below /dev", "out of /dev"},
        {"[TPM]\nDevice=/etc/victim\n", "not a device below /dev", "a file"},
        {"[TPM]\nDevice=swtpm:path=/a b\n", "has spaces", "a space"},
        {"[Machines]\nUnitTemplate=web.service\n", "x.conf:2: \"web.service\" is not a template",
         "no template"},
        {"[Machines]\nUnitTemplate=a@.service,b@.service\n", "is not a template", "a comma"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        HostConfig config = {.store = "untouched"};
        Reason reason = {0};
        int r = host_config_parse("x.conf", test_view(rows[i].text), &reason, &config);

        if (r != OUTCOME_BAD_CONFIG || !strstr(reason.text, rows[i].words))
            fail_msg("%s: %s, %s", rows[i].rule, outcome_name(r), reason.text);
        assert_string_equal(config.store, "untouched");
    }
    {
        static const char text[] = "[Store]\0Path=/a\n";
        HostConfig config;

        assert_int_equal(host_config_parse("x.conf",
                                           (BytesView){(const uint8_t *)text, sizeof(text) - 1},
                                           NULL, &config),
                         OUTCOME_BAD_CONFIG);
    }
}

/* --- the file --- */

static void make_directory(const TestFolder *folder, const char *name)
{
    assert_int_equal(mkdir(test_path(folder, name), 0755), 0);
}

/* FOLDER with the three places, and a file in the one of /etc. */
static TestFolder make_root(void)
{
    static const char *const names[] = {
        "etc",     "etc/nspawn-creds",     "run", "run/nspawn-creds", "usr",
        "usr/lib", "usr/lib/nspawn-creds", "srv"};
    TestFolder folder = test_folder();

    for (size_t i = 0; i < COUNT(names); i++)
        make_directory(&folder, names[i]);
    return folder;
}

static void write_config(const TestFolder *folder, const char *name, const char *text)
{
    test_write_file(test_path(folder, name), test_view(text), 0644);
}

static int load(const TestFolder *folder, uid_t trusted, Reason *reason, HostConfig *config)
{
    Context context = test_context(folder->path);

    context.trusted_uid = trusted;
    return host_config_load(&context, reason, config);
}

static void test_places(void **state)
{
    static const struct {
        const char *file, *text, *store;
    } rows[] = {
        {"usr/lib/nspawn-creds/nspawn-creds.conf", "[Store]\nPath=/vendor\n", "/vendor"},
        {"run/nspawn-creds/nspawn-creds.conf", "[Store]\nPath=/run/store\n", "/run/store"},
        {"etc/nspawn-creds/nspawn-creds.conf", "[TPM]\nDevice=/dev/tpm0\n", STORE_DEFAULT_PATH},
    };
    TestFolder folder = make_root();
    HostConfig config;

    (void)state;
    assert_int_equal(load(&folder, geteuid(), NULL, &config), 0);
    assert_string_equal(config.store, STORE_DEFAULT_PATH);
    assert_null(config.path);
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_config(&folder, rows[i].file, rows[i].text);
        assert_int_equal(load(&folder, geteuid(), NULL, &config), 0);
        assert_string_equal(config.store, rows[i].store);
        assert_string_equal(config.path + 1, rows[i].file);
    }
    {
        _cleanup_(freep) char *large = malloc(LIMIT_CONFIG_BYTES + 2);
        Reason reason = {0};

        assert_non_null(large);
        memset(large, '\n', LIMIT_CONFIG_BYTES + 1);
        large[LIMIT_CONFIG_BYTES] = '\0';
        write_config(&folder, rows[2].file, large);
        assert_int_equal(load(&folder, geteuid(), NULL, &config), 0);
        large[LIMIT_CONFIG_BYTES] = '\n';
        large[LIMIT_CONFIG_BYTES + 1] = '\0';
        write_config(&folder, rows[2].file, large);
        assert_int_equal(load(&folder, geteuid(), &reason, &config), OUTCOME_BAD_CONFIG);
        assert_non_null(strstr(reason.text, "larger than"));
    }
    test_folder_remove(&folder);
}

/* A value of the greatest length, and one that is a byte longer. */
static void test_long_values(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        char text[LIMIT_CONFIG_VALUE_BYTES + 32] = "[Store]\nPath=/";
        size_t begin = strlen(text) - 1;
        HostConfig config;
        Reason reason = {0};

        memset(text + begin + 1, 'x', LIMIT_CONFIG_VALUE_BYTES - 2 + more);
        assert_int_equal(host_config_parse("f", test_view(text), &reason, &config),
                         more ? OUTCOME_BAD_CONFIG : 0);
        if (more)
            assert_non_null(strstr(reason.text, "more than 1023 characters"));
        else
            assert_string_equal(config.store, text + begin);
    }
}

/* An error in the first file does not lead to the next one being read. */
static void test_files_that_are_not_trusted(void **state)
{
    static const char file[] = "etc/nspawn-creds/nspawn-creds.conf";
    TestFolder folder = make_root();
    HostConfig config;
    Reason reason = {0};

    (void)state;
    write_config(&folder, "usr/lib/nspawn-creds/nspawn-creds.conf", "");
    write_config(&folder, file, "");
    assert_int_equal(load(&folder, geteuid(), NULL, &config), 0);
    if (geteuid() != 0) /* root is always trusted */
        assert_int_equal(load(&folder, geteuid() + 1, &reason, &config), OUTCOME_BAD_CONFIG);
    for (mode_t bit = S_IWOTH; bit <= S_IWGRP; bit <<= 3) {
        assert_int_equal(chmod(test_path(&folder, file), 0644 | bit), 0);
        assert_int_equal(load(&folder, geteuid(), &reason, &config), OUTCOME_BAD_CONFIG);
        assert_non_null(strstr(reason.text, "nspawn-creds.conf\" is writable for others"));
    }
    assert_int_equal(chmod(test_path(&folder, file), 0644), 0);
    assert_int_equal(chmod(test_path(&folder, "etc/nspawn-creds"), 0775), 0);
    assert_int_equal(load(&folder, geteuid(), &reason, &config), OUTCOME_BAD_CONFIG);
    assert_non_null(strstr(reason.text, "\"nspawn-creds\" is writable for others"));
    assert_int_equal(chmod(test_path(&folder, "etc/nspawn-creds"), 01775), 0);
    assert_int_equal(load(&folder, geteuid(), NULL, &config), 0); /* sticky */
    assert_int_equal(chmod(test_path(&folder, "etc/nspawn-creds"), 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(test_path(&folder, file), 1, 1), 0);
        assert_int_equal(load(&folder, 0, &reason, &config), OUTCOME_BAD_CONFIG);
        assert_non_null(strstr(reason.text, "belongs to user 1"));
        assert_int_equal(chown(test_path(&folder, "etc"), 1, 1), 0);
        assert_int_equal(load(&folder, 0, &reason, &config), OUTCOME_BAD_CONFIG);
        assert_int_equal(unlink(test_path(&folder, file)), 0);
        assert_int_equal(load(&folder, 0, NULL, &config),
                         0); /* a missing file is no reason for distrust */
    } else {
        assert_int_equal(unlink(test_path(&folder, file)), 0);
    }
    make_directory(&folder, file);
    assert_int_equal(load(&folder, geteuid(), &reason, &config), OUTCOME_BAD_CONFIG);
    assert_non_null(strstr(reason.text, "not a regular file"));
    test_folder_remove(&folder);
}

static void test_links(void **state)
{
    static const char file[] = "etc/nspawn-creds/nspawn-creds.conf";
    static const struct {
        const char *target, *rule;
        mode_t mode; /* of srv */
        int rc;
    } rows[] = {
        {"/srv/x.conf", "absolute, below the root", 0755, 0},
        {"../../srv/x.conf", "relative", 0755, 0},
        {"../../srv/../srv/./x.conf", "the long way round", 0755, 0},
        {"/srv/link", "a link to a link", 0755, 0},
        {"/srv/x.conf", "into a directory of others", 0777, OUTCOME_BAD_CONFIG},
        {"/srv/x.conf", "sticky", 01777, 0},
        {"/srv/gone", "to nowhere", 0755, OUTCOME_BAD_CONFIG},
        {"/srv/loop", "in a circle", 0755, -ELOOP},
        {"/srv/x.conf/y", "through a file", 0755, -ENOTDIR},
        {"/srv", "to a directory", 0755, OUTCOME_BAD_CONFIG},
    };
    TestFolder folder = make_root();

    (void)state;
    write_config(&folder, "srv/x.conf", "");
    assert_int_equal(symlink("x.conf", test_path(&folder, "srv/link")), 0);
    assert_int_equal(symlink("loop", test_path(&folder, "srv/loop")), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        HostConfig config;
        int r;

        assert_int_equal(symlink(rows[i].target, test_path(&folder, file)), 0);
        assert_int_equal(chmod(test_path(&folder, "srv"), rows[i].mode), 0);
        r = load(&folder, geteuid(), NULL, &config);
        if (r != rows[i].rc)
            fail_msg("%s: %d", rows[i].rule, r);
        assert_int_equal(unlink(test_path(&folder, file)), 0);
    }
    if (geteuid() == 0) {
        Reason reason = {0};
        HostConfig config;

        assert_int_equal(symlink("/srv/x.conf", test_path(&folder, file)), 0);
        assert_int_equal(lchown(test_path(&folder, file), 1, 1), 0);
        assert_int_equal(load(&folder, 0, &reason, &config), OUTCOME_BAD_CONFIG);
    }
    test_folder_remove(&folder);
}

/* What is too long is not cut: that may be another file. */
static void test_long_names(void **state)
{
    TestFolder folder = make_root();
    Context context = test_context(folder.path);
    char name[NAME_MAX + 2] = "", path[PATH_MAX + 1], file[NAME_MAX + 8];

    (void)state;
    memset(name, 'x', NAME_MAX);
    snprintf(file, sizeof(file), "srv/%s", name);
    write_config(&folder, file, "");
    for (int more = 0; more < 2; more++) {
        int expected = more ? -ENAMETOOLONG : 0;
        _cleanup_(closep) int of_name = -1, of_path = -1;

        name[NAME_MAX] = more ? 'x' : '\0';
        snprintf(path, sizeof(path), "/srv/%s", name);
        assert_int_equal(trusted_file_open(&context, path, NULL, &of_name), expected);
        /* a path that would be another file's without its last byte */
        memset(path, '/', sizeof(path));
        name[NAME_MAX] = '\0';
        strcpy(path + PATH_MAX - 1 - strlen(file), file);
        strcat(path, more ? "y" : "");
        assert_int_equal(trusted_file_open(&context, path, NULL, &of_path), expected);
    }
    test_folder_remove(&folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_not_valid),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_files_that_are_not_trusted),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_long_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
