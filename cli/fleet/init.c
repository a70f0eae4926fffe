/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet init: makes the repository of a new fleet.
 *
 * fleet.json is written last: without it there is no repository, and the command can be repeated.
 */

#include "base/fsutil.h"
#include "base/shell_word.h"
#include "fleet/masters.h"
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
                                 "/statement -merge\n"
                                 "/statement.sig.* -merge\n";

/* What an interrupted command leaves. */
static const char ignored[] = "*.new/\n"
                              ".nspawn-creds-*.tmp\n";

/* Reads the lines that are typed, up to an empty one. */
static int ask_recipients(Reason *reason, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};
    char line[4096];

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return reason_set(reason, OUTCOME_USAGE,
                          "--recipients=FILE is missing, and there is no terminal to ask on");
    fputs("Who can open the master copies of the secrets? Type at least two recipients, a line\n"
          "each: age's (age1…, see age-keygen) or SSH public keys. End with an empty line.\n",
          stderr);
    for (;;) {
        fputs("Recipient: ", stderr);
        if (!fgets(line, sizeof(line), stdin) || line[0] == '\n')
            break;
        writer_text(&writer, line);
    }
    return writer_take(&writer, ret);
}

/* Reads the recipients and checks that age can encrypt to them. */
static int get_recipients(const Options *options, Reason *reason, Bytes *ret)
{
    _cleanup_(recipients_done) Recipients recipients = {0};
    _cleanup_(bytes_done) Bytes text = {0}, encrypted = {0};
    _cleanup_(secret_freep) Secret *nothing = NULL;
    Reason why = {0};
    int r = options->recipients
                ? file_read(options->recipients, LIMIT_RECIPIENTS_BYTES, reason, &text)
                : ask_recipients(reason, &text);

    if (r != 0)
        return r;
    r = recipients_parse(bytes_view(&text), &why, &recipients);
    if (r > 0)
        return reason_set(reason, OUTCOME_USAGE, "%s: %s",
                          options->recipients ? options->recipients : "the recipients", why.text);
    if (r == 0)
        r = secret_new(0, reason, &nothing);
    if (r == 0)
        r = master_encrypt(&(MasterProgram){0}, &recipients, nothing, reason, &encrypted);
    if (r == 0)
        *ret = TAKE(text);
    return r;
}

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
    if (faccessat(repository->fd, REPOSITORY_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return reason_set(reason, OUTCOME_USAGE, "there already is a %s; nothing was changed",
                          REPOSITORY_FILE);
    return 0;
}

static int write_all(const Repository *repository, BytesView recipients, Reason *reason)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = fleet_file_format(&repository->file, &file);

    if (r == 0)
        r = repository_write(repository, NULL, REPOSITORY_RECIPIENTS, recipients, true, reason);
    if (r == 0)
        r = add_text(repository, ".gitattributes", attributes, reason);
    if (r == 0)
        r = add_text(repository, ".gitignore", ignored, reason);
    if (r == 0)
        r = repository_write(repository, NULL, REPOSITORY_FILE, bytes_view(&file), false, reason);
    return r;
}

/* Notes what to do next, with commands that work where the user is. */
static void say_next_steps(const Options *options, const char *fleet)
{
    bool here = strcmp(options->repository, ".") == 0;
    ShellWord path = shell_word(options->repository);

    output_note("The repository of fleet %s is ready. Run on each host: nspawn-creds host export; "
                "and add what it prints: nspawn-creds fleet add host web1 web1.json%s%s",
                fleet, here ? "" : " --repository=", here ? "" : path.text);
    output_note("Then add the secrets: nspawn-creds fleet add secret db-password "
                "--as=app@db-password --to=web1%s%s",
                here ? "" : " --repository=", here ? "" : path.text);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(bytes_done) Bytes recipients = {0};
    Reason reason = {0};
    int r = 0;

    (void)context;
    if (!fleet_name_valid(arguments[0]))
        r = reason_set(&reason, OUTCOME_USAGE,
                       "\"%.40s\": the name of a fleet consists of up to %zu of a-z, 0-9 and \"-\"",
                       arguments[0], LIMIT_FLEET_NAME_BYTES);
    if (r == 0)
        r = get_recipients(options, &reason, &recipients);
    if (r == 0)
        r = open_directory(options->repository, &reason, &repository);
    if (r == 0) {
        strcpy(repository.file.fleet, arguments[0]);
        r = write_all(&repository, bytes_view(&recipients), &reason);
    }
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (options->json == JSON_OFF)
        say_next_steps(options, arguments[0]);
    else {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "fleet", arguments[0]);
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
        "that no lost key\nloses all secrets. Asks for them without --recipients=.",
    .options = OPTION_REPOSITORY | OPTION_RECIPIENTS | OPTION_JSON,
    .run = run,
};
