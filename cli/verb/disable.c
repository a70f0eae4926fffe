/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds disable: removes a machine's policy, or single credentials in it, from /etc. Sealed
 * files stay in the store.
 */

#include "base/array.h"
#include "base/fsutil.h"
#include "base/json.h"
#include "hint.h"
#include "manager/manager.h"
#include "policy/policy_edit.h"
#include "policy/policy_load.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/dependents.h"
#include "verb/policy_files.h"
#include "verb/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int remove_file(const char *path, Reason *reason)
{
    _cleanup_(freep) char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
    _cleanup_(closep) int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (!folder)
        return -ENOMEM;
    if (fd < 0 || (unlinkat(fd, strrchr(path, '/') + 1, 0) < 0 && errno != ENOENT) || fsync(fd) < 0)
        return reason_set(reason, -errno, "cannot remove %s", path);
    /* stays if it holds anything else */
    if (strcmp(folder + strlen(folder) - 2, ".d") == 0)
        (void)rmdir(folder);
    return 0;
}

/* Whether the store has ID of MACHINE, or for NULL anything of it. */
static bool is_stored(const Options *options, const char *machine, const char *id)
{
    _cleanup_(store_freep) Store *store = NULL;
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;

    if (store_open_installed(options->host->store, NULL, &store) != 0 ||
        store_list(store, machine, NULL, &entries, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!id || strcmp(entries[i].name.id, id) == 0)
            return true;
    return false;
}

/* Reports what was removed, and whether another policy applies now. */
static void report(const Context *context, const Options *options, const char *machine,
                   char **files, size_t removed)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    bool other = policy_load(context, machine, &fault, &policy) != OUTCOME_NOT_FOUND;
    Hint hint = hint_find(context, options, machine);

    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object(), *list = json_object_new_array();

        for (size_t i = 0; i < removed; i++)
            json_object_array_add(list, json_object_new_string(files[i]));
        json_add_text(object, "machine", machine);
        json_add(object, "removed", list);
        json_add(object, "otherPolicy", json_object_new_boolean(other));
        output_json(object, options->json);
        return;
    }
    if (removed == 0)
        printf("%s has no policy in /etc/nspawn-creds%s\n", machine,
               hint.text[0] ? hint.text : ".");
    for (size_t i = 0; i < removed; i++)
        printf("Removed %s.\n", files[i]);
    if (other)
        output_note("%s has a policy in another directory, which applies now. To hide it: ln -s "
                    "/dev/null /etc/nspawn-creds/%s.json",
                    machine, machine);
    if (removed > 0 && is_stored(options, machine, NULL))
        printf("The credentials of %s stay in the store; nspawn-creds remove deletes them.\n",
               machine);
}

static int reload(Reason *reason)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r = manager_new(&terminal_observer, reason, &manager);

    return r == 0 ? manager_reload(manager, reason) : r;
}

static int disable_machine(const Context *context, const Options *options, const char *machine,
                           Reason *reason)
{
    _cleanup_(strings_freep) char **files = NULL;
    size_t removed = 0;
    int r = policy_files_list(machine, reason, &files);

    if (r == 0 && files[0])
        r = confirm(options, reason, "Remove %s%s?", files[0], files[1] ? " and its drop-ins" : "");
    while (r == 0 && files[removed]) {
        r = remove_file(files[removed], reason);
        removed += r == 0;
    }
    if (r == 0 && removed > 0)
        r = reload(reason);
    if (r == 0 || removed > 0)
        report(context, options, machine, files, removed);
    return r;
}

/* --- single credentials --- */

/* Credentials to take out of a policy. */
typedef struct Removal {
    const Options *options;
    const char *machine;
    char **ids;
    Policy *policy;                         /* as it is */
    Bytes texts[LIMIT_POLICY_DROP_INS + 1]; /* of its files, as they will be; empty: as they are */
    const char *foreign;                    /* a file that was edited by hand, and is rewritten */
} Removal;

static void removal_done(Removal *removal)
{
    for (size_t i = 0; removal->policy && i < removal->policy->file_count; i++)
        bytes_done(&removal->texts[i]);
    policy_unref(removal->policy);
}

/* Edits all files in /etc, in memory. */
static int edit_files(Removal *removal, Reason *reason)
{
    static const char folder[] = "/etc/nspawn-creds/";
    int r = 0;

    for (size_t i = 0; r == 0 && i < removal->policy->file_count; i++) {
        const PolicyFile *file = &removal->policy->files[i];
        _cleanup_(policy_edit_done) PolicyEdit edit = {0};
        bool removed = false;

        if (strncmp(file->name, folder, strlen(folder)) != 0 || file->text.size == 0)
            continue;
        r = policy_edit_new(bytes_view(&file->text), reason, &edit);
        for (char **id = removal->ids; r == 0 && *id; id++)
            removed = policy_edit_remove(&edit, *id) || removed;
        if (r == 0 && removed)
            r = policy_edit_print(&edit, &removal->texts[i]);
        if (edit.foreign)
            removal->foreign = file->name;
    }
    return r;
}

/* Whether the new policy is valid, and lists none of them. */
static int check_files(const Removal *removal, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *after = NULL;
    PolicyFault fault = {0};
    int r = policy_new(removal->machine, "", &fault, &after);

    for (size_t i = 0; r == 0 && i < removal->policy->file_count; i++) {
        const PolicyFile *file = &removal->policy->files[i];
        const Bytes *text = removal->texts[i].size > 0 ? &removal->texts[i] : &file->text;

        r = policy_file_parse(bytes_view(text), file->name, after, &fault);
    }
    if (r == 0)
        r = policy_check(after, NULL, NULL, &fault);
    if (r != 0)
        return policy_fault_reason(&fault, r, reason);
    for (char **id = removal->ids; *id; id++)
        if (policy_find(after, *id))
            return reason_set(reason, OUTCOME_USAGE,
                              "%s is listed outside /etc/nspawn-creds. To leave it out, write a "
                              "drop-in with \"%s\": null",
                              *id, *id);
    return 0;
}

/* Finds all mistakes, says who loses what, and asks. */
static int prepare(const Context *context, Removal *removal, Reason *reason)
{
    char **ids = removal->ids;
    _cleanup_(freep) CredentialName *names = NULL;
    char text[CREDENTIAL_NAME_TEXT_BYTES];
    PolicyFault fault = {0};
    size_t count = 0;
    int r = policy_load(context, removal->machine, &fault, &removal->policy);

    if (r == OUTCOME_NOT_FOUND)
        return reason_set(reason, OUTCOME_USAGE, "%s has no policy%s", removal->machine,
                          hint_find(context, removal->options, removal->machine).text);
    if (r != 0)
        return policy_fault_reason(&fault, r, reason);
    for (; r == 0 && ids[count]; count++) {
        if (!ARRAY_GROW(names, count))
            return -ENOMEM;
        r = credential_name_new(removal->machine, ids[count], reason, &names[count]);
        if (r == 0 && !policy_find(removal->policy, ids[count])) {
            credential_name_format(&names[count], text);
            r = reason_set(reason, OUTCOME_USAGE, "%s's policy does not list %s%s",
                           removal->machine, ids[count],
                           hint_find(context, removal->options, text).text);
        }
    }
    if (r == 0)
        r = edit_files(removal, reason);
    if (r == 0)
        r = check_files(removal, reason);
    if (r == 0)
        r = dependents_note(context, names, count, false);
    if (r != 0)
        return r;
    return confirm(removal->options, reason, "Take %s%s out of the policy of %s?%s%s%s", ids[0],
                   ids[1] ? " and the others" : "", removal->machine, removal->foreign ? " " : "",
                   removal->foreign ? removal->foreign : "",
                   removal->foreign ? " was edited by hand, and is rewritten." : "");
}

static void report_ids(const Removal *removal)
{
    struct json_object *object, *files;

    if (removal->options->json == JSON_OFF) {
        for (char **id = removal->ids; *id; id++)
            printf("Removed %s from the policy of %s.%s\n", *id, removal->machine,
                   is_stored(removal->options, removal->machine, *id)
                       ? " Its value stays in the store; nspawn-creds remove deletes it."
                       : "");
        return;
    }
    object = json_object_new_object();
    files = json_object_new_array();
    for (size_t i = 0; i < removal->policy->file_count; i++)
        if (removal->texts[i].size > 0)
            json_append(files, json_object_new_string(removal->policy->files[i].name));
    json_add_text(object, "machine", removal->machine);
    json_add(object, "credentials", json_texts(removal->ids));
    json_add(object, "changed", files);
    output_json(object, removal->options->json);
}

static int disable_ids(const Context *context, const Options *options, char **arguments,
                       Reason *reason)
{
    _cleanup_(removal_done) Removal removal = {
        .options = options, .machine = arguments[0], .ids = arguments + 1};
    int r = prepare(context, &removal, reason);

    for (size_t i = 0; r == 0 && i < removal.policy->file_count; i++)
        if (removal.texts[i].size > 0)
            r = rewrite_write(removal.policy->files[i].name,
                              bytes_view(&removal.policy->files[i].text),
                              bytes_view(&removal.texts[i]), reason);
    if (r == 0)
        r = reload(reason);
    if (r == 0)
        report_ids(&removal);
    return r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    Reason reason = {0};
    int r = machine_name_check(arguments[0], &reason);

    if (r == 0)
        r = arguments[1] ? disable_ids(context, options, arguments, &reason)
                         : disable_machine(context, options, arguments[0], &reason);
    return r == 0 ? 0 : output_error(r, arguments[0], &reason);
}

const Verb verb_disable = {
    .name = "disable",
    .arguments = "MACHINE [ID...]",
    .summary = "Let a machine start without credentials again",
    .details = "Removes the machine's policy and drop-ins from /etc/nspawn-creds, or the given "
               "credentials in them,\nand reloads the service manager. Asks first, unless --no-ask "
               "is given. "
               "Sealed files stay in the store. A running container keeps\nits "
               "credentials until it is stopped.",
    .options = OPTION_JSON | OPTION_NO_ASK,
    .run = run,
};
