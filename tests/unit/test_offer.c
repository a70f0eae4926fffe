/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/courier: what a courier offers to a whole broker, and what the broker accepts.
 * The carrier and the courier are hostile here.
 */

#include "offer_fixture.h"

#include <errno.h>
#include <string.h>

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
        cmocka_unit_test(test_couriers_share_room),
        cmocka_unit_test(test_too_many_couriers),
        cmocka_unit_test(test_a_call_with_many_values),
        cmocka_unit_test(test_only_what_root_has_configured),
        cmocka_unit_test(test_killed_while_it_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
