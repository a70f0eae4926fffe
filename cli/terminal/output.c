/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/output.h"

#include "base/fsutil.h"
#include "base/json.h"
#include "base/names.h"
#include "broker_units.h"
#include "terminal/safe_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_FILE_MODE ((mode_t)0600)
#define WRITE_FAULT      "cannot write the output"
#define COLUMNS          ((size_t)80)
#define LEAST_COLUMNS    20U /* text in fewer columns than that is hard to read */

bool output_is_stdout(const char *path)
{
    return !path || strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0;
}

/* Whether errors and notes are JSON. */
static bool json_messages;

void output_messages_in_json(void)
{
    json_messages = true;
}

/* The errno of the first flush of standard output that failed; 0 if it is not known. */
static int write_error;

void output_flush(void)
{
    if (screen_finish())
        return;
    if (fflush(stdout) != 0 && write_error == 0)
        write_error = errno;
}

int output_finish(int rc)
{
    Reason reason = {0};

    if (screen_finish())
        return rc;
    output_flush();
    /* a pipe whose reader has seen enough is no failure */
    if ((!ferror(stdout) && write_error == 0) || write_error == EPIPE)
        return rc;
    reason_set(&reason, -write_error, WRITE_FAULT);
    output_error(-EIO, NULL, &reason);
    return rc == 0 ? -EIO : rc;
}

void output_line(FILE *stream, const char *format, ...)
{
    va_list arguments;

    _cleanup_(freep) char *text = NULL;

    va_start(arguments, format);
    text = safe_text_format(format, arguments);
    va_end(arguments);
    if (stream == stderr)
        output_flush(); /* results that belong before it */
    fprintf(stream, "%s\n", text);
}

/* The command with which TEXT ends; NULL if it ends with none. */
static const char *command_at_end(const char *text)
{
    static const char *const programs[] = {"nspawn-creds ", "systemctl ", "journalctl ", "tpm2_"};
    const char *command = NULL;

    for (const char *colon = text; (colon = strstr(colon, ": ")); colon += 2)
        command = colon + 2;
    for (size_t i = 0; command && i < sizeof(programs) / sizeof(programs[0]); i++)
        if (strncmp(command, programs[i], strlen(programs[i])) == 0 && !strstr(command, ". "))
            return command;
    return NULL;
}

const char *output_full_stop(const char *remedy)
{
    return has_suffix(remedy, ".") || command_at_end(remedy) ? "" : ".";
}

/* A command is not broken, so that it can be pasted. */
static void wrap(FILE *stream, size_t columns, size_t indent, const char *text)
{
    const char *command = command_at_end(text);
    size_t column = indent;

    for (const char *word = text; *word; word += strspn(word, " \n")) {
        size_t length = word == command ? strlen(word) : strcspn(word, " \n");

        if (column > indent && column + 1 + length > columns) {
            fprintf(stream, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent)
            column += (size_t)fprintf(stream, " ");
        column += (size_t)fprintf(stream, "%.*s", (int)length, word);
        word += length;
    }
}

void output_wrapped(size_t indent, const char *text)
{
    wrap(stdout, COLUMNS, indent, text);
    putchar('\n');
}

void output_text(Colour colour, size_t indent, const char *text)
{
    _cleanup_(freep) char *wrapped = NULL;
    size_t columns = screen_columns(), size;
    FILE *stream = open_memstream(&wrapped, &size);

    if (!stream)
        abort();
    if (columns >= indent + LEAST_COLUMNS)
        wrap(stream, columns, indent, text);
    else
        fputs(text, stream);
    if (fclose(stream) != 0)
        abort();
    screen_put(colour, wrapped);
    putchar('\n');
}

const char *output_remedy(int rc, const char *machine, const char *id, const Reason *reason,
                          char ret[OUTCOME_REMEDY_BYTES])
{
    return has_suffix(reason->text, "?") || command_at_end(reason->text)
               ? NULL
               : outcome_remedy_for(rc, machine, id, ret);
}

int output_error(int rc, const char *subject, const Reason *reason)
{
    return output_error_more(rc, subject, 0, reason);
}

/* Prints OBJECT as a line, or lines, and takes it. */
static void put_json(struct json_object *object, JsonMode mode, FILE *stream)
{
    int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
                (mode == JSON_PRETTY ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
                                     : JSON_C_TO_STRING_PLAIN);
    const char *text = json_object_to_json_string_ext(object, flags);

    if (text)
        safe_text_put_json(text, stream);
    else
        write_error = ENOMEM;
    putc('\n', stream);
    json_object_put(object);
}

static void put_json_message(struct json_object *object)
{
    output_flush();
    put_json(object, JSON_SHORT, stderr);
}

int output_error_more(int rc, const char *subject, size_t more, const Reason *reason)
{
    bool is_machine = subject && machine_name_valid(subject),
         alone = rc < 0 || rc == OUTCOME_USAGE || rc == OUTCOME_INVALID_NAME ||
                 (rc == OUTCOME_NOT_FOUND && is_machine);
    const char *sentence = outcome_sentence(rc), *words, *remedy;
    char text[OUTCOME_REMEDY_BYTES], what[sizeof(reason->text) + 160], others[32] = "";
    CredentialName name = {0};
    Reason why = *reason;

    if (is_machine)
        strcpy(name.machine, subject);
    else if (subject)
        (void)credential_name_parse(subject, NULL, &name);
    remedy = rc == OUTCOME_BROKER_UNREACHABLE && broker_units_explain(&why, text)
                 ? text
                 : output_remedy(rc, name.machine, name.id, reason, text);
    words = why.text;
    snprintf(what, sizeof(what), "%s%s%s", words[0] && alone ? "" : sentence,
             words[0] && !alone ? ": " : "", words);
    if (json_messages) {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "error", outcome_name(rc));
        json_add_text(object, "subject", subject);
        if (more > 0)
            json_add_number(object, "more", more);
        json_add_text(object, "message", what);
        json_add_text(object, "remedy", remedy);
        put_json_message(object);
        return rc;
    }
    if (subject && more == 0 && alone && strstr(words, subject))
        subject = NULL; /* the words name it */
    if (more > 0)
        snprintf(others, sizeof(others), " and %zu more", more);
    output_line(stderr, "nspawn-creds: %s%s%s%s%s", subject ? subject : "", others,
                subject ? ": " : "", what, has_suffix(words, "?") ? "" : output_full_stop(words));
    if (remedy)
        output_line(stderr, "  %s%s", remedy, output_full_stop(remedy));
    return rc;
}

void output_note(const char *format, ...)
{
    _cleanup_(freep) char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = safe_text_format(format, arguments);
    va_end(arguments);
    if (json_messages) {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "note", text);
        put_json_message(object);
    } else
        output_line(stderr, "nspawn-creds: %s", text);
}

void output_json(struct json_object *object, JsonMode mode)
{
    put_json(object, mode, stdout);
}

static int write_stdout(BytesView view, Reason *reason)
{
    int r = file_write_fd(STDOUT_FILENO, view);

    return r == 0 ? 0 : reason_set(reason, r, WRITE_FAULT);
}

/* Whether PATH is a device or a pipe, such as /dev/null, to write into and not to replace. */
static bool is_special(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static int write_path(const char *path, BytesView content, mode_t mode, Reason *reason)
{
    _cleanup_(closep) int fd = -1;
    struct stat status;
    int r;

    if (!is_special(path))
        return file_write(path, content, mode, true, reason);
    fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        r = -errno;
    else /* it may have been swapped for a link to a file */
        r = S_ISREG(status.st_mode) ? -EBUSY : file_write_fd(fd, content);
    return r == 0 ? 0 : reason_set(reason, r, "cannot write %s", path);
}

int output_check(const char *path, Reason *reason)
{
    const char *name;
    _cleanup_(freep) char *folder = output_is_stdout(path) ? NULL : file_parent(path, &name);
    struct stat status;

    if (output_is_stdout(path) || is_special(path))
        return 0;
    if (!folder)
        return -ENOMEM;
    if (access(folder, W_OK) < 0)
        return reason_set(reason, -errno, "cannot write to the directory %s", folder);
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return reason_set(reason, -EISDIR, "cannot write %s", path);
    return 0;
}

int output_sealed(const char *path, BytesView sealed, Reason *reason)
{
    if (output_is_stdout(path))
        return write_stdout(sealed, reason);
    return write_path(path, sealed, SEALED_FILE_MODE, reason);
}

int output_secret(const char *path, const Secret *secret, Tristate newline, Reason *reason)
{
    BytesView view = secret_view(secret);
    bool terminal = isatty(STDOUT_FILENO), has = view.size > 0 && view.data[view.size - 1] == '\n';
    int r;

    if (!path && terminal)
        return reason_set(reason, OUTCOME_USAGE,
                          "the secret would be shown on the terminal; if you want that, use \"-\" "
                          "as OUTPUT");
    if (!output_is_stdout(path))
        return write_path(path, view, SECRET_FILE_MODE, reason);
    r = write_stdout(view, reason);
    if (r == 0 && (newline == TRISTATE_YES || (newline == TRISTATE_AUTO && terminal && !has)))
        r = write_stdout((BytesView){(const uint8_t *)"\n", 1}, reason);
    return r;
}
