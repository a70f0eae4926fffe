/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/signing.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/timestamp.h"
#include "fleet/ssh_signature.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* A statement that expires within this time has to be renewed. */
#define SOON_USEC     (UINT64_C(14) * 24 * 3600 * 1000 * 1000)
/* How many statements are remembered, and their file, bytes. */
#define HISTORY_LINES ((size_t)100)
#define HISTORY_MAX   ((size_t)64 * 1024)
/* A file with a line for each host, bytes. */
#define LEAVES_MAX    (LIMIT_FLEET_HOSTS * (LIMIT_FLEET_HOST_BYTES + 1 + MERKLE_TEXT_BYTES))

void signed_statement_done(SignedStatement *statement)
{
    bytes_done(&statement->text);
    strings_free(statement->principals);
    *statement = (SignedStatement){0};
}

int signed_statement_check(const SignedStatement *statement, size_t threshold, uint64_t verified,
                           uint64_t now, Reason *reason)
{
    const Statement *content = &statement->statement;
    char until[TIMESTAMP_TEXT_BYTES];

    timestamp_format(content->not_after, until);
    if (content->sequence < verified)
        return reason_set(reason, OUTCOME_OLD_REPOSITORY,
                          "the repository has statement %" PRIu64 ", but statement %" PRIu64
                          " was signed or verified on this machine",
                          content->sequence, verified);
    if (statement->known && statement->count < threshold)
        return reason_set(reason, OUTCOME_UNSIGNED,
                          "statement %" PRIu64 " has %zu of %zu signatures", content->sequence,
                          statement->count, threshold);
    if (content->not_after <= now)
        return reason_set(reason, OUTCOME_UNSIGNED, "statement %" PRIu64 " has expired on %s",
                          content->sequence, until);
    if (content->not_after <= now + SOON_USEC)
        return reason_set(reason, OUTCOME_EXPIRING, "statement %" PRIu64 ", on %s",
                          content->sequence, until);
    return 0;
}

int signature_name(const char *principal, Reason *reason, char name[SIGNATURE_NAME_BYTES])
{
    if (strchr(principal, '/'))
        return reason_set(reason, OUTCOME_BAD_SIGNERS,
                          "the signer \"%.80s\" has a name that cannot be a file's: it contains "
                          "\"/\"",
                          principal);
    snprintf(name, SIGNATURE_NAME_BYTES, STATEMENT_SIGNATURE "%s", principal);
    return 0;
}

/* Whether the file of SIGNER has a signature of TEXT by a key of theirs. 0, OUTCOME_NOT_SIGNED. */
static int check_signature(const Repository *repository, const AllowedSigners *signers,
                           const AllowedSigner *signer, BytesView text, uint64_t now)
{
    _cleanup_(ssh_signature_done) SshSignature signature = {0};
    _cleanup_(bytes_done) Bytes file = {0};
    char name[SIGNATURE_NAME_BYTES];
    const AllowedSigner *by;
    int r = signature_name(signer->principal, NULL, name);

    if (r == 0)
        r = repository_read(repository, NULL, name, LIMIT_SSH_SIGNATURE_BYTES, NULL, &file);
    if (r == 0)
        r = ssh_signature_parse(bytes_view(&file), NULL, &signature);
    if (r == 0)
        r = ssh_signature_verify(&signature, text, NULL);
    if (r != 0)
        return r == -ENOMEM ? r : OUTCOME_NOT_SIGNED;
    by = allowed_signers_find(signers, signature.key);
    return by && strcmp(by->principal, signer->principal) == 0 && allowed_signer_may_sign(by, now)
               ? 0
               : OUTCOME_NOT_SIGNED;
}

int signed_statement_read(const Repository *repository, const AllowedSigners *signers, uint64_t now,
                          Reason *reason, SignedStatement *ret)
{
    _cleanup_(signed_statement_done) SignedStatement statement = {.known = signers->count > 0};
    int r = repository_read(repository, NULL, STATEMENT_FILE, LIMIT_STATEMENT_BYTES, reason,
                            &statement.text);

    if (r == -ENOENT) {
        *ret = (SignedStatement){.known = statement.known};
        return 0;
    }
    if (r == 0) {
        r = statement_parse(bytes_view(&statement.text), reason, &statement.statement);
        if (r > 0)
            r = reason_prefix(reason, OUTCOME_BAD_REPOSITORY, STATEMENT_FILE ": ");
    }
    if (r == 0 && strcmp(statement.statement.fleet, repository->file.fleet) != 0)
        r = reason_set(reason, OUTCOME_BAD_REPOSITORY, "the statement is of the fleet %s",
                       statement.statement.fleet);
    for (size_t i = 0; r == 0 && i < signers->count; i++) {
        const AllowedSigner *signer = &signers->signers[i];

        if (strings_have(statement.principals, signer->principal))
            continue;
        r = check_signature(repository, signers, signer, bytes_view(&statement.text), now);
        if (r == 0 && !strings_add(&statement.principals, &statement.count, signer->principal))
            r = -ENOMEM;
        if (r == OUTCOME_NOT_SIGNED)
            r = 0;
    }
    if (r == 0)
        *ret = TAKE(statement);
    return r;
}

int signed_statement_load(const Repository *repository, const FleetAdmin *admin, uint64_t now,
                          Reason *reason, SignedStatement *ret)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    Reason why = {0};
    int r = fleet_admin_signers(admin, repository->file.fleet, &why, &signers);

    if (r == 0 || r == OUTCOME_USAGE) /* there is no such file */
        return signed_statement_read(repository, &signers, now, reason, ret);
    *reason = why;
    return r;
}

int leaves_root(const KnownLeaves *leaves, MerkleHash *ret)
{
    _cleanup_(merkle_tree_done) MerkleTree tree = {0};
    _cleanup_(freep) MerkleHash *hashes = calloc(leaves->count, sizeof(hashes[0]));
    int r;

    if (!hashes)
        return -ENOMEM;
    for (size_t i = 0; i < leaves->count; i++)
        hashes[i] = leaves->all[i].leaf;
    r = merkle_tree_new(hashes, leaves->count, &tree);
    if (r == 0)
        *ret = *merkle_tree_root(&tree);
    return r;
}

/* Reads the lines of the file NAME in the repository. RET is empty if there is none. */
static int read_lines(const Repository *repository, const char *name, size_t limit, Reason *reason,
                      char **ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = repository_read(repository, NULL, name, limit, reason, &file);

    if (r != 0 && r != -ENOENT)
        return r;
    *ret = strndup(r == 0 ? (const char *)file.data : "", file.size);
    return *ret ? 0 : -ENOMEM;
}

bool leaves_parse(char *text, KnownLeaf *ret, size_t count)
{
    size_t found = 0;
    char *line;

    while (*text && (line = strsep(&text, "\n")) && text) {
        if (found == count || !known_leaf_parse(line, &ret[found]) ||
            (found > 0 && strcmp(ret[found - 1].host, ret[found].host) >= 0))
            return false;
        found++;
    }
    return text && found == count;
}

int leaves_read(const Repository *repository, const Statement *statement, Reason *reason,
                KnownLeaves *ret)
{
    _cleanup_(freep) char *text = NULL;
    _cleanup_(known_leaves_done) KnownLeaves leaves = {.count = statement->hosts};
    MerkleHash root = {0};
    int r = read_lines(repository, STATEMENT_HOSTS, LEAVES_MAX, reason, &text);

    if (r != 0)
        return r;
    leaves.all = calloc(leaves.count + 1, sizeof(leaves.all[0]));
    if (!leaves.all)
        return -ENOMEM;
    if (leaves_parse(text, leaves.all, leaves.count))
        r = leaves_root(&leaves, &root);
    if (r == 0 && !merkle_equal(&root, &statement->root))
        r = reason_set(reason, OUTCOME_UNSIGNED,
                       STATEMENT_HOSTS " has not the hosts that statement %" PRIu64 " covers",
                       statement->sequence);
    if (r == 0)
        *ret = TAKE(leaves);
    return r;
}

int history_read(const Repository *repository, Reason *reason, char **ret)
{
    return read_lines(repository, STATEMENT_HISTORY, HISTORY_MAX, reason, ret);
}

/* Where the last lines of HISTORY begin, one less than are kept. */
static const char *last_lines(const char *history)
{
    size_t lines = 0;

    for (const char *at = history; (at = strchr(at, '\n')); at++)
        lines++;
    for (; lines >= HISTORY_LINES; lines--)
        history = strchr(history, '\n') + 1;
    return history;
}

int history_add(const Repository *repository, const Statement *statement, const char *text,
                Reason *reason)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(freep) char *history = NULL;
    char digest[DIGEST_TEXT_BYTES];
    int r = history_read(repository, NULL, &history);

    if (r < 0)
        return r;
    digest_format(text_view(text), digest);
    writer_format(&writer, "%s%" PRIu64 " %s\n", history ? last_lines(history) : "",
                  statement->sequence, digest);
    return writer.failed ? -ENOMEM
                         : repository_write(repository, NULL, STATEMENT_HISTORY,
                                            bytes_view(&writer.bytes), true, reason);
}

uint64_t history_find(const char *history, const char *digest)
{
    const char *found = strstr(history, digest), *line = found;

    while (line > history && line[-1] != '\n')
        line--;
    return found ? strtoull(line, NULL, 10) : 0;
}

bool host_names_have(char *const *names, size_t count, const char *host)
{
    return ARRAY_FIND(&host, names, count, strings_compare);
}

int host_names_read(const Repository *repository, const char *name, Reason *reason, char ***ret,
                    size_t *ret_count)
{
    _cleanup_(strings_freep) char **names = NULL;
    _cleanup_(freep) char *text = NULL;
    char *rest, *line;
    size_t count = 0;
    int r = read_lines(repository, name, LEAVES_MAX, reason, &text);

    rest = text;
    while (r == 0 && *rest && (line = strsep(&rest, "\n")) && rest) {
        if (!fleet_host_name_valid(line))
            r = reason_set(reason, OUTCOME_BAD_REPOSITORY, "%s: \"%.80s\" is no name of a host",
                           name, line);
        else if (!strings_add(&names, &count, line))
            r = -ENOMEM;
    }
    if (r != 0)
        return r;
    strings_sort(names, count);
    *ret = TAKE_PTR(names);
    *ret_count = count;
    return 0;
}

int host_names_write(const Repository *repository, const char *name, char *const *names,
                     size_t count, Reason *reason)
{
    _cleanup_(writer_done) Writer writer = {0};
    int r;

    for (size_t i = 0; i < count; i++)
        writer_format(&writer, "%s\n", names[i]);
    if (writer.failed)
        return -ENOMEM;
    if (count > 0)
        return repository_write(repository, NULL, name, bytes_view(&writer.bytes), true, reason);
    r = repository_remove(repository, NULL, name, reason);
    return r == -ENOENT ? 0 : r;
}
