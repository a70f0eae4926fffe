/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A host with policies, the fleet prod, whose sets the test accepts in the broker's place, and
 * nspawn-creds-apply's work on them, with fake service managers. For
 * cmocka_unit_test_setup_teardown().
 */

#include "fake_manager.h"
#include "fleet_put.h"

#include "apply.h"

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

static const char web_policy[] =
    "{\"credentials\": {"
    "\"token\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": [\"app.service\"],"
    "            \"onChange\": \"restart\"},"
    "\"env\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": [\"env.service\"],"
    "          \"onChange\": \"restart\"},"
    "\"test\": {\"fleet\": \"test\", \"delivery\": \"live\", \"services\": [\"test.service\"],"
    "           \"onChange\": \"restart\"},"
    "\"picky\": {\"fleet\": \"prod\", \"delivery\": \"live\", \"services\": [\"picky.service\"],"
    "            \"onChange\": \"restart\", \"onFailure\": \"previous\"},"
    "\"own\": {\"delivery\": \"live\", \"services\": [\"own.service\"],"
    "          \"onChange\": \"restart\"}}}";

static const FakeManager web = {.machine = "web",
                                .units = {{.name = "app.service"},
                                          {.name = "env.service"},
                                          {.name = "test.service"},
                                          {.name = "picky.service"},
                                          {.name = "own.service"}}};

typedef struct World {
    TestFolder folder;
    Context context;
    char store[128];
    ApplyOptions options;
    Observer observer;
    char notes[2048];
    AuditSink audit;
    char audited[256]; /* by the last run */
    int stop[2];
    const char *stop_at; /* the note that has it stopped */
    char statement[DIGEST_TEXT_BYTES];
    uint64_t due; /* as the last run says */
} World;

static inline void on_note(void *userdata, const char *text)
{
    World *world = userdata;
    size_t used = strlen(world->notes);

    snprintf(world->notes + used, sizeof(world->notes) - used, "%s; ", text);
    if (world->stop_at && strcmp(text, world->stop_at) == 0)
        assert_int_equal(write(world->stop[1], "", 1), 1);
}

static inline void on_audit(AuditSink *sink, const AuditRecord *record)
{
    World *world = sink->userdata;
    size_t used = strlen(world->audited);

    snprintf(world->audited + used, sizeof(world->audited) - used, "%s %s@%s %s %llu; ",
             audit_verdicts[record->verdict].name, record->machine, record->id, record->fleet,
             (unsigned long long)record->sequence);
}

static inline int set_up(void **state)
{
    static const char *const folders[] = {"etc", "etc/nspawn-creds", "var", "var/lib",
                                          "var/lib/nspawn-creds"};
    World *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->folder = test_folder();
    world->context = test_context(world->folder.path);
    for (size_t i = 0; i < COUNT(folders); i++)
        assert_int_equal(mkdir(test_path(&world->folder, folders[i]), 0755), 0);
    test_write_file(test_path(&world->folder, "etc/nspawn-creds/web.json"), test_view(web_policy),
                    0644);
    snprintf(world->store, sizeof(world->store), "%s/var/lib/nspawn-creds/store",
             world->folder.path);
    assert_int_equal(pipe2(world->stop, O_NONBLOCK), 0);
    world->observer = (Observer){.note = on_note, .userdata = world};
    world->options = (ApplyOptions){
        .context = &world->context,
        .store = world->store,
        .restart = {.observer = &world->observer,
                    .stop = world->stop[0],
                    .unit_usec = UINT64_C(60) * 1000 * 1000,
                    .settle_usec = 20000},
        .audit = &world->audit,
    };
    world->audit = (AuditSink){.write = on_audit, .userdata = world};
    *state = world;
    return 0;
}

static inline int tear_down(void **state)
{
    World *world = *state;

    fake_managers_stop();
    close(world->stop[0]);
    close(world->stop[1]);
    test_folder_remove(&world->folder);
    free(world);
    return 0;
}

/* Writes RECORD of the fleet prod as the broker, who is somebody else. */
static inline void put_record(const World *world, const char *record, BytesView text)
{
    char path[PATH_MAX];

    fleet_set_path(world->store, "prod", path);
    strcat(path, "/.record.");
    strcat(path, record);
    (void)unlink(path);
    test_write_file(path, text, 0640);
}

/* The broker has accepted SEQUENCE. CHANGED are the names of what has changed, and since which
 * sequence, "web@env 7 web@token 8"; sorted. */
static inline void accept_set(World *world, uint64_t sequence, const char *changed)
{
    static const FleetFile files[] = {
        {"web@env", "1", 0}, {"web@picky", "new", 0}, {"web@token", "2", 0}};
    const struct group *group = getgrnam(BROKER_USER);
    _cleanup_(value_changes_done) ValueChanges changes = {0};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    _cleanup_(bytes_done) Bytes record = {0};
    char text[256], path[PATH_MAX], *rest = NULL;

    fleet_put(world->store, "prod", sequence, files, COUNT(files));
    fleet_set_path(world->store, "prod", path);
    if (geteuid() == 0 && group)
        assert_int_equal(chown(path, (uid_t)-1, group->gr_gid), 0);
    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
    strcpy(world->statement, set.digest);
    strcpy(text, changed);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char digest[DIGEST_TEXT_BYTES];
        CredentialName name;

        assert_int_equal(credential_name_parse(word, NULL, &name), 0);
        snprintf(digest, sizeof(digest), "%064d", atoi(strtok_r(NULL, " ", &rest)));
        assert_int_equal(value_changes_put(&changes, &name, digest), 0);
    }
    assert_int_equal(value_changes_format(&changes, &record), 0);
    put_record(world, VALUE_CHANGES_RECORD, bytes_view(&record));
}

/* The same with what was restored before. */
static inline void accept_again(World *world, uint64_t sequence, const char *changed)
{
    _cleanup_(fleet_set_done) FleetSet before = {0}, after = {0};
    _cleanup_(bytes_done) Bytes record = {0};

    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &before), 0);
    accept_set(world, sequence, changed);
    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &after), 0);
    assert_int_equal(after.restored.count, 0);
    assert_int_equal(instead_format(&before.restored, RESTORED_RECORD, after.digest, &record), 0);
    put_record(world, RESTORED_RECORD, bytes_view(&record));
}

/* Runs it, with MANAGER running. The jobs are LOG; NULL: whatever was asked for before the end. */
static inline void run(World *world, const FakeManager *manager, int rc, const char *log)
{
    Reason reason = {0};
    char byte;
    int r;

    while (read(world->stop[0], &byte, 1) == 1)
        ;
    world->notes[0] = world->audited[0] = '\0';
    fake_managers_start(manager, 1);
    world->due = USEC_INFINITY;
    r = apply_fleet(&world->options, "prod", &reason, &world->due);
    if (r != rc)
        fail_msg("%d: %s", r, reason.text);
    if (log)
        assert_string_equal(fake_managers_log(), log);
    fake_managers_stop();
}

/* Checks the note for the report: it has OUTCOME and CREDENTIAL of the accepted set. */
static inline void expect_applied(const World *world, int outcome, const char *credential)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    FleetApplied applied;

    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
    assert_int_equal(fleet_set_applied(&set, NULL, &applied), 0);
    assert_string_equal(applied.statement, world->statement);
    assert_int_equal(applied.outcome, outcome);
    assert_string_equal(applied.credential, credential);
}

/* The broker has kept the file that NAME, which now has FILE, had before. */
static inline void keep_previous(const World *world, const char *name, const char *file,
                                 char letter)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    StoreChange change = {0};
    char old[88];
    StoreCommit commit = {
        .changes = &change, .count = 1, .history = 1, .origin = {.verb = "fleet"}};

    assert_int_equal(fleet_set_open(world->store, "prod", NULL, &set), 0);
    assert_int_equal(credential_name_parse(name, NULL, &change.name), 0);
    memset(old, letter, sizeof(old)); /* in base64 */
    change.sealed = (BytesView){(const uint8_t *)old, sizeof(old)};
    assert_int_equal(store_commit(set.store, &commit, NULL), 0);
    change.sealed = text_view(file);
    change.keep_old = true;
    assert_int_equal(store_commit(set.store, &commit, NULL), 0);
}

static inline void expect_served(const World *world, const char *expected)
{
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    CredentialName name;

    assert_int_equal(credential_name_parse("web@picky", NULL, &name), 0);
    assert_int_equal(fleet_read(world->store, "prod", &name, &set, NULL, &file), 0);
    /* the history may break its lines otherwise */
    assert_true(file.size >= strlen(expected));
    assert_memory_equal(file.data, expected, strlen(expected));
}
