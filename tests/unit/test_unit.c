/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of broker/policy/unit.c and decision.c. */

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
        const char *path; /* behind the NUL */
        uid_t uid;
        int outcome;
        const char *machine;
        const char *id;
        const char *rule;
    } rows[] = {
        {"f/unit/systemd-nspawn@web.service/db", 0, 0, "web", "db", "as it should be"},
        {"f/unit/systemd-nspawn@web.service/db", 1000, OUTCOME_PEER_NOT_ROOT, "", "", "a user"},
        {"f/unit/systemd-nspawn@web.service/db", 65534, OUTCOME_PEER_NOT_ROOT, "", "",
         "root of a container"},
        {"f/unit/systemd-nspawn@web.service/db", (uid_t)-1, OUTCOME_PEER_NOT_ROOT, "", "",
         "nobody knows who"},
        {"nonsense", 1000, OUTCOME_PEER_NOT_ROOT, "", "", "who comes before what"},
        {"nonsense", 0, OUTCOME_INVALID_ADDRESS, "", "", "not the manager"},
        {"f/unit/ssh.service/db", 0, OUTCOME_FOREIGN_UNIT, "", "", "no machine's unit"},
        {"f/unit/container@" X60 ".service/db", 0, OUTCOME_INVALID_NAME, X60, "",
         "fits the address, but not a sealed name"},
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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machines),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_decisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
