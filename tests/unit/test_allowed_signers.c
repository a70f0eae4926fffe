/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/fleet/allowed_signers.c, and of what `ssh-keygen -Y verify` makes of the same files,
 * if it is installed: a file that we accept means the same to it.
 */

#include "support.h"

#include "fleet/allowed_signers.h"

#include <string.h>

/* 2026-12-01 12:00:00 UTC, µs */
#define NOW       UINT64_C(1796126400000000)
#define NOW_STOCK "20261201120000Z"

typedef enum Expected { INVALID, FORBIDDEN, ALLOWED } Expected;

/* %A and %B are the public keys of alice and bob. The question is whether alice may sign. */
static const struct {
    const char *file;
    Expected ours;
    bool stock; /* lets her sign */
} rows[] = {
    {"alice %A", ALLOWED, true},
    {"alice %A\n", ALLOWED, true},
    {"\n# comment\n \t\n  # another\nalice %A\n", ALLOWED, true},
    {"  alice\t%A\r\n", ALLOWED, true},
    {"bob %B\nalice %A\n", ALLOWED, true},
    {"alice %B\nalice %A\n", ALLOWED, true},
    /* options */
    {"alice namespaces=\"fleet@nspawn-creds\" %A", ALLOWED, true},
    {"alice namespaces=\"git,fleet@nspawn-creds,file\" %A", ALLOWED, true},
    {"alice namespaces=\"git\" %A", FORBIDDEN, false},
    {"alice namespaces=\"\" %A", FORBIDDEN, false},
    {"alice namespaces=\"Fleet@nspawn-creds\" %A", FORBIDDEN, false},
    {"alice namespaces=\"*\" %A", INVALID, true},
    {"alice namespaces=\"fleet@nspawn-cred?\" %A", INVALID, true},
    {"alice namespaces=\"!file,fleet@nspawn-creds\" %A", INVALID, true},
    {"alice namespaces=\"git\",namespaces=\"fleet@nspawn-creds\" %A", INVALID, false},
    {"alice namespaces=fleet@nspawn-creds %A", INVALID, false},
    {"alice namespaces=\"fleet@nspawn-creds\", %A", INVALID, false},
    {"alice namespaces=\"fleet@nspawn-creds\"x %A", INVALID, false},
    {"alice namespaces=\"fleet@nspawn-creds %A", INVALID, false},
    {"alice Namespaces=\"fleet@nspawn-creds\" %A", INVALID, true},
    {"alice cert-authority %A", INVALID, false},
    {"alice cert-authority,namespaces=\"fleet@nspawn-creds\" %A", INVALID, false},
    {"alice no-touch-required %A", INVALID, false},
    {"alice unknown=\"1\" %A", INVALID, false},
    /* times */
    {"alice valid-after=\"20261201Z\" %A", ALLOWED, true},
    {"alice valid-after=\"20261202Z\" %A", FORBIDDEN, false},
    {"alice valid-after=\"202612011200Z\" %A", ALLOWED, true},
    {"alice valid-after=\"202612011201Z\" %A", FORBIDDEN, false},
    {"alice valid-after=\"20261201120000Z\" %A", ALLOWED, true},
    {"alice valid-after=\"20261201120001Z\" %A", FORBIDDEN, false},
    {"alice valid-before=\"20261202Z\" %A", ALLOWED, true},
    {"alice valid-before=\"20261201Z\" %A", FORBIDDEN, false},
    {"alice valid-before=\"20261201120000Z\" %A", ALLOWED, true},
    {"alice valid-before=\"20261201115959Z\" %A", FORBIDDEN, false},
    {"alice valid-after=\"20261101Z\",valid-before=\"20270101Z\" %A", ALLOWED, true},
    {"alice valid-before=\"20270101Z\",namespaces=\"git\",valid-after=\"20261101Z\" %A", FORBIDDEN,
     false},
    {"alice valid-after=\"20270101Z\",valid-before=\"20261101Z\" %A", INVALID, false},
    {"alice valid-after=\"20261101Z\",valid-before=\"20261101Z\" %A", INVALID, false},
    {"alice valid-after=\"20261101Z\",valid-after=\"20261102Z\" %A", INVALID, false},
    {"alice valid-after=\"20261101\" %A", INVALID, true}, /* local time */
    {"alice valid-after=\"20261101UTC\" %A", INVALID, true},
    {"alice valid-after=\"20261101z\" %A", INVALID, true},
    {"alice valid-after=\"2026-11-01Z\" %A", INVALID, false},
    {"alice valid-after=\"2026110112Z\" %A", INVALID, false},
    {"alice valid-after=\"20260230Z\" %A", INVALID, true},
    {"alice valid-after=\"20261301Z\" %A", INVALID, false},
    {"alice valid-after=\"202611012460Z\" %A", INVALID, false},
    {"alice valid-after=\"19700101Z\" %A", INVALID, false},
    {"alice valid-after=\"\" %A", INVALID, false},
    {"alice valid-after=\"always\" %A", INVALID, false},
    /* principals and keys */
    {"bob %A", ALLOWED, false}, /* ssh-keygen is asked about alice */
    {"alice,alice@example.org %A", INVALID, true},
    {"al* %A", INVALID, true},
    {"alic? %A", INVALID, true},
    {"!bob,alice %A", INVALID, true},
    {"\"alice\" %A", INVALID, true},
    {"al\303\257ce %A", INVALID, false},
    {"%A", INVALID, false},
    {"alice", INVALID, false},
    {"alice ssh-ed25519", INVALID, false},
    {"alice ssh-ed25519 AAAA", INVALID, false},
    {"alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEHe", INVALID, false},
    {"alice sk-ssh-ed25519@openssh.com %A", INVALID, false},
    {"alice %R\nalice %A", INVALID, true}, /* RSA */
    {"alice %A\nalice %A", INVALID, true},
    {"alice %A\nbob namespaces=\"git\" %A", INVALID, true},
    {"alice %A\nbob", INVALID, true},
    {"alice %A\nbob no-touch-required %B", INVALID, true},
    {"alice %B\n", FORBIDDEN, false},
    {"", INVALID, false},
    {"\n# nobody\n", INVALID, false},
};

static Bytes vector(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/fleet/%s", VECTORS, name);
    return test_read_file(path);
}

/* TYPE KEY and comment, without the newline. */
static void write_key(Writer *writer, const char *name)
{
    _cleanup_(bytes_done) Bytes key = vector(name);

    writer_bytes(writer, (BytesView){key.data, key.size - 1});
}

static Bytes file_of(const char *template)
{
    _cleanup_(writer_done) Writer writer = {0};
    Bytes file;

    for (const char *cursor = template; *cursor; cursor++)
        if (*cursor == '%')
            write_key(&writer, *++cursor == 'A' ? "alice.pub"
                               : *cursor == 'B' ? "bob.pub"
                                                : "rsa.pub");
        else
            writer_bytes(&writer, (BytesView){(const uint8_t *)cursor, 1});
    assert_int_equal(writer_take(&writer, &file), 0);
    return file;
}

/* The key of alice in SSH's wire format, from a file that has it. */
static Bytes alice(void)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(bytes_done) Bytes file = file_of("alice %A");
    Bytes key;

    assert_int_equal(allowed_signers_parse(bytes_view(&file), NULL, &signers), 0);
    assert_int_equal(bytes_dup(bytes_view(&signers.signers[0].key), &key), 0);
    return key;
}

static Expected ours(BytesView file, BytesView key)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    const AllowedSigner *signer;
    Reason reason = {0};
    int r = allowed_signers_parse(file, &reason, &signers);

    assert_true(r == 0 || r == OUTCOME_BAD_SIGNERS);
    assert_int_equal(r == 0, reason.text[0] == '\0');
    if (r != 0)
        return INVALID;
    signer = allowed_signers_find(&signers, key);
    return signer && allowed_signer_may_sign(signer, NOW) ? ALLOWED : FORBIDDEN;
}

static void test_files(void **state)
{
    _cleanup_(bytes_done) Bytes key = alice();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes file = file_of(rows[i].file);
        Expected result = ours(bytes_view(&file), bytes_view(&key));

        if (result != rows[i].ours)
            fail_msg("\"%s\": %d", rows[i].file, (int)result);
    }
}

static void test_ssh_keygen_agrees(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "allowed_signers");
    char command[2048];

    (void)state;
    if (system("command -v ssh-keygen >/dev/null") != 0) {
        test_folder_remove(&folder);
        test_skip("there is no ssh-keygen");
    }
    snprintf(command, sizeof(command),
             "cd %s/fleet && ssh-keygen -Y verify -f %s -I alice -n fleet@nspawn-creds -O "
             "verify-time=" NOW_STOCK " -s alice.sig <statement >/dev/null 2>&1",
             VECTORS, path);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes file = file_of(rows[i].file);
        bool allows;

        test_write_file(path, bytes_view(&file), 0644);
        allows = system(command) == 0;
        if (allows != rows[i].stock)
            fail_msg("ssh-keygen %s \"%s\"", allows ? "accepts" : "refuses", rows[i].file);
    }
    test_folder_remove(&folder);
}

static void test_what_is_in_it(void **state)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(bytes_done) Bytes file =
        file_of("alice valid-after=\"20261101Z\",valid-before=\"20270101Z\" %A\nbob@example.org "
                "namespaces=\"git\" %B\n");

    (void)state;
    assert_int_equal(allowed_signers_parse(bytes_view(&file), NULL, &signers), 0);
    assert_int_equal(signers.count, 2);
    assert_string_equal(signers.signers[0].principal, "alice");
    assert_int_equal(signers.signers[0].valid_from, UINT64_C(1793491200000000));
    /* the second of valid-before is included, as in ssh-keygen */
    assert_int_equal(signers.signers[0].valid_until, UINT64_C(1798761601000000));
    assert_true(signers.signers[0].for_fleets);
    assert_string_equal(signers.signers[1].principal, "bob@example.org");
    assert_int_equal(signers.signers[1].valid_from, 0);
    assert_true(signers.signers[1].valid_until == USEC_INFINITY);
    assert_false(signers.signers[1].for_fleets);
}

static void test_reasons(void **state)
{
    static const struct {
        const char *file, *reason;
    } reasons[] = {
        {"# a\nalice %R", "line 2: keys of type ssh-rsa are not supported"},
        {"alice cert-authority=\"1\" %A", "line 1: only namespaces, valid-after"},
        {"alice valid-after=\"20261101\" %A", "line 1: a time is not of the form YYYYMMDD"},
        {"alice %A\n\nbob %A", "line 3: the key is on an earlier line"},
        {"a,b %A", "line 1: the principal is too long, a pattern or a list"},
        {"", "it contains no key"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
        _cleanup_(bytes_done) Bytes file = file_of(reasons[i].file);
        Reason reason = {0};

        allowed_signers_parse(bytes_view(&file), &reason, &signers);
        assert_memory_equal(reason.text, reasons[i].reason, strlen(reasons[i].reason));
    }
}

static void test_limits(void **state)
{
    char name[LIMIT_PRINCIPAL_BYTES + 2], template[LIMIT_PRINCIPAL_BYTES + 8];
    _cleanup_(bytes_done) Bytes key = alice();

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        _cleanup_(bytes_done) Bytes file = {0}, line = file_of("alice %A\n");
        _cleanup_(writer_done) Writer writer = {0};

        memset(name, 'x', sizeof(name));
        name[LIMIT_PRINCIPAL_BYTES + more] = '\0';
        snprintf(template, sizeof(template), "%s %%A", name);
        file = file_of(template);
        assert_int_equal(ours(bytes_view(&file), bytes_view(&key)), more ? INVALID : ALLOWED);

        writer_bytes(&writer, bytes_view(&line));
        while (writer.bytes.size < LIMIT_SIGNERS_BYTES + more)
            writer_text(&writer, "#");
        assert_int_equal(ours(bytes_view(&writer.bytes), bytes_view(&key)),
                         more ? INVALID : ALLOWED);
    }
}

static void test_nul(void **state)
{
    _cleanup_(bytes_done) Bytes key = alice(), file = file_of("alice %A\n#x\n");

    (void)state;
    file.data[file.size - 2] = '\0';
    assert_int_equal(ours(bytes_view(&file), bytes_view(&key)), INVALID);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),         cmocka_unit_test(test_ssh_keygen_agrees),
        cmocka_unit_test(test_what_is_in_it), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_nul),
    };

    /* times end in Z, so that this changes nothing */
    setenv("TZ", "XXX-14", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
