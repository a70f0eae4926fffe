/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Benchmark: how many secrets per second are sealed for another host's TPM.
 *
 *     seal_rate [IDENTITY [SECONDS [PROCESSES]]]
 *
 * For comparison it also measures the unavoidable part: a fresh P-256 key and one ECDH, once with
 * libcrypto's EVP and once with crypto/ecdh.c. Absolute numbers depend on the machine, the ratio
 * does not. Sealing includes everything except writing the file: a fresh key in guarded memory, the
 * policy for a PCR, the wrapping, and a credential of 32 bytes in base64. It uses processes,
 * because threads would queue for the mapping and locking of guarded memory.
 */

#include "base/fsutil.h"
#include "base/limits.h"
#include "credential/offline.h"
#include "credential/seal.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

/* Seals between two checks of the clock. */
#define BATCH  16U

/* Seals a second on two processors. */
#define TARGET 5000U

typedef struct Bench {
    Context context;
    Identity identity;
    TpmStorageKey parent;
    EVP_PKEY *peer;
    Secret *plaintext;
} Bench;

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- what is measured; each says whether it worked --- */

static bool seal(const Bench *bench)
{
    _cleanup_(offline_key_done) OfflineKey key = {0};
    _cleanup_(bytes_done) Bytes sealed = {0}, text = {0};
    uint64_t mask = bench->identity.pcrs.mask & UINT64_C(1) << 7;
    OfflineRequest request = {.identity = &bench->identity, .pcrs.mask = mask};
    SealRequest inner = {.plaintext = bench->plaintext,
                         .metadata = {.not_after = USEC_INFINITY, .name = "web@db-password"}};

    if (offline_key_new(&bench->context, &request, NULL, &key) != 0)
        return false;
    inner.kind = key.kind;
    inner.tpm_key = key.key;
    inner.tpm = tpm_sealed_view(&key.sealed);
    return credential_seal(&bench->context, &inner, NULL, &sealed) == 0 &&
           credential_encode(bytes_view(&sealed), &text) == 0;
}

static bool agree(const Bench *bench)
{
    EcdhShared shared;
    EcdhPoint ephemeral;

    return ecdh_agree(&bench->context, &bench->parent.point, &ephemeral, &shared) == 0;
}

static bool agree_evp(const Bench *bench)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    uint8_t shared[32];
    size_t size = sizeof(shared);
    bool good = EVP_PKEY_derive_init(context) == 1 &&
                EVP_PKEY_derive_set_peer(context, bench->peer) == 1 &&
                EVP_PKEY_derive(context, shared, &size) == 1;

    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

/* --- measuring --- */

/* Runs STEP in PROCESSES at a time; how often a second in all of them together. */
static double measure(const Bench *bench, bool (*step)(const Bench *), double seconds,
                      unsigned processes)
{
    double rates = 0, rate;
    int ends[2];

    if (pipe(ends) < 0)
        exit(1);
    for (unsigned i = 0; i < processes; i++) {
        double begin = now(), end = begin;
        uint64_t count = 0;

        if (fork() != 0)
            continue;
        while (end < begin + seconds) {
            for (unsigned j = 0; j < BATCH; j++)
                if (!step(bench))
                    _exit(1);
            count += BATCH;
            end = now();
        }
        rate = (double)count / (end - begin);
        _exit(write(ends[1], &rate, sizeof(rate)) == sizeof(rate) ? 0 : 1);
    }
    for (unsigned i = 0; i < processes; i++) {
        int status;

        if (wait(&status) < 0 || status != 0 || read(ends[0], &rate, sizeof(rate)) != sizeof(rate))
            exit(1);
        rates += rate;
    }
    close(ends[0]);
    close(ends[1]);
    return rates;
}

/* The key that seal() takes. */
static const Bytes *area_of(const Identity *identity)
{
    if (identity->legacy_ecc.size > 0)
        return &identity->legacy_ecc;
    return identity->legacy_rsa.size > 0 ? &identity->legacy_rsa : &identity->srk;
}

static int set_up(const char *path, Bench *bench)
{
    _cleanup_(bytes_done) Bytes file = {0};
    Reason reason = {0};
    int r = context_system(&bench->context);

    if (r == 0)
        r = file_read(path, LIMIT_IDENTITY_BYTES, &reason, &file);
    if (r == 0)
        r = identity_parse(bytes_view(&file), &reason, &bench->identity);
    if (r == 0)
        r = tpm_storage_key_parse(bytes_view(area_of(&bench->identity)), &reason, &bench->parent);
    if (r == 0)
        r = secret_new(32, &reason, &bench->plaintext);
    if (r != 0)
        fprintf(stderr, "%s: %s\n", path, reason.text);
    bench->peer = EVP_EC_gen("P-256");
    return r;
}

static const char *verdict(double sealed)
{
    return sealed >= TARGET ? "met" : "MISSED";
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    unsigned processes = argc > 3 ? (unsigned)atoi(argv[3]) : 2;
    double sealed, bare, evp;
    static Bench bench;

    if (set_up(argc > 1 ? argv[1] : NC_IDENTITY, &bench) != 0)
        return 1;
    sealed = measure(&bench, seal, seconds, processes);
    evp = measure(&bench, agree_evp, seconds, processes);
    if (bench.parent.algorithm == TPM_ALGORITHM_RSA) {
        printf("%u processes: %.0f seals/s, target %u: %s\n", processes, sealed, TARGET,
               verdict(sealed));
        return 0;
    }
    bare = measure(&bench, agree, seconds, processes);
    printf(
        "%u processes: %.0f seals/s, target %u: %s; P-256 key + ECDH: %.0f/s (EVP), %.0f/s (ours)\n"
        "seals to bare P-256: %.2f (EVP), %.2f (ours)\n",
        processes, sealed, TARGET, verdict(sealed), evp, bare, sealed / evp, sealed / bare);
    return 0;
}
