/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds disable: removes a machine's policy from /etc. Sealed files stay in the store.
 */

#include "base/json.h"
#include "manager/manager.h"
#include "policy/policy_load.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>

/* Lists the files of MACHINE's policy in /etc. */
static int find_files(const char *machine, Reason *reason, glob_t *ret)
{
    char pattern[2][128];
    int r;

    snprintf(pattern[0], sizeof(pattern[0]), "/etc/nspawn-creds/%s.json", machine);
    snprintf(pattern[1], sizeof(pattern[1]), "/etc/nspawn-creds/%s.json.d/*.json", machine);
    r = glob(pattern[0], 0, NULL, ret);
    if (r == 0 || r == GLOB_NOMATCH)
        r = glob(pattern[1], GLOB_APPEND, NULL, ret);
    if (r != 0 && r != GLOB_NOMATCH)
        return reason_set(reason, r == GLOB_NOSPACE ? -ENOMEM : -EIO,
                          "cannot look into /etc/nspawn-creds");
    return 0;
}

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

/* Reports what was removed, and whether another policy applies now. */
static void report(const Context *context, const char *machine, const glob_t *files, size_t removed,
                   JsonMode mode)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    bool other = policy_load(context, machine, &fault, &policy) != OUTCOME_NOT_FOUND;

    if (mode != JSON_OFF) {
        struct json_object *object = json_object_new_object(), *list = json_object_new_array();

        for (size_t i = 0; i < removed; i++)
            json_object_array_add(list, json_object_new_string(files->gl_pathv[i]));
        json_add_text(object, "machine", machine);
        json_add(object, "removed", list);
        json_add(object, "otherPolicy", json_object_new_boolean(other));
        output_json(object, mode);
        return;
    }
    if (files->gl_pathc == 0)
        printf("%s has no policy in /etc/nspawn-creds.\n", machine);
    for (size_t i = 0; i < removed; i++)
        printf("Removed %s.\n", files->gl_pathv[i]);
    if (other)
        output_note("%s has a policy in another directory, which applies now. To hide it: ln -s "
                    "/dev/null /etc/nspawn-creds/%s.json",
                    machine, machine);
    if (removed > 0)
        printf("The credentials of %s stay in the store; nspawn-creds remove deletes them.\n",
               machine);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    _cleanup_(globfree) glob_t files = {0};
    const char *machine = arguments[0];
    Reason reason = {0};
    size_t removed = 0;
    int r = machine_name_check(machine, &reason);

    if (r == 0)
        r = find_files(machine, &reason, &files);
    if (r == 0 && files.gl_pathc > 0)
        r = confirm(options, &reason, "Remove %s%s?", files.gl_pathv[0],
                    files.gl_pathc > 1 ? " and its drop-ins" : "");
    while (r == 0 && removed < files.gl_pathc) {
        r = remove_file(files.gl_pathv[removed], &reason);
        removed += r == 0;
    }
    if (r == 0 && removed > 0)
        r = manager_new(&terminal_observer, &reason, &manager);
    if (manager && r == 0)
        r = manager_reload(manager, &reason);
    if (r != 0 && removed == 0)
        return output_error(r, machine, &reason);
    report(context, machine, &files, removed, options->json);
    return r == 0 ? 0 : output_error(r, machine, &reason);
}

const Verb verb_disable = {
    .name = "disable",
    .arguments = "MACHINE",
    .summary = "Let a machine start without credentials again",
    .details = "Removes the machine's policy and drop-ins from /etc/nspawn-creds and "
               "reloads the service manager.\nAsks first, unless --no-ask is given. "
               "Sealed files stay in the store. A running container keeps\nits "
               "credentials until it is stopped.",
    .options = OPTION_JSON | OPTION_NO_ASK,
    .run = run,
};
