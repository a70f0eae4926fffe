/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of cli/verb/verb.c: the commands in remedies exist. */

#include "support.h"

#include "verb/verb.h"

#include <string.h>

/* Prefixes of commands that are not ours. */
static const char *const others[] = {"tpm2_", "journalctl ", "systemctl "};

static bool takes(const Verb *verb, const char *option, size_t length)
{
    return (verb->options & option_bit(option, length)) != 0;
}

/* The last command in TEXT before END; NULL if there is none. */
static const char *find_command(const char *text, const char *end, bool *ret_ours)
{
    const char *command = NULL;

    for (const char *c = text; c < end; c++) {
        if (strncmp(c, "nspawn-creds ", 13) == 0) {
            command = c + 13;
            *ret_ours = true;
        }
        for (size_t i = 0; i < COUNT(others); i++)
            if (strncmp(c, others[i], strlen(others[i])) == 0) {
                command = c;
                *ret_ours = false;
            }
    }
    return command;
}

/* No remedy names an option without the command that takes it, because the command that failed may
 * not take it. */
static void test_options_in_remedies(void **state)
{
    (void)state;
    for (int rc = 0; rc < _OUTCOME_MAX; rc++) {
        const char *text = outcome_remedy(rc), *option = text;

        while (option && (option = strstr(option, " --"))) {
            size_t length = strcspn(option + 3, "= .;)");
            bool ours = false;
            const char *command = find_command(text, option, &ours);
            char name[32];

            option += 3;
            if (!command)
                fail_msg("%s: no command before --%s", text, option);
            if (!ours)
                continue;
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(command, " "), command);
            if (!verb_find(name) || !takes(verb_find(name), option, length))
                fail_msg("%s: %s does not take --%.*s", text, name, (int)length, option);
        }
    }
}

static void test_verbs_in_remedies(void **state)
{
    (void)state;
    for (int rc = 0; rc < _OUTCOME_MAX; rc++) {
        const char *command = outcome_remedy(rc);

        while (command && (command = strstr(command, ": nspawn-creds "))) {
            char name[32];

            command += 15;
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(command, " .;)"), command);
            if (!verb_find(name))
                fail_msg("%s: there is no verb %s", outcome_remedy(rc), name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_in_remedies),
        cmocka_unit_test(test_verbs_in_remedies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
