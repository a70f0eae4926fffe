/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/client/backup.c: nothing of a backup is used that could do harm. */

#include "support.h"

#include "client/backup.h"

#include <string.h>

/* mail@x, sealed with a host key, and the same with the null key. */
#define SEALED                                                                                     \
    "Whxqht+dQJax1aZeCGLxmiAAAAABAAAADAAAABAAAABSWRtmazs//TARkNoAAAAAVitlsHI77rS21pEX+2jGUD3JS5e1" \
    "ahWZE+qCL8lQFrjgPmbrTmfKVcFyhmEWpJZ4fxExRBdKww=="
#define IN_CLEAR                                                                                   \
    "BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAADIyXzbKDhQMaQS1DYAAAAA1e3lFy08N6pQxaGCkIB1m2Tv/g8p" \
    "CQTY8GLPlCScfKwQ//YsxXOu8U0R0uMV+8G2iA=="

#define OF(version, credentials, files)                                                            \
    "{\"nspawnCredsBackup\": " version ", \"credentials\": {" credentials "}, \"files\": {" files  \
    "}}"
#define WITH(credentials, files) OF("1", credentials, files)
#define CREDENTIAL(name)         "\"" name "\": {\"sealed\": \"" SEALED "\"}"
#define POLICY(name)             "\"" name "\": \"{\\\"credentials\\\": {}}\""

static void test_refused(void **state)
{
    static const struct {
        const char *text, *words, *rule;
    } rows[] = {
        {"", "", "nothing"},
        {"[]", "no nspawnCredsBackup", "another JSON file"},
        {"{}", "no nspawnCredsBackup", "another JSON file"},
        {OF("\"1\"", "", ""), "no nspawnCredsBackup", "a version is a number"},
        {OF("2", "", ""), "version 2", "a later version"},
        {"{\"nspawnCredsBackup\": 1}", "no credentials", "a part is missing"},
        {"{\"nspawnCredsBackup\": 1, \"credentials\": {}, \"files\": []}", "no files",
         "a part of another type"},
        {WITH("", "") " ", NULL, "white space does no harm"},
        {WITH("", "") "{}", "", "more after the end"},
        {WITH("\"mail@x\": [[[[[]]]]]", ""), "", "too deep"},
        /* credentials */
        {WITH(CREDENTIAL("mail"), ""), "\"mail\"", "no id"},
        {WITH(CREDENTIAL("../mail@x"), ""), "\"../mail@x\"", "out of the store"},
        {WITH(CREDENTIAL("mail@../x"), ""), "\"mail@../x\"", "out of the machine"},
        {WITH(CREDENTIAL("mail@."), ""), "\"mail@.\"", "a directory"},
        {WITH(CREDENTIAL("/mail@x"), ""), "\"/mail@x\"", "an absolute path"},
        {WITH(CREDENTIAL("mail@x") ", " CREDENTIAL("mail@x"), ""), "", "one name twice"},
        {WITH("\"mail@x\": \"" SEALED "\"", ""), "missing", "not an object"},
        {WITH("\"mail@x\": {}", ""), "missing", "no sealed file"},
        {WITH("\"mail@x\": {\"sealed\": 1}", ""), "missing", "not a text"},
        {WITH("\"mail@x\": {\"sealed\": \"\"}", ""), "\"mail@x\"", "an empty file"},
        {WITH("\"mail@x\": {\"sealed\": \"hunter2\"}", ""), "\"mail@x\"", "a secret in clear"},
        {WITH("\"mail@x\": {\"sealed\": \"" IN_CLEAR "\"}", ""), "null key", "as good as in clear"},
        {WITH("\"mail@x\": {\"sealed\": \"" SEALED "\", \"public\": {}}", ""), "missing",
         "a public half is a text"},
        /* files */
        {WITH("", POLICY("../web.json")), "no policy's name", "out of the directory"},
        {WITH("", POLICY("/etc/web.json")), "no policy's name", "an absolute path"},
        {WITH("", POLICY("web.json.d/../a.json")), "no policy's name", "out of the drop-ins"},
        {WITH("", POLICY("web.json.d/a/b.json")), "no policy's name", "too deep"},
        {WITH("", POLICY("web.json.d/.json")), "no policy's name", "a hidden file"},
        {WITH("", POLICY("web.json.d/")), "no policy's name", "a directory"},
        {WITH("", POLICY("web.json.d/a.conf")), "no policy's name", "not a policy"},
        {WITH("", POLICY("web.conf")), "no policy's name", "not a policy"},
        {WITH("", POLICY(".json")), "no policy's name", "no machine"},
        {WITH("", POLICY("a b.json")), "no policy's name", "not a machine"},
        {WITH("", POLICY("web.json") ", " POLICY("web.json")), "", "one name twice"},
        {WITH("", "\"web.json\": {}"), "not a text", "not a text"},
        {WITH("", "\"web.json\": \"{\""), "web.json:1:", "a policy with a mistake"},
        {WITH("", "\"nspawn-creds.conf\": \"[Store]\\nPath=x\""), "nspawn-creds.conf:2",
         "a configuration with a mistake"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(backup_done) Backup backup = {0};
        Reason reason = {0};
        int r = backup_parse(test_view(rows[i].text), &reason, &backup);

        if (r != (rows[i].words ? OUTCOME_BAD_BACKUP : 0))
            fail_msg("%s: %s: %s", rows[i].rule, outcome_name(r), reason.text);
        if (rows[i].words && (!reason.text[0] || !strstr(reason.text, rows[i].words)))
            fail_msg("%s: %s", rows[i].rule, reason.text);
    }
}

static void test_sizes(void **state)
{
    static char text[LIMIT_FILE_BYTES + 256];
    Reason reason = {0};
    Backup backup;
    int length;

    (void)state;
    length = snprintf(text, sizeof(text), WITH("\"mail@x\": {\"sealed\": \"%*s%s\"}", ""),
                      (int)(LIMIT_FILE_BYTES + 1 - strlen(SEALED)), "", SEALED);
    assert_int_equal(backup_parse((BytesView){(uint8_t *)text, (size_t)length}, &reason, &backup),
                     OUTCOME_BAD_BACKUP);
    assert_non_null(strstr(reason.text, "\"mail@x\": Too large"));
    length = snprintf(text, sizeof(text), WITH("", "\"web.json\": \"%*s\""),
                      (int)LIMIT_POLICY_BYTES + 1, "");
    assert_int_equal(backup_parse((BytesView){(uint8_t *)text, (size_t)length}, &reason, &backup),
                     OUTCOME_BAD_BACKUP);
    assert_string_equal(reason.text, "Too large");
}

/* What is added comes back, and a truncated backup is refused wherever it ends. */
static void test_round_trip(void **state)
{
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {0};
    _cleanup_(json_object_putp) struct json_object *json = backup_new("alpha", TEST_NOW);
    _cleanup_(backup_done) Backup backup = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    char mail[] = "mail", web[] = "web", db[] = "db";
    char *nobody[] = {NULL}, *those[] = {mail, web, NULL}, *more[] = {web, db, NULL};

    (void)state;
    assert_int_equal(credential_name_parse("mail@x", NULL, &entry.name), 0);
    assert_int_equal(credential_unpack(test_view(SEALED), NULL, &entry.raw, &entry.sections), 0);
    assert_int_equal(backup_check_entry(&entry, NULL), 0);
    backup_add_credential(json, &entry, test_view("ssh-ed25519 AAAA\n"));
    backup_add_file(json, "web.json", (BytesView){0});
    backup_add_file(json, "web.json.d/50-enabled.json", test_view("{\"credentials\": {}}"));
    backup_add_file(json, BACKUP_CONFIG_NAME, test_view("# nothing\n"));
    assert_int_equal(backup_print(json, NULL, &text), 0);
    for (size_t size = 0; size + 1 < text.size; size++)
        assert_int_equal(backup_parse((BytesView){text.data, size}, NULL, &backup),
                         OUTCOME_BAD_BACKUP);

    assert_int_equal(backup_parse(bytes_view(&text), NULL, &backup), 0);
    assert_string_equal(backup.host_name, "alpha");
    assert_int_equal(backup.created, TEST_NOW);
    assert_int_equal(backup.credential_count, 1);
    assert_true(credential_name_equal(&backup.credentials[0].entry.name, &entry.name));
    assert_true(
        bytes_view_equal(bytes_view(&backup.credentials[0].entry.raw), bytes_view(&entry.raw)));
    assert_string_equal(backup.credentials[0].public, "ssh-ed25519 AAAA\n");
    assert_int_equal(backup.file_count, 3);
    assert_string_equal(backup.files[0].content, "");
    assert_string_equal(backup.files[1].name, "web.json.d/50-enabled.json");
    assert_string_equal(backup.files[1].machine, "web");
    assert_string_equal(backup.files[2].machine, "");
    assert_int_equal(backup_check_machines(&backup, nobody, NULL), 0);
    assert_int_equal(backup_check_machines(&backup, those, NULL), 0);
    assert_int_equal(backup_check_machines(&backup, more, NULL), OUTCOME_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
