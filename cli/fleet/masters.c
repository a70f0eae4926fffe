/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/masters.h"

#include "base/cleanup.h"
#include "base/fsutil.h"
#include "base/limits.h"
#include "terminal/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- recipients --- */

void recipients_done(Recipients *recipients)
{
    free(recipients->text);
    free(recipients->lines);
    *recipients = (Recipients){0};
}

/* The other types of SSH keys cannot be encrypted to. */
static bool is_recipient(const char *line)
{
    static const char *const types[] = {"age1", "ssh-ed25519 ", "ssh-rsa "};

    for (const char *c = line; *c; c++)
        if (*c < ' ' || *c > '~')
            return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strncmp(line, types[i], strlen(types[i])) == 0)
            return true;
    return false;
}

static int add_line(const char *line, size_t number, Reason *reason, Recipients *recipients)
{
    if (!is_recipient(line))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                          "line %zu is neither a recipient of age (age1…) nor a public key of the "
                          "type ssh-ed25519 or ssh-rsa",
                          number);
    for (size_t i = 0; i < recipients->count; i++)
        if (strcmp(recipients->lines[i], line) == 0)
            return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                              "line %zu repeats an earlier recipient", number);
    if (recipients->count == LIMIT_RECIPIENTS)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "there are more than %zu recipients",
                          LIMIT_RECIPIENTS);
    recipients->lines[recipients->count++] = line;
    return 0;
}

int recipients_parse(BytesView file, Reason *reason, Recipients *ret)
{
    _cleanup_(recipients_done) Recipients recipients = {0};
    char *rest, *line;
    int r = 0;

    recipients.text = strndup((const char *)file.data, file.size);
    recipients.lines = calloc(LIMIT_RECIPIENTS, sizeof(recipients.lines[0]));
    if (!recipients.text || !recipients.lines)
        return -ENOMEM;
    if (strlen(recipients.text) < file.size)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "it contains a NUL byte");
    rest = recipients.text;
    for (size_t number = 1; r == 0 && (line = strsep(&rest, "\n")); number++)
        if (line[0] != '\0' && line[0] != '#')
            r = add_line(line, number, reason, &recipients);
    if (r != 0)
        return r;
    if (recipients.count < 2)
        return reason_set(
            reason, OUTCOME_BAD_REPOSITORY,
            recipients.count == 0
                ? "it has no recipients. At least two are needed"
                : "it has one recipient. If that key is lost, so are all master copies: "
                  "add a second one, such as a key that you keep on paper");
    *ret = TAKE(recipients);
    return 0;
}

/* --- values --- */

/* Adds what can be done about the failure R of COMMAND. */
static int explain(int r, const char *const *command, const char *what, Reason *reason)
{
    if (r == -ENOENT && strcmp(command[0], "age") == 0)
        reason_set(
            reason, 0,
            "age is not installed, which encrypts the master copies. On Debian: apt install age");
    else if (r == -ENOENT)
        reason_set(reason, r, "cannot run %.80s, which your configuration names", command[0]);
    else if (r == -ECANCELED)
        reason_set(reason, 0, "%.80s could not %s; its own message says why", command[0], what);
    return r;
}

int master_open(const MasterProgram *program, const char *name, BytesView file, Reason *reason,
                Secret **ret)
{
    static const char magic[] = "age-encryption.org/v1\n", armor[] = "-----BEGIN AGE ";
    const char *const age[] = {"age", "--decrypt", "--identity", program->identity, NULL};
    const char *const *command = program->open ? program->open : age;
    char what[128];
    int r;

    if (!program->open && !program->identity)
        return reason_set(reason, OUTCOME_USAGE,
                          "your age identity is not known: use --identity=FILE");
    if (!program->open &&
        (file.size < strlen(magic) || (memcmp(file.data, magic, strlen(magic)) != 0 &&
                                       memcmp(file.data, armor, strlen(armor)) != 0)))
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "%s is not a file of age", name);
    snprintf(what, sizeof(what), "open %s", name);
    r = program_read(command, file, LIMIT_PLAINTEXT_BYTES, reason, ret);
    if (r == OUTCOME_TOO_LARGE)
        return reason_set(reason, r, "%s has a value of more than %zu bytes", name,
                          LIMIT_PLAINTEXT_BYTES);
    return explain(r, command, what, reason);
}

/* Recipients are public, so that they may be arguments: age encrypts to those that were parsed, and
 * not to what is in the file by then. */
static const char **age_command(const Recipients *recipients)
{
    const char **command = calloc(2 * recipients->count + 3, sizeof(command[0])), **next = command;

    if (!command)
        return NULL;
    *next++ = "age";
    *next++ = "--encrypt";
    for (size_t i = 0; i < recipients->count; i++) {
        *next++ = "--recipient";
        *next++ = recipients->lines[i];
    }
    return command;
}

int master_encrypt(const MasterProgram *program, const Recipients *recipients, const Secret *value,
                   Reason *reason, Bytes *ret)
{
    _cleanup_(freep) const char **age = age_command(recipients);
    const char *const *command = program->encrypt ? program->encrypt : age;
    int r;

    if (!command)
        return -ENOMEM;
    r = program_encrypt(command, value, LIMIT_MASTER_BYTES, reason, ret);
    return explain(r, command, "encrypt the value", reason);
}

/* --- in a repository --- */

#define NEW_SECRETS       REPOSITORY_SECRETS ".new"
/* To whom all masters beside it were encrypted last, in the format of REPOSITORY_RECIPIENTS. */
#define ENCRYPTED_TO      "recipients"
#define MASTER_NAME_BYTES (LIMIT_FLEET_SECRET_BYTES + sizeof(".age"))

static void master_name(const char *secret, char ret[MASTER_NAME_BYTES])
{
    snprintf(ret, MASTER_NAME_BYTES, "%s.age", secret);
}

/* Reads the list in DIRECTORY, or in the repository itself for NULL. */
static int read_list(const Repository *repository, const char *directory, const char *name,
                     Reason *reason, Recipients *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = repository_read(repository, directory, name, LIMIT_RECIPIENTS_BYTES, reason, &file);

    if (r != 0)
        return r;
    return reason_prefix(reason, recipients_parse(bytes_view(&file), reason, ret),
                         "%s%s%s: ", directory ? directory : "", directory ? "/" : "", name);
}

int recipients_read(const Repository *repository, Reason *reason, Recipients *ret)
{
    return read_list(repository, NULL, REPOSITORY_RECIPIENTS, reason, ret);
}

/* The first of ONE that OTHER does not have; NULL if there is none. */
static const char *missing(const Recipients *one, const Recipients *other)
{
    for (size_t i = 0; i < one->count; i++) {
        size_t j = 0;

        while (j < other->count && strcmp(one->lines[i], other->lines[j]) != 0)
            j++;
        if (j == other->count)
            return one->lines[i];
    }
    return NULL;
}

int masters_check_recipients(const Repository *repository, const Recipients *recipients,
                             Reason *reason)
{
    _cleanup_(recipients_done) Recipients last = {0};
    const char *added, *removed;
    int r = read_list(repository, REPOSITORY_SECRETS, ENCRYPTED_TO, reason, &last);

    if (r != 0)
        return r == -ENOENT ? 0 : r;
    added = missing(recipients, &last);
    removed = missing(&last, recipients);
    if (removed)
        return reason_set(reason, OUTCOME_NOT_REKEYED, "%.200s is not listed and can open them",
                          removed);
    return added ? reason_set(reason, OUTCOME_NOT_REKEYED, "%.200s cannot open all of them", added)
                 : 0;
}

bool master_exists(const Repository *repository, const char *secret)
{
    char path[sizeof(REPOSITORY_SECRETS "/") + MASTER_NAME_BYTES];

    snprintf(path, sizeof(path), REPOSITORY_SECRETS "/%s.age", secret);
    return faccessat(repository->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int master_read_file(const Repository *repository, const char *secret, Reason *reason, Bytes *ret)
{
    char name[MASTER_NAME_BYTES];

    master_name(secret, name);
    return repository_read(repository, REPOSITORY_SECRETS, name, LIMIT_MASTER_BYTES, reason, ret);
}

int master_read(const Repository *repository, const MasterProgram *program, const char *secret,
                Reason *reason, Secret **ret, Bytes *ret_file)
{
    char path[sizeof(REPOSITORY_SECRETS "/") + MASTER_NAME_BYTES];
    _cleanup_(bytes_done) Bytes file = {0};
    int r = master_read_file(repository, secret, reason, &file);

    if (r == -ENOENT)
        return reason_set(
            reason, OUTCOME_USAGE,
            "%.60s has no value yet. Give it one: nspawn-creds fleet add secret %.60s", secret,
            secret);
    if (r != 0)
        return r;
    snprintf(path, sizeof(path), REPOSITORY_SECRETS "/%s.age", secret);
    r = master_open(program, path, bytes_view(&file), reason, ret);
    if (r == 0 && ret_file)
        *ret_file = TAKE(file);
    return r;
}

void master_change_done(MasterChange *change)
{
    free(change->secret);
    bytes_done(&change->file);
    *change = (MasterChange){0};
}

bool master_secret(const char *name, char ret[LIMIT_FLEET_SECRET_BYTES + 1])
{
    size_t length = strlen(name) - strlen(".age");

    if (!has_suffix(name, ".age") || length > LIMIT_FLEET_SECRET_BYTES)
        return false;
    snprintf(ret, LIMIT_FLEET_SECRET_BYTES + 1, "%.*s", (int)length, name);
    return fleet_secret_name_valid(ret);
}

/* Gives the files of the directory OLD that are not in INTO yet a second name there. Of the list of
 * recipients, that is left to the caller. RET_MASTERS is how many are masters. */
static int keep_files(int old, int into, Reason *reason, size_t *ret_masters)
{
    _cleanup_(closedirp) DIR *directory = NULL;
    char secret[LIMIT_FLEET_SECRET_BYTES + 1];
    const char *name;
    int r = directory_list(old, REPOSITORY_SECRETS, reason, &directory);

    while (r == 0 && (r = directory_next(directory, REPOSITORY_SECRETS, reason, &name)) == 0 &&
           name) {
        if (strcmp(name, ENCRYPTED_TO) == 0)
            continue;
        if (linkat(old, name, into, name, 0) == 0)
            *ret_masters += master_secret(name, secret);
        else if (errno != EEXIST)
            r = reason_set(reason, -errno, "cannot keep %s/%.80s", REPOSITORY_SECRETS, name);
    }
    return r;
}

/* The list changes when no master is left that was encrypted to others. */
static int write_list(int into, int old, const Recipients *recipients, size_t kept, Reason *reason)
{
    _cleanup_(writer_done) Writer writer = {0};

    if (kept > 0)
        return linkat(old, ENCRYPTED_TO, into, ENCRYPTED_TO, 0) == 0 || errno == ENOENT
                   ? 0
                   : reason_set(reason, -errno, "cannot keep %s/%s", REPOSITORY_SECRETS,
                                ENCRYPTED_TO);
    for (size_t i = 0; i < recipients->count; i++)
        writer_format(&writer, "%s\n", recipients->lines[i]);
    return writer.failed ? -ENOMEM
                         : file_create_at(into, ENCRYPTED_TO, bytes_view(&writer.bytes),
                                          (FileOwnership){0644, (gid_t)-1}, reason);
}

static int fill(int into, int old, const Recipients *recipients, const MasterChange *changes,
                size_t count, Reason *reason)
{
    size_t kept = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        char name[MASTER_NAME_BYTES];

        master_name(changes[i].secret, name);
        r = file_create_at(into, name, bytes_view(&changes[i].file),
                           (FileOwnership){0644, (gid_t)-1}, reason);
    }
    if (r == 0 && old >= 0)
        r = keep_files(old, into, reason, &kept);
    if (r == 0)
        r = write_list(into, old, recipients, kept, reason);
    if (r == 0 && fsync(into) < 0)
        r = reason_set(reason, -errno, "cannot write %s", NEW_SECRETS);
    return r;
}

int masters_write(const Repository *repository, const Recipients *recipients,
                  const MasterChange *changes, size_t count, Reason *reason)
{
    _cleanup_(closep) int old = repository_directory(repository, REPOSITORY_SECRETS), into = -1;
    int r;

    if (old < 0 && old != -ENOENT)
        return reason_set(reason, old, "cannot open the directory %s", REPOSITORY_SECRETS);
    repository_remove_tree(repository->fd, NEW_SECRETS, 1); /* which an interrupted command left */
    if (mkdirat(repository->fd, NEW_SECRETS, 0777) < 0)
        return reason_set(reason, -errno, "cannot make the directory %s", NEW_SECRETS);
    into = repository_directory(repository, NEW_SECRETS);
    r = into < 0 ? reason_set(reason, into, "cannot open %s", NEW_SECRETS)
                 : fill(into, old, recipients, changes, count, reason);
    if (r == 0 && renameat2(repository->fd, NEW_SECRETS, repository->fd, REPOSITORY_SECRETS,
                            old >= 0 ? RENAME_EXCHANGE : RENAME_NOREPLACE) < 0)
        r = reason_set(reason, -errno, "cannot put %s in place", REPOSITORY_SECRETS);
    if (r == 0)
        r = directory_sync(repository->fd, REPOSITORY_SECRETS, reason);
    repository_remove_tree(repository->fd, NEW_SECRETS, 1);
    return r;
}
