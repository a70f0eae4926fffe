/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential_file.h"

#include "base/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD_BYTES_MAX ((size_t)4096)

/* Whether FILE is what nspawn-creds-courier@.service passes in the place of a file that root does
 * not have: the text "none". */
static bool is_placeholder(const char *file)
{
    static const char none[] = "none";
    char text[sizeof(none)];
    _cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && read(fd, text, sizeof(text)) == sizeof(none) - 1 &&
           memcmp(text, none, sizeof(none) - 1) == 0;
}

int credential_file_path(const char *path, Reason *reason, char **ret)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *name = strrchr(path, '/') + 1;
    _cleanup_(freep) char *copy = NULL;
    char *found;

    if (folder && asprintf(&copy, "%s/%s", folder, name) < 0)
        return reason_set(reason, -ENOMEM, "%s", path);
    if (copy && is_placeholder(copy) && access(path, R_OK) < 0)
        return reason_set(
            reason, OUTCOME_CARRIER_FAILED,
            "%s did not exist when the courier started: create it, and restart the courier", path);
    found = strdup(copy && access(copy, F_OK) == 0 && !is_placeholder(copy) ? copy : path);
    if (!found)
        return reason_set(reason, -ENOMEM, "%s", path);
    *ret = found;
    return 0;
}

int credential_file_password(const char *path, Reason *reason, char **ret)
{
    _cleanup_(freep) char *file = NULL;
    _cleanup_(bytes_done) Bytes content = {0};
    size_t length = 0;
    char *password;
    int r = credential_file_path(path, reason, &file);

    if (r == 0)
        r = file_read(file, PASSWORD_BYTES_MAX, reason, &content);
    if (r != 0)
        return r;
    while (length < content.size && !strchr("\r\n", content.data[length]))
        length++;
    password = strndup((const char *)content.data, length);
    explicit_bzero(content.data, content.size);
    if (!password || length == 0) {
        free(password);
        return length == 0 ? reason_set(reason, OUTCOME_CARRIER_FAILED, "%s is empty", file)
                           : -ENOMEM;
    }
    *ret = password;
    return 0;
}

void password_freep(char **password)
{
    if (*password)
        explicit_bzero(*password, strlen(*password));
    free(*password);
}
