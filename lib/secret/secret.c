/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guarded memory, based on libsodium's. See secret.h.
 *
 * sodium_malloc() provides guard pages, a canary and wiping. It also locks the memory, but does not
 * report if the kernel refuses, so we call mlock() again. MADV_WIPEONFORK is our addition. A secret
 * ends at the end of its region, directly before the guard page.
 *
 * All this takes a dozen system calls and 30 µs, when the broker has 18 for a whole request
 * (docs/TESTING.md, "requests per second"), so a few regions of one page are kept, wiped, for the
 * next small secrets. They are never used in a forked child, which does not inherit the lock.
 */

#include "secret/secret.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Bytes of a kept region: what libsodium fits into one page of 4 KiB beside its canary. */
#define SPARE_BYTES ((size_t)4096 - 16)
#define SPARES_MAX  16

struct Secret {
    uint8_t *bytes;
    size_t size;
    uint8_t *region; /* sodium_malloc() */
    size_t capacity;
};

/* --- regions --- */

/* Makes forked children see empty pages, because they do not need the secrets. */
static int wipe_on_fork(uint8_t *bytes, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = (uintptr_t)bytes & ~(page - 1);
    uintptr_t end = ((uintptr_t)bytes + size + page - 1) & ~(page - 1);

    return madvise((void *)begin, end - begin, MADV_WIPEONFORK) < 0 ? -errno : 0;
}

/* The kept regions. In a page that is empty in a forked child, which thereby forgets what its
 * parent kept. */
typedef struct Spares {
    size_t count;
    uint8_t *regions[SPARES_MAX];
} Spares;

static Spares *spares; /* NULL: none are kept */

static void make_spares(void)
{
    void *page =
        mmap(NULL, sizeof(Spares), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page != MAP_FAILED && wipe_on_fork(page, sizeof(Spares)) == 0)
        spares = page;
}

static int region_get(size_t capacity, Reason *reason, uint8_t **ret)
{
    uint8_t *region;
    int r;

    if (capacity == SPARE_BYTES && spares && spares->count > 0) {
        *ret = spares->regions[--spares->count];
        return 0;
    }
    region = sodium_malloc(capacity);
    if (!region)
        return reason_set(reason, -ENOMEM, "cannot allocate %zu bytes of guarded memory", capacity);
    if (mlock(region, capacity) < 0) {
        sodium_free(region);
        return reason_set(reason, -ENOMEM,
                          "cannot lock %zu bytes into memory (raise LimitMEMLOCK= or ulimit -l)",
                          capacity);
    }
    r = wipe_on_fork(region, capacity);
    if (r < 0) {
        sodium_free(region);
        return reason_set(reason, r, "cannot hide %zu bytes from child processes", capacity);
    }
    sodium_memzero(region, capacity);
    *ret = region;
    return 0;
}

static void region_put(uint8_t *region, size_t capacity)
{
    if (!spares)
        make_spares();
    if (capacity != SPARE_BYTES || !spares || spares->count == SPARES_MAX) {
        sodium_free(region);
        return;
    }
    sodium_memzero(region, capacity);
    spares->regions[spares->count++] = region;
}

/* --- secrets --- */

int secret_new(size_t size, Reason *reason, Secret **ret)
{
    Secret *secret = calloc(1, sizeof(*secret));
    int r;

    if (!secret)
        return reason_set(reason, -ENOMEM, "cannot allocate %zu bytes", size);
    secret->size = size;
    secret->capacity = size > SPARE_BYTES ? size : SPARE_BYTES;
    r = region_get(secret->capacity, reason, &secret->region);
    if (r != 0) {
        free(secret);
        return r;
    }
    secret->bytes = secret->region + secret->capacity - size;
    *ret = secret;
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

int secret_new_random(const Context *context, size_t size, Reason *reason, Secret **ret)
{
    int r = secret_new(size, reason, ret);

    if (r == 0)
        context->random(context, secret_borrow(*ret), size);
    return r;
}

Secret *secret_free(Secret *secret)
{
    if (secret) {
        region_put(secret->region, secret->capacity);
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

void secret_drop_front(Secret *secret, size_t size)
{
    assert(size <= secret->size);
    sodium_memzero(secret->bytes, size);
    secret->bytes += size;
    secret->size -= size;
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

/* Makes SECRET one of SIZE bytes, in memory of that size, with as many of its bytes as fit. */
static int resize(Secret **secret, size_t size, Reason *reason)
{
    size_t common = size < (*secret)->size ? size : (*secret)->size;
    Secret *resized;
    int r = secret_new(size, reason, &resized);

    if (r != 0)
        return r;
    memcpy(resized->bytes, (*secret)->bytes, common);
    secret_free(*secret);
    *secret = resized;
    return 0;
}

/* Room for what FD probably contains, and for one byte more, to see its end. */
static size_t expected_room(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size < (off_t)SPARE_BYTES)
        return SPARE_BYTES;
    return (size_t)status.st_size + 1;
}

int secret_read_fd(int fd, size_t limit, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    size_t most = limit + 1; /* one more, to detect that there is more */
    size_t room = expected_room(fd), size = 0;
    ssize_t n;
    int r = secret_new(room < most ? room : most, reason, &secret);

    if (r != 0)
        return r;
    do {
        if (size == secret->size)
            r = resize(&secret, size < most / 2 ? 2 * size : most, reason);
        if (r != 0)
            return r;
        n = read(fd, secret->bytes + size, secret->size - size);
        if (n < 0 && errno != EINTR)
            return reason_set(reason, -errno, "cannot read");
        if (n > 0)
            size += (size_t)n;
    } while (n != 0 && size <= limit);
    if (size > limit)
        return reason_set(reason, OUTCOME_TOO_LARGE, "there are more than %zu bytes", limit);
    if (secret->size - size > SPARE_BYTES) /* otherwise it would save nothing */
        r = resize(&secret, size, reason);
    if (r != 0)
        return r;
    secret_truncate(secret, size);
    *ret = TAKE_PTR(secret);
    return 0;
}

int secret_to_base64(BytesView bytes, Reason *reason, Secret **ret)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    int r = secret_new(size, reason, ret);

    if (r != 0)
        return r;
    sodium_bin2base64((char *)secret_borrow(*ret), size, bytes.data, bytes.size,
                      sodium_base64_VARIANT_ORIGINAL);
    secret_truncate(*ret, size - 1);
    return 0;
}

int secret_from_base64(BytesView text, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *bytes = NULL;
    size_t size;
    int r = secret_new(text.size / 4 * 3 + 3, reason, &bytes);

    if (r != 0)
        return r;
    if (sodium_base642bin(secret_borrow(bytes), secret_size(bytes), (const char *)text.data,
                          text.size, "\r\n", &size, NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
        return reason_set(reason, OUTCOME_MALFORMED, "this is not base64");
    secret_truncate(bytes, size);
    *ret = TAKE_PTR(bytes);
    return 0;
}

int secret_harden_process(Reason *reason)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return reason_set(reason, -errno, "cannot make this process undumpable");
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) < 0)
        return reason_set(reason, -errno, "cannot disable core dumps");
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
