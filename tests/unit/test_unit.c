/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/policy/unit.c and decision.c. */

#include "support.h"

#include "policy/decision.h"

#include <string.h>

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

static void test_machines(void **state)
{
    static const struct {
        const char *unit;
        const char *machine; /* NULL: refused */
        const char *rule;
    } rows[] = {
        {"systemd-nspawn@web.service", "web", "systemd's"},
        {"container@web.service", "web", "nixpkgs'"},
        {"systemd-nspawn@a.b-c_d.service", "a.b-c_d", "dots in the instance"},
        {"systemd-nspawn@x.service.service", "x.service", "the last suffix counts"},
        {"systemd-nspawn@" X60 "xxxx.service", X60 "xxxx", "the longest"},
        {"systemd-nspawn@" X60 "xxxxx.service", NULL, "too long"},
        {"systemd-nspawn@.service", NULL, "no instance"},
        {"systemd-nspawn@web.socket", NULL, "another type"},
        {"systemd-nspawn@web", NULL, "no type"},
        {"systemd-nspawn-x@web.service", NULL, "another template"},
        {"xsystemd-nspawn@web.service", NULL, "a longer template"},
        {"systemd-nspawn.service", NULL, "no template"},
        {"getty@web.service", NULL, "a foreign template"},
        {"systemd-nspawn@a@b.service", NULL, "a second @"},
        {"systemd-nspawn@web\\x2d1.service", NULL, "an escaped instance is not unescaped"},
        {"systemd-nspawn@.hidden.service", NULL, "not a machine name"},
        {"systemd-nspawn@", NULL, "shorter than its suffix"},
        {"", NULL, "nothing"},
    };
    UnitTemplates templates;

    (void)state;
    unit_templates_default(&templates);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char machine[LIMIT_MACHINE_BYTES + 1] = "untouched";
        int r = unit_machine(&templates, rows[i].unit, NULL, machine);

        if (r != (rows[i].machine ? 0 : OUTCOME_FOREIGN_UNIT))
            fail_msg("%s: %s", rows[i].rule, outcome_name(r));
        assert_string_equal(machine, rows[i].machine ? rows[i].machine : "untouched");
    }
}

static void test_templates(void **state)
{
    static const struct {
        const char *text;
        int rc;
        const char *rule;
    } rows[] = {
        {"a@.service", 0, "the shortest"},
        {X60 "xxx@.service", 0, "the longest"},
        {X60 "xxxx@.service", OUTCOME_USAGE, "too long"},
        {"@.service", OUTCOME_USAGE, "no name"},
        {"a@b.service", OUTCOME_USAGE, "an instance"},
        {"a@.socket", OUTCOME_USAGE, "another type"},
        {"a.service", OUTCOME_USAGE, "no template"},
        {"a/b@.service", OUTCOME_USAGE, "a slash"},
        {"a@b@.service", OUTCOME_USAGE, "a second @"},
        {"", OUTCOME_USAGE, "nothing"},
    };
    UnitTemplates full = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        UnitTemplates templates = {0};

        if (unit_templates_add(&templates, rows[i].text, NULL) != rows[i].rc)
            fail_msg("%s", rows[i].rule);
        assert_int_equal(templates.count, rows[i].rc == 0 ? 1 : 0);
    }
    for (unsigned i = 0; i < UNIT_TEMPLATES_MAX; i++)
        assert_int_equal(unit_templates_add(&full, "a@.service", NULL), 0);
    assert_int_equal(unit_templates_add(&full, "a@.service", NULL), OUTCOME_USAGE);
}

static void test_decisions(void **state)
{
    static const struct {
        const char *path; /* after the NUL */
        const char *live; /* the machine of the live socket; NULL for the host's */
        uid_t uid;
        int outcome;
        const char *machine;
        const char *id;
        const char *rule;
    } rows[] = {
        {"f/unit/systemd-nspawn@web.service/db", NULL, 0, 0, "web", "db", "as it should be"},
        {"f/unit/systemd-nspawn@web.service/db", NULL, 1000, OUTCOME_PEER_NOT_ROOT, "", "",
         "a user"},
        {"f/unit/systemd-nspawn@web.service/db", NULL, 65534, OUTCOME_PEER_NOT_ROOT, "", "",
         "root of a container"},
        {"f/unit/systemd-nspawn@web.service/db", NULL, (uid_t)-1, OUTCOME_PEER_NOT_ROOT, "", "",
         "nobody knows who"},
        {"nonsense", NULL, 1000, OUTCOME_PEER_NOT_ROOT, "", "", "who comes before what"},
        {"nonsense", NULL, 0, OUTCOME_INVALID_ADDRESS, "", "", "not the manager"},
        {"f/unit/ssh.service/db", NULL, 0, OUTCOME_FOREIGN_UNIT, "", "", "no machine's unit"},
        {"f/unit/container@" X60 ".service/db", NULL, 0, OUTCOME_INVALID_NAME, X60, "",
         "fits the address, but not a sealed name"},
        {"f/unit/app.service/db", "web", 65534, 0, "web", "db", "live, whoever the peer is"},
        {"f/unit/app.service/db", "web", (uid_t)-1, 0, "web", "db", "live, nobody knows who"},
        {"f/unit/systemd-nspawn@db.service/db", "web", 0, 0, "web", "db",
         "live, the socket says whose it is, and not the address"},
        {"nonsense", "web", 0, OUTCOME_INVALID_ADDRESS, "web", "", "live, without an address"},
        {"f/unit/app.service/" X60, "web", 0, OUTCOME_INVALID_NAME, "web", "",
         "live, an id that is too long for a sealed name"},
    };
    UnitTemplates templates;

    (void)state;
    unit_templates_default(&templates);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char path[ADDRESS_BYTES] = "";
        Decision decision;

        strcpy(path + 1, rows[i].path);
        decide(
            &(DecisionFacts){
                .live_machine = rows[i].live,
                .peer_uid = rows[i].uid,
                .peer_path = {(uint8_t *)path, strlen(rows[i].path) + 1},
                .templates = &templates,
            },
            &decision);
        if (decision.outcome != rows[i].outcome)
            fail_msg("%s: %s", rows[i].rule, outcome_name(decision.outcome));
        assert_string_equal(decision.name.machine, rows[i].machine);
        assert_string_equal(decision.name.id, rows[i].id);
        assert_int_equal(decision.reason.text[0] != '\0', decision.outcome != 0);
    }
}

static void test_purposes(void **state)
{
    static const struct {
        PolicyDelivery has; /* _POLICY_DELIVERY_MAX: there is no policy */
        size_t services;
        Purpose purpose;
        int outcome;
        const char *rule;
    } rows[] = {
        {POLICY_BOOT, 0, {POLICY_BOOT, ""}, 0, "boot"},
        {POLICY_BOOT, 2, {POLICY_BOOT, ""}, 0, "services are no business of the host's manager"},
        {POLICY_NATIVE, 0, {POLICY_BOOT, ""}, 0, "native could be had without us"},
        {POLICY_LIVE, 0, {POLICY_BOOT, ""}, OUTCOME_NOT_IN_POLICY, "live is not for boot"},
        {_POLICY_DELIVERY_MAX, 0, {POLICY_BOOT, ""}, 0, "without a policy the store counts"},
        {POLICY_LIVE, 0, {POLICY_LIVE, "any.service"}, 0, "live for any service"},
        {POLICY_LIVE, 2, {POLICY_LIVE, "app.service"}, 0, "live for one that is named"},
        {POLICY_LIVE, 2, {POLICY_LIVE, "other.service"}, 0, "or the other"},
        {POLICY_LIVE, 2, {POLICY_LIVE, "any.service"}, OUTCOME_NOT_IN_POLICY, "not named"},
        {POLICY_LIVE, 1, {POLICY_LIVE, "other.service"}, OUTCOME_NOT_IN_POLICY, "no more"},
        {POLICY_LIVE, 2, {POLICY_LIVE, "app.servic"}, OUTCOME_NOT_IN_POLICY, "cut"},
        {POLICY_LIVE, 2, {POLICY_LIVE, "app.services"}, OUTCOME_NOT_IN_POLICY, "more"},
        {POLICY_BOOT, 0, {POLICY_LIVE, "app.service"}, OUTCOME_NOT_IN_POLICY, "boot is not live"},
        {POLICY_NATIVE, 2, {POLICY_LIVE, "app.service"}, OUTCOME_NOT_IN_POLICY, "nor is native"},
        {_POLICY_DELIVERY_MAX,
         0,
         {POLICY_LIVE, "app.service"},
         OUTCOME_NOT_IN_POLICY,
         "nothing is live without a policy"},
    };
    static const CredentialName name = {"web", "db"};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool has = rows[i].has != _POLICY_DELIVERY_MAX;
        PolicyFile file = {.name = (char[]){"web.json"}};
        Policy policy = {.files = &file, .file_count = 1};
        char *services[3] = {rows[i].services > 0 ? (char[]){"app.service"} : NULL,
                             rows[i].services > 1 ? (char[]){"other.service"} : NULL};
        PolicyCredential credential = {
            .delivery = rows[i].has,
            .services = services,
            .service_count = rows[i].services,
        };
        Reason reason = {0};
        int r = decide_purpose(has ? &policy : NULL, has ? &credential : NULL, &name,
                               &rows[i].purpose, &reason);

        if (r != rows[i].outcome)
            fail_msg("%s: %s", rows[i].rule, outcome_name(r));
        assert_int_equal(reason.text[0] != '\0', r != 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machines),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_purposes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
