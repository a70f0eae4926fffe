/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "key/host_key.h"

#include "base/fsutil.h"
#include "key/machine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

/* Size of the machine binding before the key. */
#define BINDING_BYTES (HOST_KEY_FILE_BYTES - HOST_KEY_BYTES)
/* The only mode that systemd accepts. */
#define HOST_KEY_MODE ((mode_t)0400)

/* systemd's application id for the binding, d3acecba0dad4cdfb8c9381528936c58. */
static const sd_id128_t credential_app_id =
    SD_ID128_MAKE(d3, ac, ec, ba, 0d, ad, 4c, df, b8, c9, 38, 15, 28, 93, 6c, 58);

_Static_assert(BINDING_BYTES == sizeof(sd_id128_t), "the binding is an id");

const char *host_key_path(void)
{
    const char *path = secure_getenv("SYSTEMD_CREDENTIAL_SECRET");

    return path && *path ? path : HOST_KEY_PATH;
}

/* --- machine binding --- */

/* Like sd_id128_get_machine_app_specific(), but for any root: HMAC-SHA256 of the application id,
 * keyed with the machine id, truncated to 16 bytes and marked as a random UUID. */
static int machine_binding(const Context *context, Reason *reason, sd_id128_t *ret)
{
    uint8_t digest[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    sd_id128_t machine_id;
    int r = machine_id_read(context, reason, &machine_id);

    if (r != 0)
        return r;
    crypto_auth_hmacsha256_init(&state, machine_id.bytes, sizeof(machine_id.bytes));
    crypto_auth_hmacsha256_update(&state, credential_app_id.bytes, sizeof(credential_app_id.bytes));
    crypto_auth_hmacsha256_final(&state, digest);
    memcpy(ret->bytes, digest, sizeof(ret->bytes));
    ret->bytes[6] = (uint8_t)((ret->bytes[6] & 0x0f) | 0x40);
    ret->bytes[8] = (uint8_t)((ret->bytes[8] & 0x3f) | 0x80);
    return 0;
}

/* --- loading --- */

int host_key_state(BytesView host_key, Reason *reason, Secret **ret)
{
    crypto_hash_sha256_state state;
    int r;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, host_key.data, host_key.size);
    r = secret_new_from((BytesView){(const uint8_t *)&state, sizeof(state)}, reason, ret);
    secret_erase(&state, sizeof(state));
    return r;
}

/* SHA-256 of the key alone is what systemd seals with, so more is hashed. */
void host_key_fingerprint(const Secret *state, char ret[HOST_KEY_FINGERPRINT_BYTES])
{
    static const char purpose[] = "nspawn-creds host key fingerprint";
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state hash;
    BytesView view = secret_view(state);

    assert(view.size == sizeof(hash));
    memcpy(&hash, view.data, sizeof(hash));
    crypto_hash_sha256_update(&hash, (const uint8_t *)purpose, sizeof(purpose));
    crypto_hash_sha256_final(&hash, digest);
    secret_erase(&hash, sizeof(hash));
    sodium_bin2hex(ret, HOST_KEY_FINGERPRINT_BYTES, digest, HOST_KEY_FINGERPRINT_BYTES / 2);
}

int host_key_check(const struct stat *status, uid_t owner, const char *path, Reason *reason)
{
    if (S_ISLNK(status->st_mode))
        return reason_set(reason, OUTCOME_HOST_KEY_UNSAFE, "%s is a symbolic link", path);
    if (!S_ISREG(status->st_mode))
        return reason_set(reason, OUTCOME_HOST_KEY_UNSAFE, "%s is not a regular file", path);
    if (status->st_nlink != 1)
        return reason_set(reason, OUTCOME_HOST_KEY_UNSAFE, "%s has %lu links, but must have one",
                          path, (unsigned long)status->st_nlink);
    if (status->st_uid != 0 && status->st_uid != owner)
        return reason_set(reason, OUTCOME_HOST_KEY_UNSAFE,
                          "%s belongs to user %u, but must belong to root", path, status->st_uid);
    if ((status->st_mode & 07777) != HOST_KEY_MODE)
        return reason_set(reason, OUTCOME_HOST_KEY_UNSAFE, "%s has mode %04o, but must have %04o",
                          path, status->st_mode & 07777U, HOST_KEY_MODE);
    if (status->st_size != (off_t)HOST_KEY_FILE_BYTES)
        return reason_set(reason, OUTCOME_HOST_KEY_UNSAFE, "the size of %s is not %zu bytes", path,
                          HOST_KEY_FILE_BYTES);
    return 0;
}

bool host_key_stamp_equal(const HostKeyStamp *a, const HostKeyStamp *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec;
}

int host_key_check_source(const Context *context, Reason *reason, HostKeyStamp *ret)
{
    char path[PATH_MAX];
    struct stat status;
    int r;

    snprintf(path, sizeof(path), "%s%s", context->root, HOST_KEY_PATH);
    if (lstat(path, &status) < 0) {
        if (errno != ENOENT)
            return reason_set(reason, -errno, "cannot look at %s", path);
        *ret = (HostKeyStamp){0};
        return 0;
    }
    r = host_key_check(&status, context->trusted_uid, path, reason);
    if (r == 0)
        *ret = (HostKeyStamp){true, status.st_dev, status.st_ino, status.st_mtim};
    return r;
}

static int open_key(const char *path, Reason *reason, int *ret_fd)
{
    _cleanup_(closep) int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return reason_set(reason, OUTCOME_HOST_KEY_MISSING, "%s does not exist", path);
    if (fd < 0)
        return reason_set(reason, -errno, "cannot open %s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int read_key(const Context *context, int fd, const char *path, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *file = NULL;
    sd_id128_t binding;
    BytesView view;
    int r;

    r = secret_read_fd(fd, HOST_KEY_FILE_BYTES, reason, &file);
    if (r < 0)
        return r;
    if (r != 0 || secret_size(file) != HOST_KEY_FILE_BYTES)
        return reason_set(reason, OUTCOME_HOST_KEY_UNSAFE, "the size of %s is not %zu bytes", path,
                          HOST_KEY_FILE_BYTES);
    r = machine_binding(context, reason, &binding);
    if (r != 0)
        return r;
    view = secret_view(file);
    if (memcmp(view.data, binding.bytes, BINDING_BYTES) != 0)
        return reason_set(reason, OUTCOME_HOST_KEY_FOREIGN,
                          "%s was made for another machine id than the one of this host", path);
    return host_key_state((BytesView){view.data + BINDING_BYTES, HOST_KEY_BYTES}, reason, ret);
}

int host_key_load(const Context *context, const char *path, Reason *reason, Secret **ret)
{
    _cleanup_(closep) int fd = -1;
    struct stat status;
    int r = 0;

    /* before it is opened, because links and sockets cannot be; and the file that was opened */
    if (lstat(path, &status) == 0)
        r = host_key_check(&status, geteuid(), path, reason);
    if (r == 0)
        r = open_key(path, reason, &fd);
    if (r == 0 && fstat(fd, &status) < 0)
        r = reason_set(reason, -errno, "cannot look at %s", path);
    if (r == 0)
        r = host_key_check(&status, geteuid(), path, reason);
    return r == 0 ? read_key(context, fd, path, reason, ret) : r;
}

int host_key_load_passed(const Context *context, const char *path, Reason *reason, Secret **ret)
{
    static const char none[] = "none";
    _cleanup_(closep) int fd = -1;
    char text[sizeof(none)];
    int r = open_key(path, reason, &fd);

    if (r != 0)
        return r;
    if (pread(fd, text, sizeof(text), 0) == sizeof(none) - 1 &&
        memcmp(text, none, sizeof(none) - 1) == 0)
        return reason_set(reason, OUTCOME_HOST_KEY_MISSING,
                          "the host had no key when this service started");
    return read_key(context, fd, path, reason, ret);
}

int host_key_lost(const char *path, size_t users, Reason *reason)
{
    return reason_set(reason, OUTCOME_HOST_KEY_LOST, "%s does not exist, and %zu %s it", path,
                      users, users == 1 ? "credential needs" : "credentials need");
}

/* --- making --- */

static int make_key(const Context *context, const char *path, Reason *reason)
{
    _cleanup_(secret_freep) Secret *file = NULL;
    sd_id128_t binding;
    int r;

    r = machine_binding(context, reason, &binding);
    if (r == 0)
        r = secret_new(HOST_KEY_FILE_BYTES, reason, &file);
    if (r != 0)
        return r;
    memcpy(secret_borrow(file), binding.bytes, BINDING_BYTES);
    context->random(context, secret_borrow(file) + BINDING_BYTES, HOST_KEY_BYTES);
    return file_write(path, secret_view(file), HOST_KEY_MODE, false, reason);
}

int host_key_ensure(const Context *context, const char *path, Reason *reason, Secret **ret,
                    bool *ret_made)
{
    bool made = false;
    int r = host_key_load(context, path, reason, ret);

    if (r == OUTCOME_HOST_KEY_MISSING) {
        r = make_key(context, path, reason);
        made = r == 0;
        /* Another process was faster: use its key. */
        if (r == 0 || r == -EEXIST)
            r = host_key_load(context, path, reason, ret);
    }
    if (r == 0 && ret_made)
        *ret_made = made;
    return r;
}
