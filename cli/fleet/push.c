/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet push: puts what was signed on the fleet's carrier.
 *
 * The bundles are made here, from the statement, its signatures and the hosts' manifests. They go
 * to the courier, the only program with the network, with a list of all files. Nothing is pushed
 * that the statement does not cover.
 */

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "base/json.h"
#include "carrier_run.h"
#include "fleet/admin.h"
#include "fleet/bundle.h"
#include "fleet/rollout.h"
#include "fleet/signed_files.h"
#include "fleet/signing.h"
#include "fleet/verbs.h"
#include "terminal/output.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The courier's output, bytes. */
#define OUTPUT_MAX       ((size_t)4096)
/* The same for each bundle that is to be removed. */
#define REMOVED_LINE_MAX ((size_t)256)
/* How it begins such a line: it has removed the bundle, or nobody can on this carrier. */
#define REMOVED          "Removed\t"
#define NOT_REMOVED      "Cannot remove\t"

typedef struct Push {
    Repository repository;
    FleetAdmin admin;
    Statement statement;
    Bundle bundle;      /* of the host at hand; the statement and its signatures are all hosts' */
    KnownLeaves leaves; /* of the hosts that the statement covers, and for each: */
    Bytes *manifests;
    const char **parents; /* SEALED_DIRECTORY or SIGNED_DIRECTORY */
    MerkleTree tree;
    char **gone; /* hosts whose bundles are to be removed */
    size_t gone_count;
    struct json_object *removed, *kept; /* hosts whose bundles were there, or may still be */
    char path[PATH_MAX];                /* of the repository */
} Push;

static void push_done(Push *push)
{
    for (size_t i = 0; push->manifests && i < push->leaves.count; i++)
        bytes_done(&push->manifests[i]);
    free(push->manifests);
    free(push->parents);
    known_leaves_done(&push->leaves);
    strings_free(push->gone);
    json_object_put(push->removed);
    json_object_put(push->kept);
    bundle_done(&push->bundle);
    merkle_tree_done(&push->tree);
    fleet_admin_done(&push->admin);
    repository_close(&push->repository);
}

/* --- what was signed --- */

/* Takes every signature in the repository; each host counts only those of its own signers. */
static int read_signatures(Push *push, Reason *reason)
{
    _cleanup_(closedirp) DIR *folder = NULL;
    const char *name;
    int r = directory_list(push->repository.fd, "the repository", reason, &folder);

    while (r == 0 && (r = directory_next(folder, "the repository", reason, &name)) == 0 && name) {
        if (strncmp(name, STATEMENT_SIGNATURE, strlen(STATEMENT_SIGNATURE)) != 0)
            continue;
        if (push->bundle.signature_count == LIMIT_FLEET_SIGNATURES)
            return reason_set(reason, OUTCOME_BAD_REPOSITORY, "there are more than %zu signatures",
                              LIMIT_FLEET_SIGNATURES);
        r = repository_read(&push->repository, NULL, name, LIMIT_SSH_SIGNATURE_BYTES, reason,
                            &push->bundle.signatures[push->bundle.signature_count]);
        if (r == 0)
            push->bundle.signature_count++;
    }
    if (r == 0 && push->bundle.signature_count == 0)
        return reason_set(reason, OUTCOME_NOT_SIGNED,
                          "nobody has signed the statement. Sign: nspawn-creds fleet sign");
    return r;
}

/* Also checks that hosts would accept it: otherwise it must not replace what is on the carrier. */
static int read_statement(Push *push, const Context *context, Reason *reason)
{
    _cleanup_(signed_statement_done) SignedStatement statement = {0};
    _cleanup_(fleet_verified_done) FleetVerified verified = {0};
    uint64_t now = context->now(context);
    int r = signed_statement_load(&push->repository, &push->admin, now, reason, &statement);

    if (r == 0 && statement.text.size == 0)
        r = reason_set(reason, OUTCOME_NOT_SIGNED,
                       "this repository has no %s. Sign: nspawn-creds fleet sign", STATEMENT_FILE);
    if (r == 0)
        r = read_signatures(push, reason);
    if (r == 0)
        r = fleet_verified_load(context, push->repository.file.fleet, reason, &verified);
    if (r == 0)
        r = signed_statement_check(&statement, push->admin.threshold, verified.sequence, now,
                                   reason);
    if (r != 0 && r != OUTCOME_EXPIRING)
        return r;
    push->statement = statement.statement;
    push->bundle.statement = TAKE(statement.text);
    return 0;
}

/* Finds the hosts that the statement covers, and their files. */
static int read_manifests(Push *push, Reason *reason)
{
    _cleanup_(freep) MerkleHash *hashes = NULL;
    int r = leaves_read(&push->repository, &push->statement, reason, &push->leaves);

    if (r != 0)
        return r;
    hashes = calloc(push->leaves.count, sizeof(hashes[0]));
    push->manifests = calloc(push->leaves.count, sizeof(push->manifests[0]));
    push->parents = calloc(push->leaves.count, sizeof(push->parents[0]));
    if (!hashes || !push->manifests || !push->parents)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < push->leaves.count; i++) {
        hashes[i] = push->leaves.all[i].leaf;
        if (!repository_host(&push->repository, push->leaves.all[i].host))
            return reason_set(
                reason, OUTCOME_UNSEALED,
                "statement %" PRIu64 " covers %s, but there is no " REPOSITORY_HOSTS
                "/%s.json. If %s is still a host of this fleet, restore that file with "
                "git instead",
                push->statement.sequence, push->leaves.all[i].host, push->leaves.all[i].host,
                push->leaves.all[i].host);
        r = signed_files_find(&push->repository, push->leaves.all[i].host,
                              &push->leaves.all[i].leaf, reason, &push->parents[i],
                              &push->manifests[i]);
    }
    return r == 0 ? merkle_tree_new(hashes, push->leaves.count, &push->tree) : r;
}

/* Finds the hosts that were in a statement before, and are not in this one. The list is not signed,
 * so nothing is removed that the statement covers. */
static int read_gone(Push *push, Reason *reason)
{
    _cleanup_(strings_freep) char **names = NULL;
    size_t count = 0;
    int r = host_names_read(&push->repository, STATEMENT_GONE, reason, &names, &count);

    for (size_t i = 0; r == 0 && i < count; i++)
        if (!known_leaf_find(&push->leaves, names[i]) &&
            !strings_add(&push->gone, &push->gone_count, names[i]))
            r = -ENOMEM;
    return r;
}

/* --- what the courier gets --- */

/* Writes the line for the bundle of the host INDEX, which contains the bundle itself: nothing is
 * left in a file if this command is killed. */
static int list_bundle(Push *push, size_t index, Writer *list)
{
    _cleanup_(bytes_done) Bytes text = {0}, encoded = {0};
    int r;

    push->bundle.index = index;
    push->bundle.path_length = merkle_tree_path(&push->tree, index, push->bundle.path);
    push->bundle.manifest = push->manifests[index];
    r = bundle_format(&push->bundle, &text);
    push->bundle.manifest = (Bytes){0};
    if (r == 0)
        r = base64_encode(bytes_view(&text), 0, &encoded);
    if (r != 0)
        return r;
    writer_format(list, "v1/%s/hosts/%s/bundle\t\t", push->repository.file.fleet,
                  push->leaves.all[index].host);
    writer_bytes(list, bytes_view(&encoded));
    writer_text(list, "\n");
    return 0;
}

/* Writes the lines for the files and the bundle of the host INDEX. */
static int list_host(Push *push, size_t index, Writer *list, Reason *reason)
{
    _cleanup_(manifest_done) Manifest manifest = {0};
    int r = manifest_parse(bytes_view(&push->manifests[index]), reason, &manifest);

    if (r != 0)
        return r;
    for (size_t i = 0; i < manifest.count; i++) {
        char name[CREDENTIAL_NAME_TEXT_BYTES];

        credential_name_format(&manifest.credentials[i].name, name);
        writer_format(list, "v1/%s/sha256/%s\t%s/%s/%s/%s.cred\n", push->repository.file.fleet,
                      manifest.credentials[i].sha256, push->path, push->parents[index],
                      push->leaves.all[index].host, name);
    }
    return list_bundle(push, index, list);
}

/* The host in the name of a bundle. */
static char *host_of(const char *name)
{
    const char *begin = strstr(name, "/hosts/"), *end = begin ? strrchr(name, '/') : NULL;

    begin = begin ? begin + strlen("/hosts/") : NULL;
    return begin && end > begin ? strndup(begin, (size_t)(end - begin)) : NULL;
}

/* Notes what the courier says about bundles that were to be removed. */
static int read_output(Push *push, char *output)
{
    char *line;

    push->removed = json_object_new_array();
    push->kept = json_object_new_array();
    if (!push->removed || !push->kept)
        return -ENOMEM;
    while ((line = strsep(&output, "\n"))) {
        bool removed = strncmp(line, REMOVED, strlen(REMOVED)) == 0;
        _cleanup_(freep) char *host =
            removed || strncmp(line, NOT_REMOVED, strlen(NOT_REMOVED)) == 0 ? host_of(line) : NULL;

        if (host)
            json_append(removed ? push->removed : push->kept, json_object_new_string(host));
    }
    return 0;
}

static int push_all(Push *push, Reason *reason)
{
    _cleanup_(freep) char *output = NULL;
    _cleanup_(writer_done) Writer list = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < push->leaves.count; i++)
        r = list_host(push, i, &list, reason);
    for (size_t i = 0; i < push->gone_count; i++)
        writer_format(&list, "v1/%s/hosts/%s/bundle\t\n", push->repository.file.fleet,
                      push->gone[i]);
    if (r == 0)
        r = carrier_run(push->admin.carrier, "put", "-", &list,
                        OUTPUT_MAX + push->gone_count * REMOVED_LINE_MAX, reason, &output);
    if (r == OUTCOME_USAGE) /* the courier's, which gets these files from the repository */
        r = OUTCOME_BAD_REPOSITORY;
    return r == 0 ? read_output(push, output) : r;
}

static int put(Push *push, const Context *context, const Options *options, Reason *reason)
{
    int r = repository_open(options->repository, false, reason, &push->repository);

    if (r == 0)
        r = fleet_admin_load(context, push->repository.file.fleet, reason, &push->admin);
    if (r == 0 && !push->admin.carrier)
        r = reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                       "~/.config/nspawn-creds/fleet/%s.json has no \"carrier\", such as "
                       "{\"url\": \"dir:/srv/carrier\"}",
                       push->repository.file.fleet);
    if (r == 0 && options->wait)
        r = rollout_check(push->admin.carrier, reason);
    if (r == 0)
        r = read_statement(push, context, reason);
    if (r == 0)
        r = read_manifests(push, reason);
    if (r == 0)
        r = read_gone(push, reason);
    if (r == 0 && !realpath(options->repository, push->path))
        r = reason_set(reason, -errno, "%s", options->repository);
    return r == 0 ? push_all(push, reason) : r;
}

static void say(const Push *push)
{
    size_t removed = json_length(push->removed), kept = json_length(push->kept);

    output_line(stdout, "Statement %" PRIu64 " of %s is on the carrier, for %zu host%s.",
                push->statement.sequence, push->repository.file.fleet, push->leaves.count,
                plural(push->leaves.count));
    for (size_t i = 0; i < removed; i++)
        output_line(stdout, "Removed the bundle of %s, which is no longer in the fleet.",
                    json_object_get_string(json_object_array_get_idx(push->removed, i)));
    if (kept > 0) {
        const char *first = json_object_get_string(json_object_array_get_idx(push->kept, 0));

        output_note(
            "Bundles of %zu host%s that left the fleet cannot be removed from here. If nobody "
            "has done so, remove them on the web server, such as v1/%s/hosts/%s/bundle.",
            kept, plural(kept), push->repository.file.fleet, first);
    }
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(push_done) Push push = {.repository = REPOSITORY_CLOSED};
    Reason reason = {0};
    int r;

    if (options->given & OPTION_TOLERATE && !options->wait)
        r = reason_set(&reason, OUTCOME_USAGE, "--tolerate= is about --wait, which is missing");
    else
        r = put(&push, context, options, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->json == JSON_OFF)
        say(&push);
    if (options->wait)
        return rollout_wait(options, &push.repository, push.admin.carrier, push.statement.sequence,
                            bytes_view(&push.bundle.statement));
    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_add_number(object, "sequence", push.statement.sequence);
        json_add_number(object, "hosts", push.leaves.count);
        json_add(object, "removed", TAKE_PTR(push.removed));
        output_json(object, options->json);
    }
    return 0;
}

const Verb fleet_push = {
    .name = "fleet push",
    .arguments = "",
    .summary = "Put what was signed on the fleet's carrier",
    .details =
        "Makes each host's bundle, and puts sealed files and bundles on the carrier that your\n"
        "configuration of the fleet names. Nothing is pushed that the statement does not\n"
        "cover, or that hosts would refuse. Bundles of hosts that have left the fleet are\n"
        "removed. With --wait it then waits until all hosts of the\n"
        "wave report that they have accepted it, and stops at the first that fails.",
    .options = OPTION_REPOSITORY | OPTION_WAIT | OPTION_TOLERATE | OPTION_JSON,
    .run = run,
};
