/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/courier: what a courier offers to a whole broker, and what the broker accepts.
 * The carrier and the courier are hostile here.
 */

#include "control_calls.h"
#include "ssh_sign.h"

#include "credential/format.h"
#include "fleet/fleet_host.h"
#include "fleet/fleet_set.h"
#include "fleet/report.h"
#include "store/history.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define HOUR      (UINT64_C(3600) * 1000 * 1000)
#define FILES_MAX 8U

/* A fleet of one host, this one, and a signer. */
typedef struct Fleet {
    BrokerFixture *broker;
    FleetHost host;
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    Bytes key;
    Bytes report_key; /* the host's, public */
} Fleet;

/* A set to be offered; tests change it before it is sent. */
typedef struct Set {
    Statement statement;
    Manifest manifest;
    ManifestCredential credentials[FILES_MAX];
    Bytes files[FILES_MAX];
} Set;

static void set_done(Set *set)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        bytes_done(&set->files[i]);
}

static Fleet *fleet_new(void)
{
    Fleet *fleet = calloc(1, sizeof(*fleet));
    uint8_t public[crypto_sign_PUBLICKEYBYTES];
    _cleanup_(bytes_done) Bytes identity = test_read_file(VECTORS "/target-srk.tpm2b_public"),
                                text = {0};
    _cleanup_(writer_done) Writer signers = {0};
    const TestFolder *folder;

    assert_non_null(fleet);
    fleet->broker = broker_new();
    folder = &fleet->broker->folder;
    fleet->broker->context.trusted_uid = geteuid();
    assert_int_equal(mkdir(test_path(folder, "fleet"), 0755), 0);
    test_write_file(test_path(folder, "identity.json"), bytes_view(&identity), 0644);
    assert_int_equal(fleet_host_read(fleet->broker->config.store_path, NULL, &fleet->host), 0);
    write_policy(fleet->broker, "web",
                 "{\"credentials\":{\"a\":{\"fleet\":\"prod\"},\"b\":{\"fleet\":\"prod\"}}}");
    assert_int_equal(mkdir(test_path(folder, "etc/nspawn-creds/fleet"), 0755), 0);
    test_write_file(test_path(folder, "etc/nspawn-creds/fleet/prod.json"),
                    test_view("{\"host\":\"web1\"}"), 0644);
    crypto_sign_keypair(public, fleet->secret);
    assert_int_equal(ssh_wire_key(public, &fleet->key), 0);
    assert_int_equal(base64_encode(bytes_view(&fleet->key), 0, &text), 0);
    writer_text(&signers, "alice ssh-ed25519 ");
    writer_bytes(&signers, bytes_view(&text));
    writer_text(&signers, "\n");
    test_write_file(test_path(folder, "etc/nspawn-creds/fleet/prod.signers"),
                    bytes_view(&signers.bytes), 0644);
    assert_int_equal(report_key_ensure(&fleet->broker->context, fleet->broker->config.store_path,
                                       NULL, &fleet->report_key),
                     0);
    broker_start(fleet->broker);
    return fleet;
}

static void fleet_free(Fleet *fleet)
{
    broker_free(fleet->broker);
    bytes_done(&fleet->key);
    bytes_done(&fleet->report_key);
    free(fleet);
}
DEFINE_CLEANUP(Fleet *, fleet_free);

/* Seals the credential I of SET, whose id is ID, anew with KEY. Its SIZE makes its value. */
static void put_file(const Fleet *fleet, Set *set, size_t i, const char *id, size_t size,
                     unsigned key)
{
    ManifestCredential *credential = &set->credentials[i];
    _cleanup_(bytes_done) Bytes raw = {0};

    broker_seal_with(fleet->broker, &(SealedFile){"web", id, KIND_TPM, size, NULL, 0}, key);
    raw = test_read_file(broker_file(fleet->broker, "web", id));
    bytes_done(&set->files[i]);
    assert_int_equal(credential_encode(bytes_view(&raw), &set->files[i]), 0);
    assert_int_equal(unlink(broker_file(fleet->broker, "web", id)), 0);
    assert_int_equal(credential_name_new("web", id, NULL, &credential->name), 0);
    digest_format(bytes_view(&set->files[i]), credential->sha256);
    credential->size = set->files[i].size;
}

/* The set SEQUENCE, with the credentials ID of web, each sealed anew with KEY. */
static Set set_of(Fleet *fleet, uint64_t sequence, const char *const *ids, size_t count,
                  unsigned key)
{
    Set set = {
        .statement = {.fleet = "prod",
                      .sequence = sequence,
                      .issued = TEST_NOW - HOUR,
                      .not_after = TEST_NOW + HOUR,
                      .hosts = 1},
        .manifest = {.host = fleet->host, .count = count},
    };

    for (size_t i = 0; i < count; i++)
        put_file(fleet, &set, i, ids[i], 31, key);
    return set;
}

/* The bundle of SET, signed with SECRET. */
static Bytes bundle_of(const Fleet *fleet, Set *set, const uint8_t *secret)
{
    _cleanup_(bundle_done) Bundle bundle = {.signature_count = 1};
    char text[STATEMENT_TEXT_BYTES];
    Bytes file = {0};

    set->manifest.credentials = set->credentials;
    assert_int_equal(manifest_format(&set->manifest, &bundle.manifest), 0);
    set->statement.root = merkle_leaf(bytes_view(&bundle.manifest));
    statement_format(&set->statement, text);
    assert_int_equal(bytes_dup(text_view(text), &bundle.statement), 0);
    assert_int_equal(ssh_sign(bytes_view(&bundle.statement), secret, bytes_view(&fleet->key),
                              &bundle.signatures[0]),
                     0);
    assert_int_equal(bundle_format(&bundle, &file), 0);
    return file;
}

/* --- the courier --- */

static Client *courier_of(const Fleet *fleet)
{
    Client *client;

    assert_int_equal(
        client_new_courier(test_path(&fleet->broker->folder, "courier"), NULL, &client), 0);
    return client;
}

static int call_courier(Client *client, const char *method, const char *name, BytesView text,
                        const char *digest, struct json_object **ret)
{
    struct json_object *parameters = json_object_new_object(), *reply = NULL;
    Reason reason = {0};
    int r;

    json_add_text(parameters, "fleet", "prod");
    if (name)
        json_add_view(parameters, name, text);
    if (digest)
        json_add_text(parameters, "sha256", digest);
    r = client_call(client, method, parameters, NULL, &reason, &reply);
    if (ret)
        *ret = reply;
    else
        json_object_put(reply);
    return r;
}

/* Commits, and checks the report. The outcome. */
static int commit(const Fleet *fleet, Client *client)
{
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    int r = call_courier(client, "Commit", NULL, (BytesView){0}, NULL, &reply);
    Reason reason = {0};
    Report report;

    if (r != 0)
        return r;
    r = report_verify(text_view(json_text(member(reply, "report"))), bytes_view(&fleet->report_key),
                      &reason, &report);
    if (r != 0)
        fail_msg("%s", reason.text);
    assert_string_equal(report.fleet, "prod");
    assert_string_equal(report.host, "web1");
    assert_true(report.time == TEST_NOW);
    expect_text(reply, "outcome", outcome_name(report.outcome));
    assert_true((report.outcome == 0 || report.outcome == OUTCOME_CHANGED) ==
                (report.credential[0] == '\0'));
    return report.outcome;
}

/* Whether the host has signed the report in REPLY, about the statement of the fleet prod. */
static Report report_in(const Fleet *fleet, struct json_object *reply)
{
    Reason reason = {0};
    Report report = {0};
    int r = report_verify(text_view(json_text(member(reply, "report"))),
                          bytes_view(&fleet->report_key), &reason, &report);

    if (r != 0)
        fail_msg("%s", reason.text);
    assert_string_equal(report.fleet, "prod");
    assert_string_equal(report.host, "web1");
    expect_text(reply, "outcome", outcome_name(report.outcome));
    return report;
}

/* Offers BUNDLE. The number of missing files, or minus the outcome. */
static int offer(const Fleet *fleet, Client *client, BytesView bundle)
{
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    int r = call_courier(client, "Offer", "bundle", bundle, NULL, &reply);

    if (r != 0)
        return -r;
    if (json_object_object_get(reply, "report"))
        return -report_in(fleet, reply).outcome;
    expect_text(reply, "outcome", "ok");
    return (int)json_object_array_length(member(reply, "missing"));
}

static int bring(Client *client, const Set *set, size_t i)
{
    return call_courier(client, "Blob", "data", bytes_view(&set->files[i]),
                        set->credentials[i].sha256, NULL);
}

/* All of it, with a courier and a carrier that do what they should. */
static int carry(const Fleet *fleet, Set *set)
{
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, set, fleet->secret);
    int r = offer(fleet, client, bytes_view(&bundle));

    if (r < 0)
        return -r;
    for (size_t i = 0; i < set->manifest.count; i++)
        if (call_courier(client, "Blob", "data", bytes_view(&set->files[i]),
                         set->credentials[i].sha256, NULL) != 0)
            assert_true(r < (int)set->manifest.count); /* it was there already */
    return commit(fleet, client);
}

/* The accepted sequence; 0 for none. All that it has must be there. */
static uint64_t accepted(const Fleet *fleet)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};

    if (fleet_set_open(fleet->broker->config.store_path, "prod", NULL, &set) != 0)
        return 0;
    for (size_t i = 0; i < set.manifest.count; i++) {
        _cleanup_(bytes_done) Bytes file = {0};

        assert_int_equal(fleet_set_read(&set, &set.manifest.credentials[i].name, NULL, &file), 0);
    }
    return set.statement.sequence;
}

static const char *const both[] = {"a", "b"};

/* --- tests --- */

static void test_a_set_is_accepted_and_delivered(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 2, 1),
                            second = set_of(fleet, 8, both + 1, 1, 2);

    (void)state;
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    assert_int_equal(carry(fleet, &first), 0);
    assert_int_equal(accepted(fleet), 7);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(fleet->broker, "web", "b", 31), ANSWER_RIGHT);
    assert_int_equal(broker_records(fleet->broker, "stored"), 2);
    assert_int_equal(broker_records(fleet->broker, "accepted"), 1);
    /* what the next one does not have is gone */
    assert_int_equal(carry(fleet, &second), 0);
    assert_int_equal(accepted(fleet), 8);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    assert_int_equal(client_ask(fleet->broker, "web", "b", 31), ANSWER_RIGHT);
    assert_int_equal(broker_records(fleet->broker, "removed"), 1);
}

/* Since which sequences the values of a and b are what they are, "a7 b8": of SETS, one after the
 * other. Values that are not in the list are left out. */
static const char *changes_of(const Fleet *fleet, Set *const *sets, size_t count)
{
    static char text[64];
    _cleanup_(fleet_set_done) FleetSet set = {0};
    _cleanup_(value_changes_done) ValueChanges changes = {0};

    text[0] = '\0';
    assert_int_equal(fleet_set_open(fleet->broker->config.store_path, "prod", NULL, &set), 0);
    assert_int_equal(fleet_set_changes(&set, NULL, &changes), 0);
    for (size_t i = 0; i < changes.count; i++)
        for (size_t k = 0; k < count; k++) {
            char statement[STATEMENT_TEXT_BYTES], digest[DIGEST_TEXT_BYTES];

            statement_format(&sets[k]->statement, statement);
            digest_format(text_view(statement), digest);
            if (strcmp(digest, changes.changes[i].sha256) == 0)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.16s%u",
                         text[0] ? " " : "", changes.changes[i].name.id,
                         (unsigned)sets[k]->statement.sequence);
        }
    return text;
}

/* The value counts, and not the file. */
static void test_what_has_changed_is_listed(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 2, 1),
                            sealed_again = set_of(fleet, 8, both, 2, 2),
                            other = set_of(fleet, 9, both, 2, 3),
                            last = set_of(fleet, 10, both, 1, 4);
    Set *sets[] = {&first, &sealed_again, &other, &last};
    const char *notice = test_path(&fleet->broker->folder, "fleet/" VALUE_CHANGES_NOTICE);
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof(path), "%s", notice);
    put_file(fleet, &other, 1, "b", 32, 3);
    assert_int_equal(carry(fleet, &first), 0);
    assert_string_equal(changes_of(fleet, sets, 4), "a7 b7");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(carry(fleet, &sealed_again), 0);
    assert_string_equal(changes_of(fleet, sets, 4), "a7 b7");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(carry(fleet, &other), 0);
    assert_string_equal(changes_of(fleet, sets, 4), "a7 b9");
    assert_int_equal(carry(fleet, &last), 0);
    assert_string_equal(changes_of(fleet, sets, 4), "a7");
}

static void restore(const Fleet *fleet, const char *id)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    CredentialName name;
    size_t count;

    assert_int_equal(credential_name_new("web", id, NULL, &name), 0);
    assert_int_equal(fleet_set_open(fleet->broker->config.store_path, "prod", NULL, &set), 0);
    assert_int_equal(fleet_set_restore(&set, &name, 1, NULL, &count), 0);
    assert_int_equal(count, strcmp(id, "a") == 0); /* the policy wants it of a alone */
}

/* The previous value is served again until the fleet brings another file. */
static void test_previous(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    Set sets[] = {set_of(fleet, 7, both, 2, 1), set_of(fleet, 8, both, 2, 2),
                  set_of(fleet, 10, both, 2, 3), set_of(fleet, 11, both, 2, 4),
                  set_of(fleet, 12, both + 1, 1, 5)};
    Set *of[] = {&sets[0], &sets[1], &sets[2], &sets[3]};

    (void)state;
    write_policy(fleet->broker, "web",
                 "{\"credentials\":{\"a\":{\"fleet\":\"prod\",\"onFailure\":\"previous\"},"
                 "\"b\":{\"fleet\":\"prod\"}}}");
    put_file(fleet, &sets[1], 0, "a", 32, 2);
    put_file(fleet, &sets[1], 1, "b", 32, 2);
    put_file(fleet, &sets[2], 0, "a", 32, 3);
    put_file(fleet, &sets[2], 1, "b", 32, 3);
    put_file(fleet, &sets[3], 0, "a", 33, 4);
    put_file(fleet, &sets[3], 1, "b", 32, 4);
    assert_int_equal(carry(fleet, &sets[0]), 0);
    assert_int_equal(carry(fleet, &sets[1]), 0);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 32), ANSWER_RIGHT);
    restore(fleet, "b");
    restore(fleet, "a");
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(client_ask(fleet->broker, "web", "b", 32), ANSWER_RIGHT);
    assert_int_equal(accepted(fleet), 8);
    /* a renewed statement */
    sets[1].statement.sequence = 9;
    assert_int_equal(carry(fleet, &sets[1]), 0);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
    /* the value that failed, sealed again, is another one than what is served; so it is tried */
    assert_int_equal(carry(fleet, &sets[2]), 0);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 32), ANSWER_RIGHT);
    assert_string_equal(changes_of(fleet, of, 4), "a10");
    /* and gives way to the one that has worked */
    restore(fleet, "a");
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
    assert_int_equal(carry(fleet, &sets[3]), 0);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 33), ANSWER_RIGHT);
    restore(fleet, "a");
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
    /* what the fleet has removed does not come back */
    assert_int_equal(carry(fleet, &sets[4]), 0);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    for (size_t i = 0; i < COUNT(sets); i++)
        set_done(&sets[i]);
}

/* What nspawn-creds-apply has done, in the signed report: of this set, and of no other. */
static void test_what_became_of_it(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1), next = set_of(fleet, 8, both, 2, 2);
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    FleetApplied applied = {
        .outcome = OUTCOME_NOT_APPLIED, .time = TEST_NOW + HOUR, .credential = "web@a"};

    (void)state;
    for (unsigned step = 0; step < 4; step++) {
        _cleanup_(json_object_putp) struct json_object *reply = NULL;
        _cleanup_(fleet_set_done) FleetSet accepted_set = {0};
        Report report;

        if (step == 1)
            assert_int_equal(carry(fleet, &set), 0);
        if (step == 3)
            assert_int_equal(carry(fleet, &next), 0);
        if (step == 2) {
            assert_int_equal(
                fleet_set_open(fleet->broker->config.store_path, "prod", NULL, &accepted_set), 0);
            strcpy(applied.statement, accepted_set.digest);
            assert_int_equal(fleet_set_write_applied(&accepted_set, &applied, NULL), 0);
        }
        assert_int_equal(call_courier(client, "Report", NULL, (BytesView){0}, NULL, &reply), 0);
        if (step != 2) {
            assert_int_equal(json_object_object_length(reply), 0);
            continue;
        }
        assert_int_equal(report_verify(text_view(json_text(member(reply, "report"))),
                                       bytes_view(&fleet->report_key), NULL, &report),
                         0);
        assert_true(report.applied);
        assert_string_equal(report.host, "web1");
        assert_string_equal(report.statement, applied.statement);
        assert_int_equal(report.outcome, OUTCOME_NOT_APPLIED);
        assert_string_equal(report.credential, "web@a");
        assert_true(report.time == applied.time);
    }
}

/* Two couriers that offer at the same time: the older set does not follow the newer one. */
static void test_two_at_once(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 2, 1),
                            next = set_of(fleet, 8, both, 2, 2);
    _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, &first, fleet->secret);
    _cleanup_(client_freep) Client *client = courier_of(fleet);

    (void)state;
    assert_int_equal(offer(fleet, client, bytes_view(&bundle)), 2);
    assert_int_equal(bring(client, &first, 0), 0);
    assert_int_equal(bring(client, &first, 1), 0);
    assert_int_equal(carry(fleet, &next), 0);
    assert_int_equal(commit(fleet, client), OUTCOME_CHANGED);
    assert_int_equal(accepted(fleet), 8);
    /* it is judged again, and not refused as before */
    assert_int_equal(offer(fleet, client, bytes_view(&bundle)), -OUTCOME_OLD_SEQUENCE);
}

/* Neither files nor the TPM are needed for what is there. */
static void test_the_same_again_costs_nothing(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);
    _cleanup_(bytes_done) Bytes bundle = {0};
    _cleanup_(client_freep) Client *client = NULL;
    unsigned begun;

    (void)state;
    assert_int_equal(carry(fleet, &set), 0);
    begun = fleet->broker->shared->tpm_begun;
    assert_int_equal(begun, 1); /* they share a key */
    bundle = bundle_of(fleet, &set, fleet->secret);
    client = courier_of(fleet);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(offer(fleet, client, bytes_view(&bundle)), 0);
        assert_int_equal(commit(fleet, client), 0);
    }
    /* a renewed statement */
    set.statement.sequence = 8;
    assert_int_equal(carry(fleet, &set), 0);
    assert_int_equal(accepted(fleet), 8);
    assert_int_equal(fleet->broker->shared->tpm_begun, begun);
    assert_int_equal(broker_records(fleet->broker, "accepted"), 2);
    assert_int_equal(broker_records(fleet->broker, "stored"), 2);
}

static void sign_otherwise(Fleet *fleet, Set *set)
{
    (void)set;
    fleet->secret[0] ^= 1;
}

static void take_another_fleet(Fleet *fleet, Set *set)
{
    (void)fleet;
    strcpy(set->statement.fleet, "dev");
}

static void take_another_host(Fleet *fleet, Set *set)
{
    (void)fleet;
    set->manifest.host.keys[FLEET_SRK][10] ^= 1;
}

static void take_an_old_sequence(Fleet *fleet, Set *set)
{
    (void)fleet;
    set->statement.sequence = 6;
}

static void take_the_same_sequence(Fleet *fleet, Set *set)
{
    (void)fleet;
    set->statement.sequence = 7;
}

static void expire(Fleet *fleet, Set *set)
{
    (void)fleet;
    set->statement.not_after = TEST_NOW;
}

static void take_the_future(Fleet *fleet, Set *set)
{
    (void)fleet;
    set->statement.issued = TEST_NOW + HOUR / 2;
}

/* The file of b as a. */
static void swap_names(Fleet *fleet, Set *set)
{
    Bytes file = set->files[0];

    (void)fleet;
    set->files[0] = set->files[1];
    set->files[1] = file;
    for (size_t i = 0; i < 2; i++) {
        digest_format(bytes_view(&set->files[i]), set->credentials[i].sha256);
        set->credentials[i].size = set->files[i].size;
    }
}

static void refuse_in_the_tpm(Fleet *fleet, Set *set)
{
    (void)set;
    fleet->broker->shared->tpm_rc = OUTCOME_TPM_PCR_MISMATCH;
}

static void test_nothing_else_is_accepted(void **state)
{
    static const struct {
        void (*change)(Fleet *fleet, Set *set);
        int outcome;
    } rows[] = {
        {sign_otherwise, OUTCOME_NOT_SIGNED},
        {take_another_fleet, OUTCOME_NOT_SIGNED},
        {take_another_host, OUTCOME_NOT_SIGNED},
        {take_an_old_sequence, OUTCOME_OLD_SEQUENCE},
        {take_the_same_sequence, OUTCOME_EQUIVOCATION},
        {expire, OUTCOME_STATEMENT_EXPIRED},
        {take_the_future, OUTCOME_CLOCK},
        {swap_names, OUTCOME_NAME_MISMATCH},
        {refuse_in_the_tpm, OUTCOME_TPM_PCR_MISMATCH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set good = set_of(fleet, 7, both, 2, 1),
                                bad = set_of(fleet, 8, both, 2, 2);

        assert_int_equal(carry(fleet, &good), 0);
        rows[i].change(fleet, &bad);
        assert_int_equal(carry(fleet, &bad), rows[i].outcome);
        assert_int_equal(carry(fleet, &bad), rows[i].outcome);
        fleet->broker->shared->tpm_rc = 0;
        assert_int_equal(accepted(fleet), 7);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
        /* said once */
        assert_int_equal(broker_records(fleet->broker, "rejected"), 1);
        assert_int_equal(broker_records(fleet->broker, "stored"), 2);
    }
}

static void test_files_must_be_those_that_were_signed(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);
    _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, &set, fleet->secret);
    _cleanup_(client_freep) Client *client = courier_of(fleet), *other = courier_of(fleet);
    BytesView file = bytes_view(&set.files[0]);

    (void)state;
    /* nothing is offered yet */
    assert_int_equal(bring(client, &set, 0), OUTCOME_USAGE);
    assert_int_equal(call_courier(client, "Commit", NULL, (BytesView){0}, NULL, NULL),
                     OUTCOME_USAGE);
    assert_int_equal(offer(fleet, client, bytes_view(&bundle)), 2);
    /* of another connection's offer nothing is known */
    assert_int_equal(bring(other, &set, 0), OUTCOME_USAGE);
    /* a part, another one, and one that nobody has asked for */
    assert_int_equal(call_courier(client, "Blob", "data", (BytesView){file.data, file.size - 1},
                                  set.credentials[0].sha256, NULL),
                     OUTCOME_NOT_SIGNED);
    assert_int_equal(call_courier(client, "Blob", "data", bytes_view(&set.files[1]),
                                  set.credentials[0].sha256, NULL),
                     OUTCOME_NOT_SIGNED);
    assert_int_equal(call_courier(client, "Blob", "data", file, "00", NULL), OUTCOME_USAGE);
    assert_int_equal(bring(client, &set, 0), 0);
    assert_int_equal(bring(client, &set, 0), OUTCOME_USAGE);
    /* one is missing */
    assert_int_equal(call_courier(client, "Commit", NULL, (BytesView){0}, NULL, NULL),
                     OUTCOME_USAGE);
    assert_int_equal(accepted(fleet), 0);
    assert_int_equal(bring(client, &set, 1), 0);
    assert_int_equal(call_courier(client, "Commit", NULL, (BytesView){0}, NULL, NULL), 0);
    assert_int_equal(accepted(fleet), 7);
}

/* A bundle that differs in what nobody signed does not get around the pause. */
static void test_other_bytes_with_the_same_statement(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    unsigned begun;

    (void)state;
    fleet->broker->shared->tpm_rc = OUTCOME_TPM_PCR_MISMATCH;
    assert_int_equal(carry(fleet, &set), OUTCOME_TPM_PCR_MISMATCH);
    begun = fleet->broker->shared->tpm_begun;
    for (size_t spaces = 1; spaces < 5; spaces++) {
        _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, &set, fleet->secret);
        _cleanup_(writer_done) Writer text = {0};

        for (size_t i = 0; i < spaces; i++)
            writer_text(&text, " ");
        writer_bytes(&text, bytes_view(&bundle));
        assert_int_equal(offer(fleet, client, bytes_view(&text.bytes)), -OUTCOME_TPM_PCR_MISMATCH);
    }
    assert_int_equal(fleet->broker->shared->tpm_begun, begun);
    assert_int_equal(broker_records(fleet->broker, "rejected"), 1);
}

/* What is refused before anything is opened is reported, too: whose statement, and why. */
static void test_refused_offers_are_reported(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    _cleanup_(bytes_done) Bytes bundle = {0};
    char text[STATEMENT_TEXT_BYTES], digest[DIGEST_TEXT_BYTES];
    char first[REPORT_BYTES_MAX] = "";

    (void)state;
    set.statement.not_after = TEST_NOW;
    bundle = bundle_of(fleet, &set, fleet->secret);
    statement_format(&set.statement, text);
    digest_format(test_view(text), digest);
    for (int i = 0; i < 2; i++) {
        _cleanup_(json_object_putp) struct json_object *reply = NULL;
        Report report;

        assert_int_equal(call_courier(client, "Offer", "bundle", bytes_view(&bundle), NULL, &reply),
                         0);
        report = report_in(fleet, reply);
        assert_int_equal(report.outcome, OUTCOME_STATEMENT_EXPIRED);
        assert_string_equal(report.statement, digest);
        expect_text(reply, "reason", report.reason);
        assert_true(report.reason[0] != '\0');
        /* until the pause is over it is the same report, although time goes on */
        if (i == 0)
            snprintf(first, sizeof(first), "%s", json_text(member(reply, "report")));
        assert_string_equal(json_text(member(reply, "report")), first);
    }
    /* nobody knows which statement that is */
    assert_int_equal(offer(fleet, client, test_view("{}")), -OUTCOME_BAD_BUNDLE);
    assert_int_equal(accepted(fleet), 0);
}

/* The next broker keeps the pause after what signers have signed and does not open. */
static void test_the_pause_outlives_the_broker(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1), next = set_of(fleet, 8, both, 2, 1);
    unsigned begun;

    (void)state;
    fleet->broker->shared->tpm_rc = OUTCOME_TPM_PCR_MISMATCH;
    assert_int_equal(carry(fleet, &set), OUTCOME_TPM_PCR_MISMATCH);
    begun = fleet->broker->shared->tpm_begun;
    assert_int_equal(broker_stop(fleet->broker), 0);
    broker_start(fleet->broker);
    fleet->broker->shared->tpm_rc = 0;
    assert_int_equal(carry(fleet, &set), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(carry(fleet, &set), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(fleet->broker->shared->tpm_begun, begun);
    assert_int_equal(broker_records(fleet->broker, "rejected"), 1);
    /* it is about that statement alone */
    assert_int_equal(carry(fleet, &next), 0);
    assert_int_equal(accepted(fleet), 8);
}

/* Several fleets may have an offer that does not open. */
static void test_several_refusals(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set one = set_of(fleet, 7, both, 2, 1),
                            other = set_of(fleet, 8, both, 2, 1);
    unsigned begun;

    (void)state;
    fleet->broker->shared->tpm_rc = OUTCOME_TPM_PCR_MISMATCH;
    assert_int_equal(carry(fleet, &one), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(carry(fleet, &other), OUTCOME_TPM_PCR_MISMATCH);
    begun = fleet->broker->shared->tpm_begun;
    assert_int_equal(carry(fleet, &one), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(carry(fleet, &other), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(fleet->broker->shared->tpm_begun, begun);
}

/* What couriers bring and do not commit takes no more memory than one set may have. The one that is
 * idle longest has to begin again. */
static void test_couriers_share_room(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 2, 1),
                            next = set_of(fleet, 8, both, 2, 2);
    _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, &first, fleet->secret),
                                other = bundle_of(fleet, &next, fleet->secret);
    _cleanup_(client_freep) Client *client = NULL, *later = NULL;

    (void)state;
    assert_int_equal(broker_stop(fleet->broker), 0);
    fleet->broker->config.staged_max =
        first.files[0].size + first.files[1].size + next.files[0].size;
    broker_start(fleet->broker);
    client = courier_of(fleet);
    later = courier_of(fleet);
    assert_int_equal(offer(fleet, client, bytes_view(&bundle)), 2);
    assert_int_equal(bring(client, &first, 0), 0);
    assert_int_equal(bring(client, &first, 1), 0);
    assert_int_equal(offer(fleet, later, bytes_view(&other)), 2);
    assert_int_equal(bring(later, &next, 0), 0);
    /* what is not wanted needs no room */
    assert_int_equal(bring(client, &next, 0), OUTCOME_USAGE);
    assert_int_equal(bring(later, &next, 1), 0);
    assert_int_equal(commit(fleet, client), OUTCOME_USAGE);
    assert_int_equal(commit(fleet, later), 0);
    assert_int_equal(accepted(fleet), 8);
}

/* Many connections: the one that was idle longest is closed. */
static void test_too_many_couriers(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    Client *clients[LIMIT_COURIERS + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(clients); i++) {
        clients[i] = courier_of(fleet);
        /* answered, so that it was accepted */
        assert_int_equal(call_courier(clients[i], "Commit", NULL, (BytesView){0}, NULL, NULL),
                         OUTCOME_USAGE);
    }
    assert_int_equal(call_courier(clients[0], "Commit", NULL, (BytesView){0}, NULL, NULL),
                     OUTCOME_BROKER_UNREACHABLE);
    assert_int_equal(call_courier(clients[1], "Commit", NULL, (BytesView){0}, NULL, NULL),
                     OUTCOME_USAGE);
    for (size_t i = 0; i < COUNT(clients); i++)
        client_free(clients[i]);
}

/* json-c would take 400 MB for such a call. */
static void test_a_call_with_many_values(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    struct json_object *parameters = json_object_new_object(), *array = json_object_new_array();

    (void)state;
    for (size_t i = 0; i < 100; i++)
        json_append(array, json_object_new_array());
    json_add(parameters, "bundle", array);
    assert_int_equal(client_call(client, "Offer", parameters, NULL, NULL, NULL),
                     OUTCOME_BROKER_UNREACHABLE);
}

/* A fleet that root has not configured, and methods of the control socket. */
static void test_only_what_root_has_configured(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    _cleanup_(client_freep) Client *control = NULL;
    struct json_object *parameters = json_object_new_object(), *reply;

    (void)state;
    json_add_text(parameters, "fleet", "../prod");
    json_add_text(parameters, "bundle", "{}");
    assert_int_equal(client_call(client, "Offer", parameters, NULL, NULL, &reply),
                     OUTCOME_NOT_FOUND);
    parameters = json_object_new_object();
    json_add_text(parameters, "fleet", "dev");
    json_add_text(parameters, "bundle", "{}");
    assert_int_equal(client_call(client, "Offer", parameters, NULL, NULL, &reply),
                     OUTCOME_NOT_FOUND);
    /* the other socket's methods */
    assert_int_equal(client_new(test_path(&fleet->broker->folder, "courier"), NULL, &control), 0);
    assert_int_equal(client_call(control, "Status", NULL, NULL, NULL, &reply), -EPROTO);
}

/* Whether the report about the accepted set says that a file is pending. */
static bool reports_pending(const Fleet *fleet, Set *set)
{
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, set, fleet->secret);
    _cleanup_(json_object_putp) struct json_object *reply = NULL;

    assert_int_equal(offer(fleet, client, bytes_view(&bundle)), 0);
    assert_int_equal(call_courier(client, "Commit", NULL, (BytesView){0}, NULL, &reply), 0);
    return report_in(fleet, reply).pending;
}

/* The set SEQUENCE with a, sealed with KEY for a later boot. Its SIZE makes its value. */
static Set pending_set(Fleet *fleet, uint64_t sequence, size_t size, unsigned key)
{
    Set set = set_of(fleet, sequence, both, 1, key);

    put_file(fleet, &set, 0, "a", size, key);
    set.credentials[0].pending = true;
    return set;
}

/* Another broker, without any key in its cache. The TPM opens KEY alone, and fails with RC for all
 * others. */
static void boot(const Fleet *fleet, int rc, unsigned key)
{
    assert_int_equal(broker_stop(fleet->broker), 0);
    fleet->broker->shared->tpm_open_key = key;
    fleet->broker->shared->tpm_rc = rc;
    broker_start(fleet->broker);
}

/* Brings SET, after which the value with SIZE is delivered, which came with sequence SINCE. */
static void carry_pending(Fleet *fleet, Set *set, size_t size, const char *since, Set *const *sets,
                          size_t count)
{
    assert_int_equal(carry(fleet, set), 0);
    assert_int_equal(accepted(fleet), set->statement.sequence);
    assert_int_equal(client_ask(fleet->broker, "web", "a", size), ANSWER_RIGHT);
    assert_string_equal(changes_of(fleet, sets, count), since);
}

/* The next boot's file is beside the one that opens now, and is tried first. */
static void test_pending_beside_another(void **state)
{
    static const int outcomes[] = {OUTCOME_TPM_PCR_MISMATCH, OUTCOME_TPM_NO_SIGNATURE};

    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                                next = pending_set(fleet, 8, 32, 2),
                                other = pending_set(fleet, 10, 33, 3),
                                opened = pending_set(fleet, 12, 33, 4);
        Set *sets[] = {&first, &next, &other, &opened};

        boot(fleet, outcomes[i], 1);
        carry_pending(fleet, &first, 31, "a7", sets, COUNT(sets));
        assert_false(reports_pending(fleet, &first));
        carry_pending(fleet, &next, 31, "a7", sets, COUNT(sets));
        assert_true(reports_pending(fleet, &next));
        boot(fleet, outcomes[i], 2);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 32), ANSWER_RIGHT);
        boot(fleet, outcomes[i], 1);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
        /* the next set has the same file, which is tried again */
        next.statement.sequence = 9;
        carry_pending(fleet, &next, 31, "a7", sets, 1);
        /* or another one: what opens now stays */
        carry_pending(fleet, &other, 31, "a7", sets, COUNT(sets));
        boot(fleet, outcomes[i], 3);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 33), ANSWER_RIGHT);
        /* it has opened: with the next set the one before goes */
        other.statement.sequence = 11;
        assert_int_equal(carry(fleet, &other), 0);
        assert_false(reports_pending(fleet, &other));
        boot(fleet, outcomes[i], 1);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
        /* sealed for what is now: the same value as the one that was pending */
        boot(fleet, outcomes[i], 3);
        fleet->broker->shared->tpm_rc = 0;
        carry_pending(fleet, &opened, 33, "a7", sets, COUNT(sets));
        assert_false(reports_pending(fleet, &opened));
    }
}

/* A value is compared with what is served while the file is pending. */
static void test_pending_value(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                            next = pending_set(fleet, 8, 32, 2),
                            same = pending_set(fleet, 9, 31, 3),
                            different = pending_set(fleet, 10, 33, 4);
    Set *sets[] = {&first, &next, &same, &different};

    (void)state;
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    carry_pending(fleet, &first, 31, "a7", sets, COUNT(sets));
    carry_pending(fleet, &next, 31, "a7", sets, COUNT(sets));
    fleet->broker->shared->tpm_rc_key = 2;
    carry_pending(fleet, &same, 31, "a7", sets, COUNT(sets));
    carry_pending(fleet, &different, 33, "a10", sets, COUNT(sets));
}

/* Nothing but the state of the next boot is a reason for that. */
static void test_pending_and_another_failure(void **state)
{
    static const int failures[] = {OUTCOME_TPM_FAILED, OUTCOME_TPM_UNREACHABLE, OUTCOME_TPM_FOREIGN,
                                   OUTCOME_TPM_LOCKOUT};
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                            next = pending_set(fleet, 8, 32, 2),
                            last = pending_set(fleet, 9, 33, 3),
                            plain = pending_set(fleet, 20, 33, 3);

    (void)state;
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    assert_int_equal(carry(fleet, &first), 0);
    assert_int_equal(carry(fleet, &next), 0);
    for (size_t i = 0; i < COUNT(failures); i++) {
        boot(fleet, failures[i], 1);
        last.statement.sequence++;
        assert_int_equal(carry(fleet, &last), failures[i]);
        assert_int_equal(accepted(fleet), 8);
        /* nor is the one before delivered then */
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    }
    /* and the signers must have said so */
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    plain.credentials[0].pending = false;
    assert_int_equal(carry(fleet, &plain), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(accepted(fleet), 8);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
}

/* Only the file that was served before is delivered meanwhile, and only while it is the same set.
 */
static void test_pending_and_a_foreign_file(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                            next = pending_set(fleet, 8, 32, 2),
                            foreign = set_of(fleet, 9, both, 1, 1);
    const char *file = test_path(&fleet->broker->folder, "fleet/prod/web/a.old");
    _cleanup_(store_history_done) StoreHistory history = {.count = 2};
    _cleanup_(bytes_done) Bytes text = {0};
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof(path), "%s", file);
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    assert_int_equal(carry(fleet, &first), 0);
    assert_int_equal(carry(fleet, &next), 0);
    history.values[0].uid = history.values[1].uid = 0;
    assert_int_equal(bytes_dup(bytes_view(&foreign.files[0]), &history.values[1].sealed), 0);
    assert_int_equal(store_history_format(&history, &text), 0);
    test_write_file(path, bytes_view(&text), 0640);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
}

/* Without anything that opens now there is nothing to keep. */
static void test_pending(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1), next = set_of(fleet, 8, both, 2, 2);

    (void)state;
    set.credentials[0].pending = set.credentials[1].pending = true;
    next.credentials[0].pending = next.credentials[1].pending = true;
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 3);
    assert_int_equal(carry(fleet, &set), 0);
    assert_int_equal(accepted(fleet), 7);
    assert_true(reports_pending(fleet, &set));
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    assert_int_equal(carry(fleet, &next), 0);
    assert_int_equal(accepted(fleet), 8);
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 2);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
}

/* Killed before or after an entry of the commit, the broker goes on with a whole set. */
static void test_killed_while_it_commits(void **state)
{
    (void)state;
    for (int poison = -2; poison <= 2; poison++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);

        fleet->broker->shared->audit_poison = poison;
        (void)carry(fleet, &set);
        fleet->broker->shared->audit_poison = 0;
        assert_true(accepted(fleet) == 7 || accepted(fleet) == 0);
        assert_int_equal(carry(fleet, &set), 0);
        assert_int_equal(accepted(fleet), 7);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_set_is_accepted_and_delivered),
        cmocka_unit_test(test_what_has_changed_is_listed),
        cmocka_unit_test(test_previous),
        cmocka_unit_test(test_what_became_of_it),
        cmocka_unit_test(test_two_at_once),
        cmocka_unit_test(test_the_same_again_costs_nothing),
        cmocka_unit_test(test_nothing_else_is_accepted),
        cmocka_unit_test(test_files_must_be_those_that_were_signed),
        cmocka_unit_test(test_other_bytes_with_the_same_statement),
        cmocka_unit_test(test_refused_offers_are_reported),
        cmocka_unit_test(test_the_pause_outlives_the_broker),
        cmocka_unit_test(test_several_refusals),
        cmocka_unit_test(test_couriers_share_room),
        cmocka_unit_test(test_too_many_couriers),
        cmocka_unit_test(test_a_call_with_many_values),
        cmocka_unit_test(test_only_what_root_has_configured),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_pending_beside_another),
        cmocka_unit_test(test_pending_value),
        cmocka_unit_test(test_pending_and_another_failure),
        cmocka_unit_test(test_pending_and_a_foreign_file),
        cmocka_unit_test(test_killed_while_it_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
