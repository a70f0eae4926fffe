/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of where policies are found, and that changes are noticed: precedence, drop-ins, files that
 * hide others, files that cannot be trusted, and the cache.
 */

#include "support.h"

#include "policy/policy_load.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MINUTE_USEC (UINT64_C(60) * 1000000)
#define ONE(id)     "{\"credentials\": {\"" id "\": {}}}"

typedef struct World {
    TestFolder folder;
    Context context;
} World;

/* The time that the cache sees. */
static uint64_t present;

static uint64_t present_now(const Context *context)
{
    (void)context;
    return present;
}

static uint64_t real_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* In the world, it is ten minutes later: everything has settled. */
static int set_up(void **state)
{
    static const char *const folders[] = {"etc",
                                          "etc/nspawn-creds",
                                          "etc/nspawn-creds/web.json.d",
                                          "run",
                                          "run/nspawn-creds",
                                          "run/nspawn-creds/policy",
                                          "run/nspawn-creds/policy/web.json.d",
                                          "usr",
                                          "usr/lib",
                                          "usr/lib/nspawn-creds",
                                          "usr/lib/nspawn-creds/web.json.d"};
    World *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = test_folder();
    world->context = test_context(world->folder.path);
    world->context.now = present_now;
    present = real_now() + 10 * MINUTE_USEC;
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(test_path(&world->folder, folders[i]), 0755), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    World *world = *state;

    test_folder_remove(&world->folder);
    free(world);
    return 0;
}

static void put(const World *world, const char *name, const char *text)
{
    test_write_file(test_path(&world->folder, name), test_view(text), 0644);
}

/* Returns the ids in MACHINE's policy, or the error, in static memory. */
static const char *ids(const World *world, const char *machine)
{
    static char text[512];
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    int r = policy_load(&world->context, machine, &fault, &policy);

    text[0] = '\0';
    if (r == OUTCOME_BAD_POLICY)
        snprintf(text, sizeof(text), "%s: %s", fault.file + strlen(world->folder.path),
                 fault.what.text);
    else if (r != 0)
        snprintf(text, sizeof(text), "%s", outcome_name(r));
    for (size_t i = 0; r == 0 && i < policy->count; i++)
        strcat(strcat(text, i ? " " : ""), policy->credentials[i].id);
    return text;
}

static void test_precedence(void **state)
{
    const World *world = *state;
    const char *etc = test_path(&world->folder, "etc/nspawn-creds/web.json");

    assert_string_equal(ids(world, "web"), "not-found");
    put(world, "usr/lib/nspawn-creds/web.json", ONE("vendor"));
    assert_string_equal(ids(world, "web"), "vendor");
    put(world, "run/nspawn-creds/policy/web.json", ONE("runtime"));
    assert_string_equal(ids(world, "web"), "runtime");
    put(world, "etc/nspawn-creds/web.json", ONE("admin"));
    assert_string_equal(ids(world, "web"), "admin");
    assert_string_equal(ids(world, "db"), "not-found");

    /* hidden by an empty file, or by a link to nothing */
    put(world, "etc/nspawn-creds/web.json", "");
    assert_string_equal(ids(world, "web"), "not-found");
    assert_int_equal(unlink(etc), 0);
    assert_int_equal(symlink("/dev/null", etc), 0);
    assert_string_equal(ids(world, "web"), "not-found");
    assert_int_equal(unlink(etc), 0);
    assert_string_equal(ids(world, "web"), "runtime");

    /* a link to a policy is one */
    assert_int_equal(symlink("../../usr/lib/nspawn-creds/web.json", etc), 0);
    assert_string_equal(ids(world, "web"), "vendor");
}

static void test_drop_ins(void **state)
{
    const World *world = *state;

    put(world, "usr/lib/nspawn-creds/web.json.d/50-x.json", ONE("vendor"));
    assert_string_equal(ids(world, "web"), "vendor");
    put(world, "etc/nspawn-creds/web.json", ONE("main"));
    put(world, "run/nspawn-creds/policy/web.json.d/60-y.json", ONE("runtime"));
    put(world, "etc/nspawn-creds/web.json.d/40-z.json", ONE("admin"));
    put(world, "etc/nspawn-creds/web.json.d/README", "no policy");
    put(world, "etc/nspawn-creds/web.json.d/.hidden.json", "no policy");
    assert_string_equal(ids(world, "web"), "main admin vendor runtime");

    /* among files of one name the first directory's counts, whatever the order of the others */
    put(world, "run/nspawn-creds/policy/web.json.d/50-x.json", ONE("instead"));
    assert_string_equal(ids(world, "web"), "main admin instead runtime");
    put(world, "etc/nspawn-creds/web.json.d/50-x.json", "");
    assert_string_equal(ids(world, "web"), "main admin runtime");
    put(world, "etc/nspawn-creds/web.json.d/70.json",
        "{\"credentials\": {\"admin\": null, \"main\": {\"template\": \"{{runtime}}\"}}}");
    assert_string_equal(ids(world, "web"), "main runtime");

    /* hiding the main file leaves the drop-ins */
    put(world, "etc/nspawn-creds/web.json", "");
    put(world, "etc/nspawn-creds/web.json.d/70.json", "");
    assert_string_equal(ids(world, "web"), "admin runtime");
}

/* A file that exists and cannot be read is an error; it is never treated as missing. */
static void test_untrusted(void **state)
{
    const World *world = *state;
    const char *main_file = "etc/nspawn-creds/web.json";
    const char *path = test_path(&world->folder, main_file);

    put(world, "usr/lib/nspawn-creds/web.json", ONE("vendor"));
    assert_int_equal(mkdir(path, 0755), 0);
    assert_string_equal(ids(world, "web"), "/etc/nspawn-creds/web.json: it is not a regular file");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_string_equal(ids(world, "web"), "/etc/nspawn-creds/web.json: it is not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/run/later/web.json", path), 0);
    assert_string_equal(
        ids(world, "web"),
        "/etc/nspawn-creds/web.json: it is a link to /run/later/web.json, which does not exist");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("web.json", path), 0);
    assert_string_equal(ids(world, "web"),
                        "/etc/nspawn-creds/web.json: Too many levels of symbolic links");
    assert_int_equal(unlink(path), 0);
    put(world, main_file, ONE("admin"));
    assert_int_equal(chmod(path, 0646), 0);
    assert_string_equal(ids(world, "web"), "/etc/nspawn-creds/web.json: everyone may write to it");
    assert_int_equal(chmod(path, 0644), 0);
    put(world, main_file, "{");
    assert_string_equal(ids(world, "web"), "/etc/nspawn-creds/web.json: it is truncated");
    put(world, main_file, ONE("admin"));
    assert_string_equal(ids(world, "web"), "admin");

    path = test_path(&world->folder, "etc/nspawn-creds/web.json.d/x.json");
    assert_int_equal(symlink("nowhere", path), 0);
    assert_string_equal(
        ids(world, "web"),
        "/etc/nspawn-creds/web.json.d/x.json: it is a link to nowhere, which does not "
        "exist");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(test_path(&world->folder, "etc/nspawn-creds/web.json.d")), 0);
    put(world, "etc/nspawn-creds/web.json.d", "");
    assert_string_equal(ids(world, "web"), "/etc/nspawn-creds/web.json.d: Not a directory");
}

/* How many directory entries can be read before a read fails; UINT_MAX: all of them. */
static unsigned readable = UINT_MAX;

struct dirent *__real_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory);

struct dirent *__wrap_readdir(DIR *directory)
{
    if (readable == 0) {
        errno = EIO;
        return NULL;
    }
    readable -= readable != UINT_MAX;
    return __real_readdir(directory);
}

/* The unread drop-in may be the one that removes a credential: a policy is never built from part of
 * the files. */
static void test_unreadable_entries(void **state)
{
    const World *world = *state;
    unsigned failures = 0;

    put(world, "etc/nspawn-creds/web.json", ONE("main"));
    put(world, "etc/nspawn-creds/web.json.d/70.json", "{\"credentials\": {\"main\": null}}");
    put(world, "run/nspawn-creds/policy/web.json.d/80.json", ONE("runtime"));
    for (;;) {
        const char *found;

        readable = failures;
        found = ids(world, "web");
        readable = UINT_MAX;
        if (strcmp(found, "runtime") == 0)
            break;
        assert_non_null(strstr(found, "web.json.d: Input/output error"));
        failures++;
    }
    /* ".", ".." and the end in each of three directories, and two drop-ins */
    assert_int_equal(failures, 3 * 3 + 2);
}

static void test_too_large(void **state)
{
    const World *world = *state;
    _cleanup_(bytes_done) Bytes large = {.data = malloc(LIMIT_POLICY_BYTES + 1),
                                         .size = LIMIT_POLICY_BYTES + 1};

    assert_non_null(large.data);
    memset(large.data, ' ', large.size);
    test_write_file(test_path(&world->folder, "etc/nspawn-creds/web.json"), bytes_view(&large),
                    0644);
    assert_string_equal(ids(world, "web"), "/etc/nspawn-creds/web.json: it is too large");
}

static void test_too_many_drop_ins(void **state)
{
    const World *world = *state;
    char name[64];

    for (size_t i = 0; i <= LIMIT_POLICY_DROP_INS; i++) {
        if (i == LIMIT_POLICY_DROP_INS)
            assert_string_equal(ids(world, "web"), "a");
        snprintf(name, sizeof(name), "%s/nspawn-creds/web.json.d/%zu.json",
                 i % 2 ? "etc" : "usr/lib", i);
        put(world, name, ONE("a"));
    }
    assert_string_equal(ids(world, "web"),
                        "/usr/lib/nspawn-creds/web.json.d: there are too many drop-ins");
}

static void test_machines(void **state)
{
    const World *world = *state;
    static const char *const expected[] = {"-bad", "db", "mail", "web", NULL};
    char **machines;
    size_t i;

    put(world, "usr/lib/nspawn-creds/mail.json", ONE("x"));
    put(world, "run/nspawn-creds/policy/mail.json", ONE("x"));
    put(world, "etc/nspawn-creds/db.json", ONE("x"));
    put(world, "etc/nspawn-creds/-bad.json", ONE("x"));
    put(world, "etc/nspawn-creds/db.json~", ONE("x"));
    put(world, "usr/lib/nspawn-creds/nspawn-creds-broker", "");
    assert_int_equal(policy_machines(&world->context, NULL, NULL, &machines), 0);
    for (i = 0; expected[i]; i++)
        assert_string_equal(machines[i], expected[i]);
    assert_null(machines[i]);
    strings_free(machines);
    assert_string_equal(ids(world, "-bad"),
                        "/etc/nspawn-creds/-bad.json: \"-bad\" is not a machine name");
}

/* Returns all machines with their ids, "web: a b, mail: x", as a walk over all of them finds
 * them. */
static const char *all_ids(const World *world)
{
    static char text[1024];
    unsigned drop_ins;
    char **machines;

    assert_int_equal(policy_machines(&world->context, NULL, &drop_ins, &machines), 0);
    text[0] = '\0';
    for (char **machine = machines; *machine; machine++) {
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        int r = policy_load_from(&world->context, *machine, drop_ins, NULL, &policy);

        strcat(strcat(strcat(text, text[0] ? ", " : ""), *machine), ":");
        if (r != 0)
            strcat(strcat(text, " "), outcome_name(r));
        for (size_t i = 0; r == 0 && i < policy->count; i++)
            strcat(strcat(text, " "), policy->credentials[i].id);
    }
    strings_free(machines);
    return text;
}

static void test_found(void **state)
{
    const World *world = *state;
    const char *etc;

    put(world, "etc/nspawn-creds/db.json", "");
    put(world, "run/nspawn-creds/policy/mail.json", ONE("runtime"));
    put(world, "usr/lib/nspawn-creds/db.json", ONE("vendor"));
    put(world, "usr/lib/nspawn-creds/mail.json", ONE("vendor"));
    put(world, "usr/lib/nspawn-creds/web.json", ONE("vendor"));
    put(world, "usr/lib/nspawn-creds/web.json.d/b.json", ONE("b"));
    put(world, "run/nspawn-creds/policy/web.json.d/a.json", ONE("a"));
    assert_string_equal(all_ids(world), "db: not-found, mail: runtime, web: vendor a b");

    /* a directory that cannot be read may contain the file: no other file is used instead */
    etc = test_path(&world->folder, "etc/nspawn-creds");
    assert_int_equal(rename(etc, test_path(&world->folder, "etc/elsewhere")), 0);
    test_write_file(etc, test_view("no folder"), 0644);
    assert_string_equal(all_ids(world), "db: bad-policy, mail: bad-policy, web: bad-policy");
}

/* --- the cache --- */

/* A new reference to web's policy. */
static Policy *get(PolicyCache *cache)
{
    Policy *policy = NULL;

    assert_int_equal(policy_cache_get(cache, "web", NULL, &policy), 0);
    return policy;
}

/* Whether web's policy is still WANTED, and was not parsed again. */
static bool is_cached(PolicyCache *cache, const Policy *wanted)
{
    _cleanup_(policy_unrefp) Policy *policy = get(cache);

    return policy == wanted;
}

/* The first id of web's policy in the cache; "" if it has none. */
static const char *cached(PolicyCache *cache)
{
    static char id[sizeof(((PolicyCredential *)0)->id)];
    _cleanup_(policy_unrefp) Policy *policy = NULL;

    id[0] = '\0';
    if (policy_cache_get(cache, "web", NULL, &policy) == 0)
        strcpy(id, policy->credentials[0].id);
    return id;
}

static void test_cache_sees_changes(void **state)
{
    World *world = *state;
    _cleanup_(policy_cache_freep) PolicyCache *cache = NULL;
    _cleanup_(policy_unrefp) Policy *vendor = NULL, *mended = NULL;

    assert_int_equal(policy_cache_new(&world->context, &cache), 0);
    assert_string_equal(cached(cache), "");
    put(world, "usr/lib/nspawn-creds/web.json", ONE("vendor"));
    assert_string_equal(cached(cache), "vendor");
    vendor = get(cache);
    for (unsigned i = 0; i < 10; i++)
        assert_true(is_cached(cache, vendor));

    put(world, "usr/lib/nspawn-creds/web.json", ONE("vendor-2"));
    assert_string_equal(cached(cache), "vendor-2");
    put(world, "etc/nspawn-creds/web.json", ONE("admin"));
    assert_string_equal(cached(cache), "admin");
    put(world, "etc/nspawn-creds/web.json.d/x.json",
        "{\"credentials\": {\"admin\": null,"
        "\"drop-in\": {}}}");
    assert_string_equal(cached(cache), "drop-in");
    put(world, "etc/nspawn-creds/web.json.d/x.json",
        "{\"credentials\": {\"admin\": null,"
        "\"another\": {}}}");
    assert_string_equal(cached(cache), "another");
    put(world, "etc/nspawn-creds/web.json", "");
    put(world, "etc/nspawn-creds/web.json.d/x.json", "{");
    assert_string_equal(cached(cache), "");
    put(world, "etc/nspawn-creds/web.json.d/x.json", ONE("mended"));
    assert_string_equal(cached(cache), "mended");
    mended = get(cache);
    assert_true(is_cached(cache, mended));
    assert_false(is_cached(cache, vendor));
}

/* "policy", or what is there instead. */
static const char *kept(PolicyCache *cache)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    int r = policy_cache_get(cache, "mail", NULL, &policy);

    return r == 0 ? "policy" : outcome_name(r);
}

static void test_cache_knows_what_is_not_there(void **state)
{
    const World *world = *state;
    _cleanup_(policy_cache_freep) PolicyCache *cache = NULL;
    const char *etc;

    assert_int_equal(policy_cache_new(&world->context, &cache), 0);
    for (unsigned i = 0; i < 10; i++)
        assert_string_equal(kept(cache), "not-found");

    /* a directory of the search path comes and goes, with what is in it */
    put(world, "run/nspawn-creds/policy/mail.json", ONE("runtime"));
    assert_string_equal(kept(cache), "policy");
    assert_int_equal(rename(test_path(&world->folder, "run/nspawn-creds/policy"),
                            test_path(&world->folder, "run/elsewhere")),
                     0);
    assert_string_equal(kept(cache), "not-found");
    assert_string_equal(kept(cache), "not-found");
    assert_int_equal(rename(test_path(&world->folder, "run/elsewhere"),
                            test_path(&world->folder, "run/nspawn-creds/policy")),
                     0);
    assert_string_equal(kept(cache), "policy");
    assert_int_equal(unlink(test_path(&world->folder, "run/nspawn-creds/policy/mail.json")), 0);
    assert_string_equal(kept(cache), "not-found");

    put(world, "usr/lib/nspawn-creds/mail.json", ONE("vendor"));
    assert_string_equal(kept(cache), "policy");
    assert_int_equal(unlink(test_path(&world->folder, "usr/lib/nspawn-creds/mail.json")), 0);
    assert_string_equal(kept(cache), "not-found");

    /* "cannot tell whether there is one" has replaced "there is none" */
    etc = test_path(&world->folder, "etc/nspawn-creds");
    assert_int_equal(rename(etc, test_path(&world->folder, "etc/elsewhere")), 0);
    test_write_file(etc, test_view("no folder"), 0644);
    assert_string_equal(kept(cache), "bad-policy");
}

/* What was written a moment ago, with the same size and in the same file, at the same time if the
 * file system's clock is coarse. */
static void test_cache_sees_fast_changes(void **state)
{
    World *world = *state;
    _cleanup_(policy_cache_freep) PolicyCache *cache = NULL;

    assert_int_equal(policy_cache_new(&world->context, &cache), 0);
    for (unsigned i = 0; i < 50; i++) {
        present = real_now();
        put(world, "etc/nspawn-creds/web.json", i % 2 ? ONE("odd") : ONE("evn"));
        assert_string_equal(cached(cache), i % 2 ? "odd" : "evn");
    }
}

/* Not even if it does not show in the file's times: it is cached only from some time on. */
static void test_cache_waits_for_files_to_settle(void **state)
{
    World *world = *state;
    _cleanup_(policy_cache_freep) PolicyCache *cache = NULL;
    _cleanup_(policy_unrefp) Policy *early = NULL, *fresh = NULL, *settled = NULL;
    struct stat status;
    uint64_t changed;

    put(world, "etc/nspawn-creds/web.json", ONE("x"));
    assert_int_equal(stat(test_path(&world->folder, "etc/nspawn-creds/web.json"), &status), 0);
    changed = (uint64_t)status.st_ctim.tv_sec * 1000000;
    assert_int_equal(policy_cache_new(&world->context, &cache), 0);
    present = changed - MINUTE_USEC; /* the clock was set back */
    early = get(cache);
    assert_false(is_cached(cache, early));
    present = changed + 2900 * 1000;
    fresh = get(cache);
    assert_false(is_cached(cache, fresh));
    present = changed + 3100 * 1000;
    settled = get(cache);
    assert_true(is_cached(cache, settled));
    assert_true(is_cached(cache, settled));
}

/* More machines than the cache holds: all policies are right, and the last used stay cached. */
static void test_cache_is_bounded(void **state)
{
    World *world = *state;
    _cleanup_(policy_cache_freep) PolicyCache *cache = NULL;
    _cleanup_(policy_unrefp) Policy *web = NULL;

    assert_int_equal(policy_cache_new(&world->context, &cache), 0);
    put(world, "etc/nspawn-creds/web.json", ONE("web"));
    web = get(cache);
    for (size_t i = 0; i < 2 * LIMIT_POLICIES; i++) {
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        char machine[32], name[64];

        snprintf(machine, sizeof(machine), "m%zu", i);
        snprintf(name, sizeof(name), "etc/nspawn-creds/%s.json", machine);
        put(world, name, ONE("x"));
        assert_int_equal(policy_cache_get(cache, machine, NULL, &policy), 0);
        assert_string_equal(policy->machine, machine);
        assert_true(is_cached(cache, web));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_precedence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_ins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_untrusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unreadable_entries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_drop_ins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_machines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_sees_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_knows_what_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_sees_fast_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_waits_for_files_to_settle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_is_bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
