/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet init: makes the repository of a new fleet.
 *
 * fleet.json is written last: without it there is no repository, and the command can be repeated.
 */

#include "base/fsutil.h"
#include "base/shell_word.h"
#include "fleet/admin.h"
#include "fleet/verbs.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Digests are of the exact bytes, which git must not change or merge. */
static const char attributes[] = "* -text\n"
                                 "/secrets/** -diff -merge\n"
                                 "/sealed/** -diff -merge\n"
                                 "/signed/** -diff -merge\n"
                                 "/statement -merge\n"
                                 "/statement.* -merge\n";

/* Leftovers of an interrupted command. */
static const char ignored[] = "*.new/\n"
                              ".nspawn-creds-*.tmp\n";

typedef struct Init {
    const char *fleet;
    char *signers_path, *identity; /* files; NULL if not given */
    Bytes recipients, signers;     /* the content of files; .signers is empty if not given */
    size_t threshold;              /* 0 without signers */
} Init;

static void init_done(Init *init)
{
    free(init->signers_path);
    free(init->identity);
    bytes_done(&init->recipients);
    bytes_done(&init->signers);
}

/* --- questions --- */

/* Asks for the name of a file. NULL for an empty answer. */
static char *ask_file(const char *question)
{
    char line[PATH_MAX];

    fprintf(stderr, "%s (empty: later): ", question);
    if (!fgets(line, sizeof(line), stdin))
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return line[0] ? strdup(line) : NULL;
}

/* Reads the lines that are typed, up to an empty one. */
static int ask_recipients(const Options *options, Reason *reason, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};
    char line[4096];

    if (confirm_possible(options, NULL) != 0)
        return reason_set(reason, OUTCOME_USAGE,
                          "--recipients=FILE is missing, and there is no terminal to ask on");
    fputs(
        "Type the keys that can open the master copies of the secrets, one per line, at least\n"
        "two: age recipients (age1…, see age-keygen) or SSH public keys. End with an empty line.\n",
        stderr);
    for (;;) {
        fputs("Recipient: ", stderr);
        if (!fgets(line, sizeof(line), stdin) || line[0] == '\n')
            break;
        writer_text(&writer, line);
    }
    return writer_take(&writer, ret);
}

static int read_file(const char *path, size_t limit, Reason *reason, Bytes *ret)
{
    int r = file_read(path, limit, reason, ret);

    return r == OUTCOME_TOO_LARGE ? OUTCOME_USAGE : r;
}

/* Without --recipients= all that is not given is asked for. */
static int get_files(const Options *options, Reason *reason, Init *init)
{
    bool asks = !options->recipients;
    int r = asks
                ? ask_recipients(options, reason, &init->recipients)
                : read_file(options->recipients, LIMIT_RECIPIENTS_BYTES, reason, &init->recipients);

    if (r != 0)
        return r;
    if (options->identity)
        init->identity = strdup(options->identity);
    else if (asks)
        init->identity = ask_file("The file with your own age key");
    if (options->signers)
        init->signers_path = strdup(options->signers);
    else if (asks)
        init->signers_path =
            ask_file("The file of those who may sign, allowed signers of ssh-keygen");
    return init->signers_path
               ? read_file(init->signers_path, LIMIT_SIGNERS_BYTES, reason, &init->signers)
               : 0;
}

/* --- checks --- */

/* Checks that age can encrypt to the recipients. */
static int check_recipients(const Options *options, const Init *init, Reason *reason)
{
    _cleanup_(recipients_done) Recipients recipients = {0};
    _cleanup_(bytes_done) Bytes encrypted = {0};
    _cleanup_(secret_freep) Secret *nothing = NULL;
    int r = recipients_parse(bytes_view(&init->recipients), reason, &recipients);

    if (r > 0)
        return reason_prefix(reason, OUTCOME_USAGE,
                             "%s: ", options->recipients ? options->recipients : "the recipients");
    if (r == 0)
        r = secret_new(0, reason, &nothing);
    return r == 0 ? master_encrypt(&(MasterProgram){0}, &recipients, nothing, reason, &encrypted)
                  : r;
}

/* Checks that all keys are supported, and that the threshold is more than half of the signers. */
static int check_signers(const Options *options, Reason *reason, Init *init)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    size_t count;
    int r;

    if (!init->signers_path)
        return options->threshold > 0
                   ? reason_set(reason, OUTCOME_USAGE, "--threshold= is for --signers=FILE")
                   : 0;
    r = allowed_signers_parse(bytes_view(&init->signers), reason, &signers);
    if (r != 0)
        return reason_prefix(reason, r, "%s: ", init->signers_path);
    count = fleet_signers_count(&signers);
    init->threshold = options->threshold > 0 ? options->threshold : count / 2 + 1;
    if (init->threshold > count || 2 * init->threshold <= count)
        return reason_set(reason, OUTCOME_USAGE,
                          "--threshold=%zu: %s has %zu signer%s, and more than half of them must "
                          "sign, or two halves could sign different statements",
                          init->threshold, init->signers_path, count, plural(count));
    return 0;
}

/* Whether FILE has public keys, and not what opens anything: its first line that is no comment. */
static bool is_public(BytesView file)
{
    const char *text = (const char *)file.data, *end = text + file.size;

    while (text && text < end && (*text == '#' || *text == '\n')) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));

        text = line_end ? line_end + 1 : NULL;
    }
    return text && end - text > 4 && (memcmp(text, "age1", 4) == 0 || memcmp(text, "ssh-", 4) == 0);
}

static int check_identity(const Init *init, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};

    if (!init->identity)
        return 0;
    if (access(init->identity, R_OK) < 0)
        return reason_set(reason, -errno, "cannot open %s", init->identity);
    if (file_read(init->identity, LIMIT_RECIPIENTS_BYTES, NULL, &file) == 0 &&
        is_public(bytes_view(&file)))
        return reason_set(reason, OUTCOME_USAGE,
                          "%s contains public keys alone, which open nothing. Name the file with "
                          "your private key, as age-keygen or ssh-keygen made it",
                          init->identity);
    return 0;
}

/* Before anything is asked for. */
static int check_new(const Options *options, Reason *reason)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/" REPOSITORY_FILE, options->repository);
    return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0
               ? 0
               : reason_set(reason, OUTCOME_USAGE,
                            "there already is a %s; nothing was changed. If you need your own "
                            "configuration of this fleet, see fleet-operations.md, \"Another "
                            "administrator's machine\"",
                            REPOSITORY_FILE);
}

static int check_all(const Options *options, Reason *reason, Init *init)
{
    int r = 0;

    if (!fleet_name_valid(init->fleet))
        r = reason_set(reason, OUTCOME_USAGE,
                       "\"%.40s\": the name of a fleet consists of up to %zu of a-z, 0-9 and "
                       "\"-\", with a letter or digit at both ends",
                       init->fleet, LIMIT_FLEET_NAME_BYTES);
    if (r == 0)
        r = check_new(options, reason);
    if (r == 0)
        r = get_files(options, reason, init);
    if (r == 0)
        r = check_recipients(options, init, reason);
    if (r == 0)
        r = check_signers(options, reason, init);
    if (r == 0)
        r = check_identity(init, reason);
    if (r == 0 && (init->identity || init->signers_path))
        r = fleet_admin_check_new(init->fleet, reason);
    return r;
}

/* --- writing --- */

/* Writes the file NAME, or adds TEXT to the one that is there. */
static int add_text(const Repository *repository, const char *name, const char *text,
                    Reason *reason)
{
    _cleanup_(bytes_done) Bytes before = {0}, after = {0};
    _cleanup_(writer_done) Writer writer = {0};
    int r = repository_read(repository, NULL, name, LIMIT_RECIPIENTS_BYTES, reason, &before);

    if (r == 0 && memmem(before.data, before.size, text, strlen(text)))
        return 0;
    if (r != 0 && r != -ENOENT)
        return r;
    writer_bytes(&writer, bytes_view(&before));
    if (before.size > 0 && before.data[before.size - 1] != '\n')
        writer_text(&writer, "\n");
    writer_text(&writer, text);
    r = writer_take(&writer, &after);
    return r == 0 ? repository_write(repository, NULL, name, bytes_view(&after), true, reason) : r;
}

/* Opens the directory PATH, which it makes if it is missing. */
static int open_directory(const char *path, Reason *reason, Repository *repository)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return reason_set(reason, -errno, "cannot make the directory %s", path);
    repository->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (repository->fd < 0)
        return reason_set(reason, -errno, "cannot open the directory %s", path);
    return 0;
}

/* fleet.json comes last: without it, the command can be repeated. */
static int write_all(const Repository *repository, const Init *init, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = fleet_file_format(&repository->file, &file);

    if (r == 0)
        r = repository_write(repository, NULL, REPOSITORY_RECIPIENTS, bytes_view(&init->recipients),
                             true, reason);
    if (r == 0)
        r = add_text(repository, ".gitattributes", attributes, reason);
    if (r == 0)
        r = add_text(repository, ".gitignore", ignored, reason);
    if (r == 0 && (init->identity || init->signers_path))
        r = fleet_admin_create(init->fleet, bytes_view(&init->signers), init->threshold,
                               init->identity, reason);
    if (r == 0)
        r = repository_write(repository, NULL, REPOSITORY_FILE, bytes_view(&file), false, reason);
    return r;
}

/* Notes what to do next, with commands that work where the user is. */
static void say_next_steps(const Options *options, const Init *init)
{
    bool here = strcmp(options->repository, ".") == 0;
    ShellWord path = shell_word(options->repository);

    output_note("The repository of fleet %s is ready. Run on each host: nspawn-creds host export; "
                "and add what it prints: nspawn-creds fleet add host web1 web1.json%s%s",
                init->fleet, here ? "" : " --repository=", here ? "" : path.text);
    output_note("Then add the secrets: nspawn-creds fleet add secret db-password "
                "--as=app@db-password --to=web1%s%s",
                here ? "" : " --repository=", here ? "" : path.text);
    if (init->threshold > 0)
        output_note(
            "%zu of the signers must sign. Each host needs their keys, too, before it accepts "
            "anything: as /etc/nspawn-creds/fleet/%s.signers, with \"threshold\": %zu in "
            "%s.json beside it",
            init->threshold, init->fleet, init->threshold, init->fleet);
}

static int run(const Context *, const Options *options, char **arguments)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(init_done) Init init = {.fleet = arguments[0]};
    Reason reason = {0};
    int r = check_all(options, &reason, &init);

    if (r == 0)
        r = open_directory(options->repository, &reason, &repository);
    if (r == 0) {
        strcpy(repository.file.fleet, init.fleet);
        r = write_all(&repository, &init, &reason);
    }
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->json == JSON_OFF)
        say_next_steps(options, &init);
    else {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "fleet", init.fleet);
        if (init.threshold > 0)
            json_add_number(object, "threshold", init.threshold);
        output_json(object, options->json);
    }
    return 0;
}

const Verb fleet_init = {
    .name = "fleet init",
    .arguments = "FLEET",
    .summary = "Make the repository of a new fleet",
    .details =
        "Writes fleet.json, the recipients, .gitattributes and .gitignore. The recipients are "
        "the\nadministrators who can open the master copies of the secrets: at least two, so "
        "that no lost key\nloses all secrets. Your identity and the signers are for your own "
        "configuration, outside the\nrepository. Asks for what is not given, unless "
        "--recipients= is.",
    .options = OPTION_REPOSITORY | OPTION_RECIPIENTS | OPTION_IDENTITY | OPTION_SIGNERS |
               OPTION_THRESHOLD | OPTION_JSON,
    .run = run,
};
