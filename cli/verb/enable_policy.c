/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How enable changes a machine's policy. See enable.h.
 *
 * A policy that comes from another directory than /etc stays what it is: the credentials then go
 * into a drop-in, because a file of the same name in /etc would hide it. A file that was edited by
 * hand is not changed unasked, and what a later drop-in says is not changed at all, since it would
 * take precedence anyway.
 */

#include "verb/enable.h"

#include "base/fsutil.h"
#include "base/rewrite.h"
#include "policy/policy_file.h"
#include "policy/policy_load.h"
#include "terminal/confirm.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define POLICY_FOLDER    "/etc/nspawn-creds"
#define POLICY_FILE_MODE ((mode_t)0644)
#define FOLDER_MODE      ((mode_t)0755)

int enable_policy_load(Enabling *enabling, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    int r = policy_load(enabling->context, enabling->machine, &fault, NULL, &policy);

    if (r != 0 && r != OUTCOME_NOT_FOUND)
        return policy_fault_reason(&fault, r, reason);
    policy_unref(enabling->policy);
    enabling->policy = TAKE_PTR(policy);
    return 0;
}

const PolicyCredential *enable_policy_find(const Enabling *enabling, const char *id)
{
    return enabling->policy ? policy_find(enabling->policy, id) : NULL;
}

size_t enable_policy_count(const Enabling *enabling, PolicyEditResult result)
{
    size_t count = 0;

    for (size_t i = 0; i < enabling->count; i++)
        count += enabling->credentials[i].result == result;
    return count;
}

/* Chooses the file that is written and reads it. A file that does not exist yet, -ENOENT, is like
 * an empty object. */
static int read_file(Enabling *enabling, Reason *reason, Bytes *ret)
{
    int r;

    snprintf(enabling->path, sizeof(enabling->path), POLICY_FOLDER "/%s.json", enabling->machine);
    r = rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret);
    if (r != -ENOENT || !enabling->policy)
        return r;
    snprintf(enabling->path, sizeof(enabling->path), POLICY_FOLDER "/%s.json.d/50-enabled.json",
             enabling->machine);
    return rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret);
}

static bool is_drop_in(const char *path)
{
    return strstr(path, ".json.d/");
}

/* Whether PATH takes precedence over our file: drop-ins come after the main file, in the order of
 * their names. */
static bool comes_after_ours(const Enabling *enabling, const char *path)
{
    return is_drop_in(path) && (!is_drop_in(enabling->path) ||
                                strcmp(strrchr(path, '/'), strrchr(enabling->path, '/')) > 0);
}

/* As the options say. */
static int edit_put(PolicyEdit *edit, const char *id, struct json_object *basis,
                    const Options *options, Reason *reason, PolicyEditResult *ret)
{
    PolicyEditDelivery delivery = {
        .delivery = options->given & OPTION_DELIVERY ? &options->delivery : NULL,
        .services = options->given & OPTION_SERVICE ? options->services : NULL,
        .service_count = options->service_count,
        .on_change = options->given & OPTION_ON_CHANGE ? &options->on_change : NULL,
    };
    int r = policy_edit_put(edit, id, basis, &delivery, reason, ret);
    Reason why = *reason;

    return r == OUTCOME_USAGE ? reason_set(reason, r, "%.280s: see --live and --service=", why.text)
                              : r;
}

static int put(const Enabling *enabling, PolicyEdit *edit, Enabled *credential, Reason *reason)
{
    _cleanup_(policy_edit_done) PolicyEdit other = {0};
    const char *id = credential->name.id;
    const PolicyCredential *old = enable_policy_find(enabling, id);
    const PolicyFile *file = old ? &enabling->policy->files[old->file] : NULL;
    int r;

    if (old && !enabling->named)
        return 0;
    if (!old || strcmp(file->name, enabling->path) == 0)
        return edit_put(edit, id, NULL, enabling->options, reason, &credential->result);
    /* another file of the policy has it */
    r = policy_edit_new(bytes_view(&file->text), reason, &other);
    if (r != 0)
        return r;
    if (!comes_after_ours(enabling, file->name))
        return edit_put(edit, id, policy_edit_copy(&other, id), enabling->options, reason,
                        &credential->result);
    r = edit_put(&other, id, NULL, enabling->options, reason, &credential->result);
    if (r == 0 && credential->result != POLICY_EDIT_KEPT)
        r = reason_set(reason, OUTCOME_USAGE,
                       "%s is set in %s, which takes precedence over %s; change it there", id,
                       file->name, enabling->path);
    return r;
}

/* Parses the result as the broker will. */
static int validate(const Enabling *enabling, BytesView text, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    int r = policy_new(enabling->machine, enabling->path, &fault, &policy);

    if (r == 0)
        r = policy_file_parse(text, enabling->path, policy, &fault);
    return r == 0 ? 0 : policy_fault_reason(&fault, r, reason);
}

/* Creates the parent directories of PATH. */
static int make_folder(const char *path, Reason *reason)
{
    char folder[ENABLING_PATH_BYTES];

    snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = folder + strlen(POLICY_FOLDER); (slash = strchr(slash, '/'));
         *slash++ = '/') {
        *slash = '\0';
        if (mkdir(folder, FOLDER_MODE) < 0 && errno != EEXIST)
            return reason_set(reason, -errno, "cannot create %s", folder);
    }
    return 0;
}

int enable_policy_write(Enabling *enabling, Reason *reason)
{
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};
    _cleanup_(bytes_done) Bytes before = {0}, after = {0};
    const char *path = enabling->path;
    int r = read_file(enabling, reason, &before);
    bool is_new = r == -ENOENT;

    if (r == 0 || is_new)
        r = policy_edit_new(bytes_view(&before), reason, &edit);
    for (size_t i = 0; r == 0 && i < enabling->count; i++)
        r = put(enabling, &edit, &enabling->credentials[i], reason);
    if (r != 0 || enable_policy_count(enabling, POLICY_EDIT_KEPT) == enabling->count)
        return r;
    if (!is_new && before.size == 0)
        r = confirm(
            enabling->options, reason,
            "%s is empty, which hides this machine's policies in other directories. Fill it?",
            path);
    if (r == 0 && edit.foreign)
        r = confirm(enabling->options, reason, "%s was edited by hand. Rewrite it?", path);
    if (r == 0)
        r = policy_edit_print(&edit, &after);
    if (r == 0)
        r = validate(enabling, bytes_view(&after), reason);
    if (r == 0 && is_new)
        r = make_folder(path, reason);
    if (r == 0)
        r = is_new ? file_write(path, bytes_view(&after),
                                (FileOwnership){POLICY_FILE_MODE, (gid_t)-1}, false, reason)
                   : rewrite_write(path, bytes_view(&before), bytes_view(&after), reason);
    if (r != 0)
        return r;
    enabling->written = true;
    return enable_policy_load(enabling, reason);
}
