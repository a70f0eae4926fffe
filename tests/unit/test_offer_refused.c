/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/courier: sets that the broker refuses, and how it reports and remembers that.
 */

#include "offer_fixture.h"

#include "base/fsutil.h"

#include <string.h>
#include <unistd.h>

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
    char first[LIMIT_REPORT_BYTES] = "";

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

/* What the host cannot do at the moment is no refusal, for no broker. */
static void test_passing_failures(void **state)
{
    static const int outcomes[] = {OUTCOME_TPM_BUSY, OUTCOME_TPM_RESET};

    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);

        fleet->broker->shared->tpm_rc = outcomes[i];
        for (int again = 0; again < 2; again++)
            assert_int_not_equal(carry(fleet, &set), 0);
        assert_int_equal(broker_records(fleet->broker, "rejected"), 0);
        if (i == 0) {
            assert_int_equal(broker_stop(fleet->broker), 0);
            broker_start(fleet->broker);
        }
        fleet->broker->shared->tpm_rc = 0;
        assert_int_equal(carry(fleet, &set), 0);
        assert_int_equal(accepted(fleet), 7);
    }
}

/* Root's repair counts at once: a courier that was restarted must not get the old answer. */
static void test_repaired_files(void **state)
{
    static const struct {
        const char *file;
        int outcome;
    } rows[] = {
        {"etc/nspawn-creds/fleet/prod.signers", OUTCOME_BAD_SIGNERS},
        {"etc/nspawn-creds/fleet/prod.json", OUTCOME_BAD_FLEET_CONFIG},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);
        _cleanup_(bytes_done) Bytes good = {0};
        const char *path = test_path(&fleet->broker->folder, rows[i].file);

        assert_int_equal(file_read(path, 4096, NULL, &good), 0);
        test_write_file(path, test_view("nothing"), 0644);
        for (int again = 0; again < 2; again++)
            assert_int_equal(carry(fleet, &set), rows[i].outcome);
        /* said once */
        assert_int_equal(broker_records(fleet->broker, "rejected"), 1);
        test_write_file(path, bytes_view(&good), 0644);
        assert_int_equal(carry(fleet, &set), 0);
        assert_int_equal(accepted(fleet), 7);
    }
}

/* The same of what is wrong around these files. */
static void test_repaired_folder(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);
    const char *folder = test_path(&fleet->broker->folder, "etc/nspawn-creds/fleet");

    (void)state;
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(carry(fleet, &set), OUTCOME_BAD_FLEET_CONFIG);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(carry(fleet, &set), 0);
    assert_int_equal(accepted(fleet), 7);
}

static void test_errors_of_the_system(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1);
    _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, &set, fleet->secret);
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    const char *folder = test_path(&fleet->broker->folder, "fleet/prod");

    (void)state;
    test_write_file(folder, test_view("not a directory"), 0640);
    assert_true(call_courier(client, "Offer", "bundle", bytes_view(&bundle), NULL, NULL) < 0);
    assert_int_equal(broker_records(fleet->broker, "rejected"), 0);
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(carry(fleet, &set), 0);
    assert_int_equal(accepted(fleet), 7);
}

/* --- changes that end the pause --- */

static void reset(const Fleet *fleet)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};

    assert_int_equal(fleet_set_open_damaged(fleet->broker->config.store_path, "prod", NULL, &set),
                     0);
    assert_int_equal(fleet_set_reset(&set, NULL), 0);
}

/* Judged again at once when the file that was to blame is as before. */
static void test_the_pause_ends_with_a_change(void **state)
{
    static const struct {
        const char *path, *text;
        int outcome;
    } rows[] = {
        {"etc/nspawn-creds/fleet/prod.json", "{\"host\":\"web1\",\"threshold\":2}",
         OUTCOME_NOT_SIGNED},
        {"etc/nspawn-creds/fleet/prod.signers",
         "bob ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n",
         OUTCOME_NOT_SIGNED},
        {"fleet/prod/.record." FLEET_SET_RECORD, "{}", OUTCOME_STORE_UNSAFE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set first = set_of(fleet, 7, both, 2, 1),
                                next = set_of(fleet, 8, both, 2, 2);
        _cleanup_(bytes_done) Bytes before = {0};
        const char *path;

        assert_int_equal(carry(fleet, &first), 0);
        path = test_path(&fleet->broker->folder, rows[i].path);
        before = test_read_file(path);
        test_write_file(path, test_view(rows[i].text), 0644);
        assert_int_equal(carry(fleet, &next), rows[i].outcome);
        path = test_path(&fleet->broker->folder, rows[i].path);
        test_write_file(path, bytes_view(&before), 0644);
        assert_int_equal(carry(fleet, &next), 0);
        assert_int_equal(accepted(fleet), 8);
    }
}

static void test_the_pause_ends_with_a_reset(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set good = set_of(fleet, 7, both, 2, 1), old = set_of(fleet, 6, both, 2, 2),
                            broken = set_of(fleet, 8, both, 2, 3);

    (void)state;
    assert_int_equal(carry(fleet, &good), 0);
    assert_int_equal(carry(fleet, &old), OUTCOME_OLD_SEQUENCE);
    reset(fleet);
    assert_int_equal(carry(fleet, &old), 0);
    assert_int_equal(accepted(fleet), 6);
    /* what was written for the next broker is forgotten, too */
    fleet->broker->shared->tpm_rc = OUTCOME_TPM_PCR_MISMATCH;
    assert_int_equal(carry(fleet, &broken), OUTCOME_TPM_PCR_MISMATCH);
    fleet->broker->shared->tpm_rc = 0;
    assert_int_equal(carry(fleet, &broken), OUTCOME_TPM_PCR_MISMATCH);
    reset(fleet);
    assert_int_equal(carry(fleet, &broken), 0);
    assert_int_equal(accepted(fleet), 8);
}

/* --- the accepted bundle is damaged --- */

static const char *record_path(const Fleet *fleet)
{
    static char path[PATH_MAX];

    fleet_set_path(fleet->broker->config.store_path, "prod", path);
    strcat(path, "/.record." FLEET_SET_RECORD);
    return path;
}

/* Nobody knows the last sequence then, so that root has to let the next set in, and it alone. */
static void test_damaged_bundles(void **state)
{
    static const char *const damages[] = {"", "{}", "\1\2\3"};

    (void)state;
    for (size_t i = 0; i < COUNT(damages); i++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set first = set_of(fleet, 7, both, 2, 1),
                                old = set_of(fleet, 6, both, 2, 2),
                                next = set_of(fleet, 8, both, 2, 3),
                                last = set_of(fleet, 9, both, 2, 4);

        assert_int_equal(carry(fleet, &first), 0);
        test_write_file(record_path(fleet), test_view(damages[i]), 0640);
        assert_int_equal(carry(fleet, &old), OUTCOME_STORE_UNSAFE);
        reset(fleet);
        assert_int_equal(carry(fleet, &next), 0);
        assert_int_equal(accepted(fleet), 8);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
        test_write_file(record_path(fleet), test_view(damages[i]), 0640);
        assert_int_equal(carry(fleet, &last), OUTCOME_STORE_UNSAFE);
        assert_int_equal(broker_records(fleet->broker, "rejected"), 1);
        assert_int_equal(accepted(fleet), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_else_is_accepted),
        cmocka_unit_test(test_files_must_be_those_that_were_signed),
        cmocka_unit_test(test_other_bytes_with_the_same_statement),
        cmocka_unit_test(test_refused_offers_are_reported),
        cmocka_unit_test(test_the_pause_outlives_the_broker),
        cmocka_unit_test(test_several_refusals),
        cmocka_unit_test(test_passing_failures),
        cmocka_unit_test(test_repaired_files),
        cmocka_unit_test(test_repaired_folder),
        cmocka_unit_test(test_errors_of_the_system),
        cmocka_unit_test(test_the_pause_ends_with_a_change),
        cmocka_unit_test(test_the_pause_ends_with_a_reset),
        cmocka_unit_test(test_damaged_bundles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
