/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "offer_fixture.h"

#include "credential/format.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

void set_done(Set *set)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        bytes_done(&set->files[i]);
}

Fleet *fleet_new(void)
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

void fleet_free(Fleet *fleet)
{
    broker_free(fleet->broker);
    bytes_done(&fleet->key);
    bytes_done(&fleet->report_key);
    free(fleet);
}

void put_file(const Fleet *fleet, Set *set, size_t i, const char *id, size_t size, unsigned key)
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

Set set_of(Fleet *fleet, uint64_t sequence, const char *const *ids, size_t count, unsigned key)
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

Bytes bundle_of(const Fleet *fleet, Set *set, const uint8_t *secret)
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

Client *courier_of(const Fleet *fleet)
{
    Client *client;

    assert_int_equal(
        client_new_courier(test_path(&fleet->broker->folder, "courier"), NULL, &client), 0);
    return client;
}

int call_courier(Client *client, const char *method, const char *name, BytesView text,
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

int commit(const Fleet *fleet, Client *client)
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

Report report_in(const Fleet *fleet, struct json_object *reply)
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

int offer(const Fleet *fleet, Client *client, BytesView bundle)
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

int bring(Client *client, const Set *set, size_t i)
{
    return call_courier(client, "Blob", "data", bytes_view(&set->files[i]),
                        set->credentials[i].sha256, NULL);
}

int carry(const Fleet *fleet, Set *set)
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

uint64_t accepted(const Fleet *fleet)
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

const char *const both[2] = {"a", "b"};

const char *changes_of(const Fleet *fleet, Set *const *sets, size_t count)
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
