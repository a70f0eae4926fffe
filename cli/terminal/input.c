/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/input.h"

#include "base/fsutil.h"
#include "base/limits.h"
#include "credential/format.h"
#include "crypto/generate.h"
#include "terminal/output.h"
#include "terminal/pretty.h"
#include "terminal/safe_text.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Size of a typed secret, including the NUL. */
#define PROMPT_BYTES ((size_t)4096)

static bool is_stdin(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

const char *input_name(const char *path)
{
    return is_stdin(path) ? "standard input" : path;
}

static int ask(const char *prompt, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *answer = NULL;
    int r = secret_new(PROMPT_BYTES, reason, &answer);

    if (r != 0)
        return r;
    if (!readpassphrase(prompt, (char *)secret_borrow(answer), PROMPT_BYTES, RPP_REQUIRE_TTY))
        return reason_set(reason, -errno, "cannot read the secret from the terminal");
    secret_truncate(answer, strlen((const char *)secret_borrow(answer)));
    if (secret_size(answer) == PROMPT_BYTES - 1)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the secret is too long to be typed; use a file");
    *ret = TAKE_PTR(answer);
    return 0;
}

static int ask_twice(const char *name, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *first = NULL, *second = NULL;
    char prompt[LIMIT_SEALED_NAME_BYTES + 40];
    int r;

    snprintf(prompt, sizeof(prompt), "Secret%s%s (not shown): ", name && name[0] ? " for " : "",
             name ? name : "");
    r = ask(prompt, reason, &first);
    if (r == 0)
        r = ask("Repeat: ", reason, &second);
    if (r != 0)
        return r;
    if (!secret_equal(first, second))
        return reason_set(reason, OUTCOME_USAGE, "the two entries differ; nothing was stored");
    *ret = TAKE_PTR(first);
    return 0;
}

int input_read_secret(const char *path, const char *name, Reason *reason, Secret **ret)
{
    _cleanup_(closep) int fd = -1;

    if (is_stdin(path))
        return isatty(STDIN_FILENO)
                   ? ask_twice(name, reason, ret)
                   : secret_read_fd(STDIN_FILENO, LIMIT_PLAINTEXT_BYTES, reason, ret);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open it");
    return secret_read_fd(fd, LIMIT_PLAINTEXT_BYTES, reason, ret);
}

int input_read_file(const char *path, size_t limit, Reason *reason, Bytes *ret)
{
    return is_stdin(path) ? file_read_fd(STDIN_FILENO, input_name(path), limit, reason, ret)
                          : file_read(path, limit, reason, ret);
}

int input_read_sealed(const char *path, Reason *reason, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    int r = input_read_file(path, LIMIT_FILE_BYTES, reason, &file);

    pretty_strip(&file);
    return r == 0 ? credential_decode(bytes_view(&file), reason, ret) : r;
}

/* --- a credential's new value --- */

void input_value_done(InputValue *value)
{
    secret_free(value->secret);
    bytes_done(&value->public);
    *value = (InputValue){0};
}

int input_check_value(const Options *options, const char *path, Reason *reason)
{
    if (path && options->given & OPTION_GENERATE)
        return reason_set(reason, OUTCOME_USAGE, "use a file or --generate=, not both");
    if (path && !is_stdin(path) && access(path, R_OK) < 0)
        return reason_set(reason, -errno, "cannot open %s", path);
    return 0;
}

bool input_has_newline(const Secret *secret)
{
    BytesView view = secret_view(secret);

    return view.size > 0 && view.data[view.size - 1] == '\n';
}

void input_note_newline(const Options *options, const InputValue *value)
{
    BytesView view = secret_view(value->secret);

    if (options->newline == TRISTATE_AUTO && value->public.size == 0 &&
        memchr(view.data, '\n', view.size) == view.data + view.size - 1)
        output_note("The value is a line that ends with a newline, which is part of the value. "
                    "To omit it: --newline=no");
}

int input_set_newline(Secret **value, bool newline, Reason *reason)
{
    size_t size = secret_size(*value);
    Secret *longer;
    int r;

    if (input_has_newline(*value) == newline)
        return 0;
    if (!newline) {
        secret_truncate(*value, size - 1);
        return 0;
    }
    if (size == LIMIT_PLAINTEXT_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE, "the secret is too long for a newline");
    r = secret_new(size + 1, reason, &longer);
    if (r != 0)
        return r;
    memcpy(secret_borrow(longer), secret_borrow(*value), size);
    secret_borrow(longer)[size] = '\n';
    secret_free(*value);
    *value = longer;
    return 0;
}

int input_get_value(const Context *context, const Options *options, const char *path,
                    const char *name, Reason *reason, InputValue *ret)
{
    _cleanup_(input_value_done) InputValue value = {0};
    int r;

    if (options->given & OPTION_GENERATE) {
        r = generate_secret(context, &options->generate, name, reason, &value.secret);
        if (r == 0 && recipe_types[options->generate.type].pair)
            r = generate_public(&options->generate, value.secret, name, reason, &value.public);
    } else
        r = input_read_secret(path, name, reason, &value.secret);
    if (r == 0 && options->newline != TRISTATE_AUTO)
        r = input_set_newline(&value.secret, options->newline == TRISTATE_YES, reason);
    if (r == 0 && secret_size(value.secret) == 0)
        r = reason_set(reason, OUTCOME_EMPTY, "nothing was sealed");
    if (r != 0)
        return r;
    *ret = TAKE(value);
    return 0;
}

/* --- questions --- */

static bool can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

int confirm_possible(const Options *options, Reason *reason)
{
    return options->no_ask || can_ask()
               ? 0
               : reason_set(reason, OUTCOME_USAGE,
                            "there is no terminal to ask on. Use --no-ask to go ahead");
}

int confirm(const Options *options, Reason *reason, const char *question, ...)
{
    _cleanup_(freep) char *text = NULL;
    char answer[16];
    va_list arguments;

    if (options->no_ask)
        return 0;
    va_start(arguments, question);
    text = safe_text_format(question, arguments);
    va_end(arguments);
    if (!can_ask())
        return reason_set(reason, OUTCOME_USAGE,
                          "%s There is no terminal to ask on. Use --no-ask to go ahead", text);
    fprintf(stderr, "%s [y/N] ", text);
    if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
        return reason_set(reason, OUTCOME_USAGE, "not confirmed; nothing was changed");
    return 0;
}

char confirm_choice(const Options *options, const char *letters, const char *question)
{
    char answer[16];

    if (options->no_ask || !can_ask())
        return '\0';
    for (;;) {
        fprintf(stderr, "%s ", question);
        if (!fgets(answer, sizeof(answer), stdin))
            return '\0';
        if (answer[0] != '\0' && answer[1] == '\n' && strchr(letters, answer[0]))
            return answer[0];
    }
}
