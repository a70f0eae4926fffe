/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guarded memory on libsodium's. See secret.h.
 *
 * sodium_malloc() brings guard pages, a canary and wiping, and locks what it hands out, but does
 * not say when the kernel refused to: hence the second sodium_mlock(), which does. MADV_DONTDUMP is
 * part of both; MADV_WIPEONFORK is ours.
 */

#include "secret/secret.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct Secret {
    uint8_t *bytes; /* sodium_malloc() */
    size_t size;
    size_t allocated;
};

/* Empties the pages in forked children, which have no business with them. */
static int wipe_on_fork(uint8_t *bytes, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)bytes & ~(page - 1);
    uintptr_t end = ((uintptr_t)bytes + size + page - 1) & ~(page - 1);

    return madvise((void *)begin, end - begin, MADV_WIPEONFORK) < 0 ? -errno : 0;
}

int secret_new(size_t size, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    size_t allocated = size ? size : 1;

    secret = calloc(1, sizeof(*secret));
    if (!secret)
        return reason_set(reason, -ENOMEM, "cannot allocate %zu bytes", size);
    secret->bytes = sodium_malloc(allocated);
    if (!secret->bytes)
        return reason_set(reason, -ENOMEM, "cannot allocate %zu bytes of guarded memory", size);
    secret->size = size;
    secret->allocated = allocated;
    if (sodium_mlock(secret->bytes, allocated) < 0)
        return reason_set(reason, -ENOMEM,
                          "cannot lock %zu bytes into memory (raise LimitMEMLOCK= or ulimit -l)",
                          size);
    if (wipe_on_fork(secret->bytes, allocated) < 0)
        return reason_set(reason, -errno, "cannot keep %zu bytes from forked processes", size);
    memset(secret->bytes, 0, allocated);
    *ret = TAKE_PTR(secret);
    return 0;
}

int secret_new_from(BytesView view, Reason *reason, Secret **ret)
{
    Secret *secret;
    int r = secret_new(view.size, reason, &secret);

    if (r != 0)
        return r;
    if (view.size)
        memcpy(secret->bytes, view.data, view.size);
    *ret = secret;
    return 0;
}

Secret *secret_free(Secret *secret)
{
    if (secret) {
        sodium_free(secret->bytes);
        free(secret);
    }
    return NULL;
}

size_t secret_size(const Secret *secret)
{
    return secret->size;
}

void secret_truncate(Secret *secret, size_t size)
{
    assert(size <= secret->size);
    sodium_memzero(secret->bytes + size, secret->size - size);
    secret->size = size;
}

uint8_t *secret_borrow(Secret *secret)
{
    return secret->bytes;
}

BytesView secret_view(const Secret *secret)
{
    return (BytesView){secret->bytes, secret->size};
}

bool secret_equal(const Secret *a, const Secret *b)
{
    return a->size == b->size && sodium_memcmp(a->bytes, b->bytes, a->size) == 0;
}

int secret_read_fd(int fd, size_t limit, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    size_t size = 0;
    ssize_t n;
    int r;

    /* One byte more than the limit tells "exactly that much" from "too much". */
    r = secret_new(limit + 1, reason, &secret);
    if (r != 0)
        return r;
    do {
        n = read(fd, secret->bytes + size, limit + 1 - size);
        if (n < 0 && errno != EINTR)
            return reason_set(reason, -errno, "cannot read");
        if (n > 0)
            size += (size_t)n;
    } while (n != 0 && size <= limit);
    if (size > limit)
        return reason_set(reason, OUTCOME_TOO_LARGE, "more than %zu bytes", limit);
    secret_truncate(secret, size);
    *ret = TAKE_PTR(secret);
    return 0;
}

int secret_harden_process(Reason *reason)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return reason_set(reason, -errno, "cannot make the process undumpable");
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) < 0)
        return reason_set(reason, -errno, "cannot forbid core dumps");
    return 0;
}

void secret_erase(void *bytes, size_t size)
{
    sodium_memzero(bytes, size);
}

void secret_temporary_done(SecretTemporary *temporary)
{
    sodium_memzero(temporary->bytes, sizeof(temporary->bytes));
}
