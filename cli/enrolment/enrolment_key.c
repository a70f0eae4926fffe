/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "enrolment/enrolment_key.h"

#include "base/fsutil.h"
#include "own_file.h"

#include <errno.h>
#include <sys/stat.h>

#define FILE_NAME "enrolment-key"

_Static_assert(sizeof(((SecretTemporary *)NULL)->bytes) == ENROLMENT_KEY_BYTES,
               "the size of a key");

static int read_key(const Context *context, const char *path, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(closep) int fd = -1;
    struct stat status;
    int r = own_file_open(context, path, reason, &fd);

    if (r == 0 && fstat(fd, &status) < 0)
        return reason_set(reason, -errno, "cannot examine %s", path);
    if (r == 0 && (status.st_mode & 077) != 0)
        return reason_set(reason, OUTCOME_BAD_ENROLMENT_KEY,
                          "others can read %s. It must have mode 0600", path);
    if (r == 0)
        r = secret_read_fd(fd, ENROLMENT_KEY_BYTES, reason, &key);
    if (r == OUTCOME_TOO_LARGE || (r == 0 && secret_size(key) != ENROLMENT_KEY_BYTES))
        return reason_set(reason, OUTCOME_BAD_ENROLMENT_KEY, "%s does not have %zu bytes", path,
                          ENROLMENT_KEY_BYTES);
    if (r == OUTCOME_FILE_UNSAFE) /* the remedy for that is about others' files */
        return OUTCOME_BAD_ENROLMENT_KEY;
    if (r == 0)
        *ret = TAKE_PTR(key);
    return r;
}

int enrolment_key_read(const Context *context, Reason *reason, Secret **ret)
{
    char path[PATH_MAX];
    int r = own_file_path(FILE_NAME, reason, path);

    return r == 0 ? read_key(context, path, reason, ret) : r;
}

/* Another command may be first; its key counts. */
static int make_key(const Context *context, char *path, Reason *reason)
{
    _cleanup_(secret_temporary_done) SecretTemporary key;
    int r;

    context->random(context, key.bytes, sizeof(key.bytes));
    r = own_file_make_parents(path, reason);
    if (r == 0)
        r = own_file_check_parents(context, path, reason);
    if (r == OUTCOME_FILE_UNSAFE)
        return OUTCOME_BAD_ENROLMENT_KEY;
    if (r == 0)
        r = file_write(path, (BytesView){key.bytes, sizeof(key.bytes)}, 0600, false, reason);
    return r == -EEXIST ? 0 : r;
}

int enrolment_key_ensure(const Context *context, Reason *reason, Secret **ret)
{
    char path[PATH_MAX];
    int r = own_file_path(FILE_NAME, reason, path);

    if (r == 0)
        r = read_key(context, path, reason, ret);
    if (r != OUTCOME_NOT_FOUND)
        return r;
    r = make_key(context, path, reason);
    return r == 0 ? read_key(context, path, reason, ret) : r;
}

int enrolment_check(const Context *context, const Identity *identity, Reason *reason)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    int r = enrolment_key_read(context, reason, &key);

    if (r == 0 || r == OUTCOME_NOT_FOUND)
        r = enrolment_check_proof(key, identity, reason);
    return r;
}
