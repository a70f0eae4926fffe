/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds setup: creates this host's key, and what a package would create at its installation.
 */

#include "key/host_key.h"
#include "specs.h"
#include "store/store.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/program.h"
#include "terminal/progress.h"
#include "verb/setup_rollback.h"
#include "verb/verb.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* What our installation brings for sysusers.d(5) and tmpfiles.d(5). */
#define CONFIGURATION "nspawn-creds.conf"

/* A key that credentials need may be in a backup. */
static int confirm_new(const Context *context, const Options *options, Reason *reason)
{
    size_t users = 0;
    Reason lost;
    int r = 0;

    if (access(host_key_path(), F_OK) == 0 || errno != ENOENT)
        return 0;
    r = spec_count_host_sealed(context, options, &users);
    if (r != 0 || users == 0)
        return r;
    host_key_lost(host_key_path(), users, &lost);
    return confirm(options, reason,
                   "%s. Restore it if there is a backup. Create another key, with which %s?",
                   lost.text, users == 1 ? "it never opens" : "they never open");
}

/* Creates the broker's user and the directories, unless they are there. */
static int prepare_host(Reason *reason, bool *ret_changed)
{
    static const char *const users[] = {"systemd-sysusers", CONFIGURATION, NULL};
    static const char *const directories[] = {"systemd-tmpfiles", "--create", CONFIGURATION, NULL};
    bool lacks_user = !getpwnam(BROKER_USER) || !getgrnam("tss");
    bool lacks_store = access(STORE_DEFAULT_PATH, F_OK) != 0 && errno == ENOENT;
    int r = 0;

    if (lacks_user)
        r = program_run(users, reason);
    if (r == 0 && lacks_store)
        r = program_run(directories, reason);
    *ret_changed = lacks_user || lacks_store;
    return r;
}

/* --- rollback protection --- */

/* Does what one of the options asks for. RET_WORDS says what was done, or why nothing had to be. */
static int change_protection(const Context *context, const Options *options, Reason *reason,
                             const char **ret_words, bool *ret_changed)
{
    int r = 0;

    *ret_changed = true;
    if (options->rollback_protection + options->no_rollback_protection + options->accept_rollback >
        1)
        return reason_set(reason, OUTCOME_USAGE,
                          "--rollback-protection, --no-rollback-protection and --accept-rollback "
                          "exclude each other");
    if (options->rollback_protection) {
        r = rollback_turn_on(context, options, reason, ret_changed);
        *ret_words = *ret_changed ? "Rollback protection is on now." : "Rollback protection is on.";
    } else if (options->no_rollback_protection) {
        r = rollback_turn_off(options, reason, ret_changed);
        *ret_words =
            *ret_changed ? "Rollback protection is off now." : "Rollback protection is off.";
    } else {
        r = confirm(options, reason,
                    "Take the store and the fleets' sets as they are now for the last ones? Values "
                    "that were rotated or revoked since they were copied are then used again");
        if (r == 0)
            r = rollback_accept(context, options, reason);
        *ret_words = "The present store counts as the last one.";
    }
    return r;
}

static int run_protection(const Context *context, const Options *options)
{
    const char *words = "";
    Reason reason = {0};
    bool changed;
    int r = change_protection(context, options, &reason, &words, &changed);

    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_object_object_add(object, "protection",
                               json_object_new_boolean(!options->no_rollback_protection));
        json_object_object_add(object, "changed", json_object_new_boolean(changed));
        output_json(object, options->json);
    } else {
        printf("%s\n", words);
    }
    return 0;
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    bool made, prepared = false;
    Reason reason = {0};
    int r;

    if (options->rollback_protection || options->no_rollback_protection || options->accept_rollback)
        return run_protection(context, options);
    r = confirm_new(context, options, &reason);
    if (r == 0)
        r = host_key_ensure(context, host_key_path(), &reason, &key, &made);
    /* another path is a test, or a key of another system */
    if (r == 0 && strcmp(host_key_path(), HOST_KEY_PATH) == 0)
        r = prepare_host(&reason, &prepared);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (made)
        observer_host_key_made(&terminal_observer);
    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_object_object_add(object, "path", json_object_new_string(host_key_path()));
        json_object_object_add(object, "made", json_object_new_boolean(made));
        json_object_object_add(object, "prepared", json_object_new_boolean(prepared));
        output_json(object, options->json);
        return 0;
    }
    printf(made ? "Created this host's key, %s.\n" : "This host already has a key, %s.\n",
           host_key_path());
    if (prepared)
        printf("Created the broker's user and the store.\n");
    return 0;
}

const Verb verb_setup = {
    .name = "setup",
    .arguments = "",
    .summary = "Create what this host lacks: its key, the user, the store",
    .details =
        "The key is systemd's own, /var/lib/systemd/credential.secret. Back it up: "
        "without it nothing that\nwas sealed with it opens again. A package creates the "
        "broker's user and the store when it is\ninstalled; after an installation from "
        "source this does it. Asks before it creates a "
        "key while credentials need a lost one,\nunless --no-ask is given.\n\nWith an option "
        "for rollback protection it does that alone, see nspawn-creds(1).",
    .options = OPTION_JSON | OPTION_NO_ASK | OPTION_PROTECTION,
    .run = run,
};
