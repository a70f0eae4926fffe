/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWORD_BYTES_MAX ((size_t)4096)

/* Whether FILE is what nspawn-creds-courier@.service passes in the place of a file that root does
 * not have: the text "none". */
static bool is_placeholder(const char *file)
{
    static const char none[] = "none";
    char text[sizeof(none)];
    _cleanup_(closep) int fd = open(file, O_RDONLY | O_CLOEXEC);

    bool found = fd >= 0 && read(fd, text, sizeof(text)) == sizeof(none) - 1 &&
                 memcmp(text, none, sizeof(none) - 1) == 0;

    secret_erase(text, sizeof(text));
    return found;
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

bool credential_file_changed(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    struct stat copy, now;
    char name[PATH_MAX];

    if (!path || !folder ||
        snprintf(name, sizeof(name), "%s%s", folder, strrchr(path, '/')) >= (int)sizeof(name) ||
        stat(name, &copy) < 0 || stat(path, &now) < 0)
        return false;
    return now.st_ctim.tv_sec > copy.st_ctim.tv_sec || (now.st_ctim.tv_sec == copy.st_ctim.tv_sec &&
                                                        now.st_ctim.tv_nsec > copy.st_ctim.tv_nsec);
}

int credential_file_password(const char *path, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *content = NULL, *password = NULL;
    _cleanup_(freep) char *file = NULL;
    _cleanup_(closep) int fd = -1;
    BytesView text;
    size_t length = 0;
    int r = credential_file_path(path, reason, &file);

    if (r != 0)
        return r;
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open %s", file);
    r = secret_read_fd(fd, PASSWORD_BYTES_MAX, reason, &content);
    if (r != 0)
        return r;
    text = secret_view(content);
    while (length < text.size && !strchr("\r\n", text.data[length]))
        length++;
    if (length == 0)
        return reason_set(reason, OUTCOME_CARRIER_FAILED, "%s is empty", file);
    r = secret_new(length + 1, reason, &password);
    if (r != 0)
        return r;
    memcpy(secret_borrow(password), text.data, length);
    *ret = TAKE_PTR(password);
    return 0;
}
