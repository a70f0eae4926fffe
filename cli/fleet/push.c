/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet push: puts what was signed on the fleet's carrier.
 *
 * The bundles are made here, from the statement, its signatures and the hosts' manifests. They go
 * to the courier, the only program with the network, with a list of all files. Nothing is pushed
 * that the statement does not cover.
 */

#include "base/array.h"
#include "base/fsutil.h"
#include "fleet/admin.h"
#include "fleet/bundle.h"
#include "fleet/carrier.h"
#include "fleet/sealed.h"
#include "fleet/signing.h"
#include "fleet/verbs.h"
#include "terminal/output.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* The courier's output, bytes. */
#define OUTPUT_MAX ((size_t)4096)

typedef struct Push {
    Repository repository;
    FleetAdmin admin;
    Statement statement;
    Bundle bundle;    /* of the host at hand; the statement and its signatures are all hosts' */
    Bytes *manifests; /* of all hosts, in their order */
    MerkleTree tree;
    char path[PATH_MAX];   /* of the repository */
    char folder[PATH_MAX]; /* of temporary files; "" before it is made */
} Push;

/* Removes the temporary files: the hosts' bundles and the list. */
static void remove_folder(const Push *push)
{
    char path[PATH_MAX + 80];

    for (size_t i = 0; i < push->repository.host_count; i++) {
        snprintf(path, sizeof(path), "%s/%s", push->folder, push->repository.hosts[i].name);
        (void)unlink(path);
    }
    (void)rmdir(push->folder);
}

static void push_done(Push *push)
{
    if (push->folder[0])
        remove_folder(push);
    for (size_t i = 0; push->manifests && i < push->repository.host_count; i++)
        bytes_done(&push->manifests[i]);
    free(push->manifests);
    bundle_done(&push->bundle);
    merkle_tree_done(&push->tree);
    fleet_admin_done(&push->admin);
    repository_close(&push->repository);
}

/* --- what was signed --- */

static int read_text(const Push *push, const char *name, size_t limit, Reason *reason, Bytes *ret)
{
    int r = repository_read(&push->repository, NULL, name, limit, reason, ret);

    return r == -ENOENT
               ? reason_set(reason, OUTCOME_NOT_SIGNED,
                            "this repository has no %s. Sign: nspawn-creds fleet sign", name)
               : r;
}

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
        r = read_text(push, name, LIMIT_SSH_SIGNATURE_BYTES, reason,
                      &push->bundle.signatures[push->bundle.signature_count]);
        if (r == 0)
            push->bundle.signature_count++;
    }
    if (r == 0 && push->bundle.signature_count == 0)
        return reason_set(reason, OUTCOME_NOT_SIGNED,
                          "nobody has signed the statement. Sign: nspawn-creds fleet sign");
    return r;
}

static int read_statement(Push *push, Reason *reason)
{
    int r = read_text(push, STATEMENT_FILE, LIMIT_STATEMENT_BYTES, reason, &push->bundle.statement);

    if (r == 0)
        r = statement_parse(bytes_view(&push->bundle.statement), reason, &push->statement);
    if (r != 0)
        return r;
    if (strcmp(push->statement.fleet, push->repository.file.fleet) != 0)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "the statement is of the fleet %s",
                          push->statement.fleet);
    return read_signatures(push, reason);
}

/* Whether hosts would accept it: otherwise it must not replace what is on the carrier. */
static int check_statement(const Push *push, const Context *context, Reason *reason)
{
    const char *fleet = push->repository.file.fleet;
    _cleanup_(signed_statement_done) SignedStatement statement = {0};
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(fleet_verified_done) FleetVerified verified = {0};
    uint64_t now = context->now(context);
    Reason why = {0};
    int r = fleet_admin_signers(&push->admin, fleet, &why, &signers);

    if (r == OUTCOME_USAGE) { /* this machine has none */
        r = 0;
    } else if (r != 0) {
        *reason = why;
        return r;
    }
    r = fleet_verified_load(context, fleet, reason, &verified);
    if (r == 0)
        r = signed_statement_read(&push->repository, &signers, now, reason, &statement);
    if (r == 0)
        r = signed_statement_check(&statement, signers.count > 0 ? push->admin.threshold : 0,
                                   verified.sequence, now, reason);
    return r == OUTCOME_EXPIRING ? 0 : r;
}

/* Reads all manifests, and compares their tree with the statement. */
static int read_manifests(Push *push, Reason *reason)
{
    size_t count = push->repository.host_count;
    _cleanup_(freep) MerkleHash *leaves = calloc(count + 1, sizeof(leaves[0]));
    int r = 0;

    push->manifests = calloc(count + 1, sizeof(push->manifests[0]));
    if (!leaves || !push->manifests)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = sealed_read(&push->repository, push->repository.hosts[i].name, SEALED_MANIFEST,
                        LIMIT_MANIFEST_BYTES, reason, &push->manifests[i]);
        if (r == -ENOENT)
            r = reason_set(reason, OUTCOME_UNSEALED, "nothing was sealed for the host %s",
                           push->repository.hosts[i].name);
        leaves[i] = merkle_leaf(bytes_view(&push->manifests[i]));
    }
    if (r == 0 && count == push->statement.hosts)
        r = merkle_tree_new(leaves, count, &push->tree);
    if (r == 0 && (count != push->statement.hosts ||
                   memcmp(merkle_tree_root(&push->tree), &push->statement.root,
                          sizeof(push->statement.root)) != 0))
        r = reason_set(reason, OUTCOME_NOT_SIGNED,
                       "the sealed files are not those that were signed. Sign them: nspawn-creds "
                       "fleet sign");
    return r;
}

/* --- what the courier gets --- */

static int write_bundle(Push *push, size_t index, const char *path, Reason *reason)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r;

    push->bundle.index = index;
    push->bundle.path_length = merkle_tree_path(&push->tree, index, push->bundle.path);
    push->bundle.manifest = push->manifests[index];
    r = bundle_format(&push->bundle, &text);
    push->bundle.manifest = (Bytes){0};
    return r == 0 ? file_write(path, bytes_view(&text), 0600, true, reason) : r;
}

/* Writes the bundle of the host INDEX, and the lines for it and its files. */
static int list_host(Push *push, size_t index, FILE *list, Reason *reason)
{
    const char *host = push->repository.hosts[index].name, *fleet = push->repository.file.fleet;
    _cleanup_(manifest_done) Manifest manifest = {0};
    char path[PATH_MAX + 80];
    int r = manifest_parse(bytes_view(&push->manifests[index]), reason, &manifest);

    if (r != 0)
        return r;
    for (size_t i = 0; i < manifest.count; i++) {
        char name[CREDENTIAL_NAME_TEXT_BYTES];

        credential_name_format(&manifest.credentials[i].name, name);
        fprintf(list, "v1/%s/sha256/%s\t%s/" SEALED_DIRECTORY "/%s/%s.cred\n", fleet,
                manifest.credentials[i].sha256, push->path, host, name);
    }
    snprintf(path, sizeof(path), "%s/%s", push->folder, host);
    fprintf(list, "v1/%s/hosts/%s/bundle\t%s\n", fleet, host, path);
    return write_bundle(push, index, path, reason);
}

static int make_folder(Push *push, const char *repository, Reason *reason)
{
    const char *temporary = getenv("TMPDIR");
    char folder[PATH_MAX];

    if (!realpath(repository, push->path))
        return reason_set(reason, -errno, "%s", repository);
    if (snprintf(folder, sizeof(folder), "%s/nspawn-creds-push-XXXXXX",
                 temporary && temporary[0] == '/' ? temporary : "/tmp") >= (int)sizeof(folder))
        return reason_set(reason, -ENAMETOOLONG, "$TMPDIR");
    if (!mkdtemp(folder))
        return reason_set(reason, -errno, "cannot make the directory %s", folder);
    strcpy(push->folder, folder);
    return 0;
}

static int push_all(Push *push, Reason *reason)
{
    _cleanup_(secret_freep) Secret *output = NULL;
    _cleanup_(freep) char *text = NULL;
    size_t size = 0;
    FILE *list = open_memstream(&text, &size);
    int r = 0;

    if (!list)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < push->repository.host_count; i++)
        r = list_host(push, i, list, reason);
    if (fclose(list) != 0)
        return -ENOMEM;
    return r == 0
               ? carrier_run(push->admin.carrier, "put", "-",
                             (BytesView){(const uint8_t *)text, size}, OUTPUT_MAX, reason, &output)
               : r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(push_done) Push push = {.repository = REPOSITORY_CLOSED};
    Reason reason = {0};
    int r = repository_open(options->repository, false, &reason, &push.repository);

    (void)arguments;
    if (r == 0)
        r = fleet_admin_load(context, push.repository.file.fleet, &reason, &push.admin);
    if (r == 0 && !push.admin.carrier)
        r = reason_set(&reason, OUTCOME_BAD_FLEET_CONFIG,
                       "your configuration of the fleet %s has no \"carrier\"",
                       push.repository.file.fleet);
    if (r == 0)
        r = read_statement(&push, &reason);
    if (r == 0)
        r = check_statement(&push, context, &reason);
    if (r == 0)
        r = read_manifests(&push, &reason);
    if (r == 0)
        r = make_folder(&push, options->repository, &reason);
    if (r == 0)
        r = push_all(&push, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    output_line(stdout, "Statement %" PRIu64 " of %s is on the carrier, for %zu host%s.",
                push.statement.sequence, push.repository.file.fleet, push.repository.host_count,
                push.repository.host_count == 1 ? "" : "s");
    return 0;
}

const Verb fleet_push = {
    .name = "fleet push",
    .arguments = "",
    .summary = "Put what was signed on the fleet's carrier",
    .details =
        "Makes each host's bundle, and puts sealed files and bundles on the carrier that your\n"
        "configuration of the fleet names. Nothing is pushed that the statement does not\n"
        "cover, or that hosts would refuse.",
    .options = OPTION_REPOSITORY,
    .run = run,
};
