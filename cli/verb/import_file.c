/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/import_file.h"

#include "base/fsutil.h"
#include "base/limits.h"
#include "base/names.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/pretty.h"
#include "terminal/program.h"
#include "terminal/safe_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The identities that agenix uses by default. */
static const char *const host_identities[] = {"/etc/ssh/ssh_host_ed25519_key",
                                              "/etc/ssh/ssh_host_rsa_key", NULL};

const char *const import_format_words[] = {[IMPORT_AUTO] = "auto",
                                           [IMPORT_DOTENV] = "dotenv",
                                           [IMPORT_JSON] = "json",
                                           [IMPORT_YAML] = "yaml",
                                           [IMPORT_SOPS] = "sops",
                                           [IMPORT_AGE] = "age",
                                           [IMPORT_SYSTEMD_CREDS] = "systemd-creds"};

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

static bool begins_with(BytesView text, const char *prefix)
{
    return text.size >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

/* Whether TEXT begins with the id of a kind of credentials, raw or in base64. */
static bool looks_sealed(BytesView text)
{
    _cleanup_(secret_freep) Secret *begin = NULL;
    BytesView encoded = {text.data, 24}; /* of 18 bytes */

    if (text.size < encoded.size)
        return false;
    return pretty_is(text) || kind_find_by_id(text.data) ||
           (secret_from_base64(encoded, NULL, &begin) == 0 && secret_size(begin) >= KIND_ID_BYTES &&
            kind_find_by_id(secret_borrow(begin)));
}

/* sops adds its metadata, which include these words in each of its formats. */
static bool looks_like_sops(BytesView text)
{
    static const char *const words[] = {"sops", "lastmodified", "ENC[AES256_GCM,"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!memmem(text.data, text.size, words[i], strlen(words[i])))
            return false;
    return true;
}

/* Falls back to dotenv, whose reader refuses most other text. */
static ImportFormat guess(const char *path, BytesView text)
{
    size_t i = 0;

    if (looks_sealed(text))
        return IMPORT_SYSTEMD_CREDS;
    if (begins_with(text, "age-encryption.org/") ||
        begins_with(text, "-----BEGIN AGE ENCRYPTED FILE-----"))
        return IMPORT_AGE;
    if (looks_like_sops(text))
        return IMPORT_SOPS;
    while (i < text.size && text.data[i] && strchr(" \t\r\n", text.data[i]))
        i++;
    if (i < text.size && text.data[i] == '{')
        return IMPORT_JSON;
    return has_suffix(path, ".yaml") || has_suffix(path, ".yml") || begins_like_yaml(text)
               ? IMPORT_YAML
               : IMPORT_DOTENV;
}

/* --- opening --- */

/* Reads the plaintext from COMMAND, a program that opens such files. */
static int open_with(const char *const *command, Reason *reason, ImportFile *file)
{
    int r = program_read(command, (BytesView){0}, LIMIT_IMPORT_BYTES, reason, &file->text);

    return r == -ENOENT
               ? reason_set(reason, r, "cannot run %s, which opens such a file", command[0])
               : r;
}

/* One secret a file, as agenix has them. */
static int open_age(const Options *options, const char *path, Reason *reason, ImportFile *file)
{
    const char *const given[] = {options->identity, NULL};
    const char *const *identity = options->identity ? given : host_identities;
    const char *command[8] = {"age", "--decrypt"};
    size_t count = 2;

    for (; *identity; identity++)
        if (options->identity || access(*identity, R_OK) == 0) {
            command[count++] = "--identity";
            command[count++] = *identity;
        }
    if (count == 2)
        return reason_set(reason, OUTCOME_USAGE,
                          "this host has no SSH key that could open it; use --identity=FILE");
    command[count] = path;
    return open_with(command, reason, file);
}

/* sops knows a file's format by its name, and takes all others for one value. */
static int open_sops(const char *path, Reason *reason, ImportFile *file)
{
    static const char *const suffixes[] = {".yaml", ".yml", ".json", ".env", ".ini"};
    const char *command[] = {"sops", "--decrypt", "--output-type", "json", path, NULL};

    file->is_one = true;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        file->is_one = file->is_one && !has_suffix(path, suffixes[i]);
    if (file->is_one)
        command[3] = "binary";
    return open_with(command, reason, file);
}

static int open_sealed(const Context *context, const Options *options, Reason *reason,
                       ImportFile *file)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(context, options);
    _cleanup_(bytes_done) Bytes text = {0}, sealed = {0};
    CredentialSections sections;
    int r;

    /* only what is sealed may leave guarded memory */
    if (!looks_sealed(secret_view(file->text)))
        return reason_set(reason, OUTCOME_MALFORMED, "it does not begin like one");
    r = bytes_dup(secret_view(file->text), &text);
    if (r != 0)
        return r;
    pretty_strip(&text);
    unsealer.spec.allow_unnamed = true;
    unsealer.subject = file->name;
    r = credential_unpack(bytes_view(&text), reason, &sealed, &sections);
    if (r != 0)
        return r;
    file->text = secret_free(file->text);
    return unsealer_open(&unsealer, &sections, NULL, reason, &file->metadata, &file->text);
}

static int open_encrypted(const Context *context, const Options *options, const char *path,
                          Reason *reason, ImportFile *file)
{
    _cleanup_(freep) char *argument = NULL;

    if (file->format == IMPORT_SYSTEMD_CREDS)
        return open_sealed(context, options, reason, file);
    if (strcmp(path, "-") == 0)
        return reason_set(reason, OUTCOME_USAGE, "%s reads such a file itself; name it",
                          import_format_words[file->format]);
    /* no option, whatever it is called */
    if (asprintf(&argument, "%s%s", path[0] == '-' ? "./" : "", path) < 0)
        return -ENOMEM;
    file->text = secret_free(file->text);
    return file->format == IMPORT_AGE ? open_age(options, argument, reason, file)
                                      : open_sops(argument, reason, file);
}

/* The name of the file PATH, without what says that it is encrypted. */
static void set_name(const char *path, ImportFile *file)
{
    static const char *const suffixes[] = {".age", ".cred", ".sops"};
    const char *slash = strrchr(path, '/');

    if (strcmp(path, "-") == 0)
        return; /* standard input has none */
    snprintf(file->name, sizeof(file->name), "%.*s", NAME_MAX, slash ? slash + 1 : path);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (has_suffix(file->name, suffixes[i]))
            file->name[strlen(file->name) - strlen(suffixes[i])] = '\0';
}

int import_file_read(const Context *context, const Options *options, const char *path,
                     Reason *reason, ImportFile *ret)
{
    int r = read_text(path, reason, &ret->text);

    if (r != 0)
        return r;
    ret->format =
        options->from != IMPORT_AUTO ? options->from : guess(path, secret_view(ret->text));
    ret->is_one = ret->format == IMPORT_AGE || ret->format == IMPORT_SYSTEMD_CREDS;
    set_name(path, ret);
    if (options->identity && ret->format != IMPORT_AGE)
        return reason_set(reason, OUTCOME_USAGE, "--identity= is for age; this is %s",
                          import_format_words[ret->format]);
    if (ret->format >= IMPORT_SOPS)
        r = open_encrypted(context, options, path, reason, ret);
    if (r == 0 && options->newline != TRISTATE_AUTO)
        r = ret->is_one ? input_set_newline(&ret->text, options->newline == TRISTATE_YES, reason)
                        : reason_set(reason, OUTCOME_USAGE, "--newline= is for files of one value");
    if (r == 0)
        ret->reader = (ValueFile){.at = secret_borrow(ret->text),
                                  .end = secret_borrow(ret->text) + secret_size(ret->text),
                                  .line = 1};
    return r;
}

int import_file_next(ImportFile *file, Reason *reason, ValueEntry *ret)
{
    if (file->is_one) {
        *ret = (ValueEntry){file->reader.begun ? NULL : file->name, secret_view(file->text), 1};
        file->reader.begun = true;
        return 0;
    }
    if (file->format == IMPORT_DOTENV)
        return value_file_next_dotenv(&file->reader, reason, ret);
    if (!file->reader.begun && !safe_text_is(secret_view(file->text)))
        return reason_set(reason, OUTCOME_USAGE, "it is not UTF-8, or contains control characters");
    return file->format == IMPORT_YAML ? value_file_next_yaml(&file->reader, reason, ret)
                                       : value_file_next_json(&file->reader, reason, ret);
}
