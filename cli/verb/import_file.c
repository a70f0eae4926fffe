/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/import_file.h"

#include "base/fsutil.h"
#include "base/limits.h"
#include "base/names.h"
#include "terminal/safe_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *const import_format_words[] = {[IMPORT_AUTO] = "auto",
                                           [IMPORT_DOTENV] = "dotenv",
                                           [IMPORT_JSON] = "json",
                                           [IMPORT_YAML] = "yaml"};

void import_file_done(ImportFile *file)
{
    secret_free(file->text);
}

static int read_text(const char *path, Reason *reason, Secret **ret)
{
    _cleanup_(closep) int file = -1;

    if (strcmp(path, "-") == 0)
        return isatty(STDIN_FILENO)
                   ? reason_set(reason, OUTCOME_USAGE, "it is a terminal; name a file")
                   : secret_read_fd(STDIN_FILENO, LIMIT_IMPORT_BYTES, reason, ret);
    file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0)
        return reason_set(reason, -errno, "cannot open it");
    return secret_read_fd(file, LIMIT_IMPORT_BYTES, reason, ret);
}

/* Whether the first line of TEXT that is neither empty nor a comment begins like one of YAML. */
static bool begins_like_yaml(BytesView text)
{
    const char *at = (const char *)text.data, *end = at + text.size;

    while (at < end && strchr(" \t\r\n#", *at)) {
        const char *line_end = *at == '#' ? memchr(at, '\n', (size_t)(end - at)) : at;

        at = line_end ? line_end + 1 : end;
    }
    if (end - at >= 3 && memcmp(at, "---", 3) == 0)
        return true;
    while (at < end && *at != ':' && *at != '=' && *at != '\n')
        at++;
    return at < end && *at == ':';
}

/* What does not look like anything else is taken for dotenv, whose reader refuses most. */
static ImportFormat guess(const char *path, BytesView text)
{
    size_t i = 0;

    while (i < text.size && text.data[i] && strchr(" \t\r\n", text.data[i]))
        i++;
    if (i < text.size && text.data[i] == '{')
        return IMPORT_JSON;
    return has_suffix(path, ".yaml") || has_suffix(path, ".yml") || begins_like_yaml(text)
               ? IMPORT_YAML
               : IMPORT_DOTENV;
}

int import_file_read(const Options *options, const char *path, Reason *reason, ImportFile *ret)
{
    ImportFile file = {0};
    int r = read_text(path, reason, &file.text);

    if (r != 0)
        return r;
    file.format =
        options->from != IMPORT_AUTO ? options->from : guess(path, secret_view(file.text));
    file.reader = (ValueFile){.at = secret_borrow(file.text),
                              .end = secret_borrow(file.text) + secret_size(file.text),
                              .line = 1};
    *ret = file;
    return 0;
}

int import_file_next(ImportFile *file, Reason *reason, ValueEntry *ret)
{
    if (file->format == IMPORT_DOTENV)
        return value_file_next_dotenv(&file->reader, reason, ret);
    if (!file->reader.begun && !safe_text_is(secret_view(file->text)))
        return reason_set(reason, OUTCOME_USAGE,
                          "it contains what is no UTF-8, or control characters");
    return file->format == IMPORT_JSON ? value_file_next_json(&file->reader, reason, ret)
                                       : value_file_next_yaml(&file->reader, reason, ret);
}
